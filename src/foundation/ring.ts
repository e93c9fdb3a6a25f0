/** Owns a queue that is addressed by ever-rising positions and forgets from its tail; positions never restart. */

const INITIAL_CAPACITY = 16;

/** Items at consecutive positions `[tail, head)`. */
export class Ring<T> {
  #slots: (T | undefined)[] = emptySlots(INITIAL_CAPACITY);
  #tail: number;
  #head: number;

  /** The first item pushed gets position `start`. */
  constructor(start: number = 0) {
    this.#tail = start;
    this.#head = start;
  }

  /** Position of the oldest item. */
  get tail(): number {
    return this.#tail;
  }

  /** Position that the next item will get. */
  get head(): number {
    return this.#head;
  }

  get size(): number {
    return this.#head - this.#tail;
  }

  /** Appends and answers the item's position. */
  push(item: T): number {
    if (this.size === this.#slots.length) this.#grow();
    this.#slots[this.#index(this.#head)] = item;
    return this.#head++;
  }

  /** The item at a position, undefined when it is forgotten or not there yet. */
  at(position: number): T | undefined {
    if (position < this.#tail || position >= this.#head) return undefined;
    return this.#slots[this.#index(position)];
  }

  /** Forgets and answers the oldest item. */
  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const index = this.#index(this.#tail);
    const item = this.#slots[index];
    this.#slots[index] = undefined;
    this.#tail += 1;
    return item;
  }

  #index(position: number): number {
    // The capacity is a power of two; positions go beyond 32 bits, so no bit mask.
    return position % this.#slots.length;
  }

  #grow(): void {
    const slots = emptySlots<T>(this.#slots.length * 2);
    for (let position = this.#tail; position < this.#head; position++) {
      slots[position % slots.length] = this.#slots[this.#index(position)];
    }
    this.#slots = slots;
  }
}

function emptySlots<T>(capacity: number): (T | undefined)[] {
  return Array.from({ length: capacity }, () => undefined);
}
