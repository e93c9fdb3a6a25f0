/** Owns how many exchanges with one back end run at a time, and how many wait for one. */

/** Gives the place up, inside or in the line; done again, it does nothing. */
export type Leave = () => void;

/** So many inside, so many in a line before it, first come, first served. */
export class ForwardGate {
  readonly #maxInsideCount: number;
  readonly #maxWaitingCount: number;
  #insideCount = 0;
  readonly #waiting = new Set<() => void>();

  constructor(maxInsideCount: number, maxWaitingCount: number) {
    this.#maxInsideCount = maxInsideCount;
    this.#maxWaitingCount = maxWaitingCount;
  }

  /** Whether the next one has to wait. */
  get isFull(): boolean {
    return this.#insideCount >= this.#maxInsideCount;
  }

  /** Calls `start` at its turn, at once when there is room. Undefined when there is none in the line either. */
  enter(start: () => void): Leave | undefined {
    if (this.isFull && this.#waiting.size >= this.#maxWaitingCount) return undefined;
    let isInside = false;
    let hasLeft = false;
    const goIn = (): void => {
      isInside = true;
      this.#insideCount += 1;
      start();
    };
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      if (!isInside) {
        this.#waiting.delete(goIn);
        return;
      }
      this.#insideCount -= 1;
      this.#callNext();
    };
    if (this.isFull) this.#waiting.add(goIn);
    else goIn();
    return leave;
  }

  #callNext(): void {
    const [next] = this.#waiting;
    if (next === undefined || this.isFull) return;
    this.#waiting.delete(next);
    next();
  }
}
