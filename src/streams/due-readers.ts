/** Owns the readers of one stream that were told of it and had no room to pull in their turn: from where the ring keeps it for them. */
import type { Stream, StreamReader } from './stream.js';

/** Turns for which a ring waits for them; who has not pulled by then has what is left. */
const MAX_TURN_COUNT = 32;

/** Made for the first of them, and thrown away when there is none left. */
export class DueReaders {
  readonly #readers = new Set<StreamReader>();
  #turnCount = 0;
  #from = Infinity;

  /** The first offset that one of them is owed; Infinity when there is none. */
  get from(): number {
    return this.#from;
  }

  add(reader: StreamReader, from: number): void {
    this.#readers.add(reader);
    this.#from = Math.min(this.#from, from);
  }

  /** Looks at them again, once in a turn: some have pulled meanwhile, or left. Answers how many were looked at. */
  review(stream: Stream): number {
    const { size } = this.#readers;
    this.#turnCount += 1;
    if (this.#turnCount > MAX_TURN_COUNT) this.#readers.clear();
    this.#from = Infinity;
    for (const reader of this.#readers) {
      const from = reader.owedFrom(stream);
      if (from === undefined) this.#readers.delete(reader);
      else this.#from = Math.min(this.#from, from);
    }
    return size;
  }
}
