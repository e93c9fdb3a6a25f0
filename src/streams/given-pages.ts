/** Owns what readers were given of histories and have not pulled yet: the latest of it, within a bound of octets. */
import type { Batch } from '../session/index.js';
import type { RetainedTally } from './retained-tally.js';

interface Given {
  readonly batch: Batch;
  readonly bytes: number;
}

/**
 * A reader that does not pull, or has no room, must not keep alive what its history has let go of. One whose part is gone reads it again.
 */
export class GivenPages {
  readonly #tally: RetainedTally;
  readonly #maxBytes: number;
  /** By their readers, in the order in which they were given. */
  readonly #given = new Map<object, Given>();
  #bytes = 0;

  constructor(tally: RetainedTally, maxBytes: number) {
    this.#tally = tally;
    this.#maxBytes = maxBytes;
  }

  /** Keeps a part for a reader, in place of the one that it had; the newest always. */
  give(reader: object, batch: Batch): void {
    this.take(reader);
    let bytes = 0;
    for (const { retainedBytes } of batch.publications) bytes += retainedBytes;
    this.#given.set(reader, { batch, bytes });
    this.#add(bytes);
    for (const oldest of this.#given.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === reader) return;
      this.take(oldest);
    }
  }

  /** What is kept for a reader, which is not kept any more. */
  take(reader: object): Batch | undefined {
    const given = this.#given.get(reader);
    if (given === undefined) return undefined;
    this.#given.delete(reader);
    this.#add(-given.bytes);
    return given.batch;
  }

  clear(): void {
    this.#given.clear();
    this.#add(-this.#bytes);
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    this.#tally.totalBytes += bytes;
  }
}
