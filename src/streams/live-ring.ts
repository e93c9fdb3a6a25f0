/** Owns the latest publications of one stream by offset, within a bound that gives way to what readers were not told of. */
import { Ring } from '../foundation/index.js';
import type { Publication } from '../message/index.js';

/** The publications at `[tail, head)`. */
export class LiveRing {
  readonly maxBytes: number;
  #publications: Ring<Publication>;
  #retainedBytes = 0;

  /** The first publication has the offset `start`. */
  constructor(start: number, maxBytes: number) {
    this.maxBytes = maxBytes;
    this.#publications = new Ring(start);
  }

  get tail(): number {
    return this.#publications.tail;
  }

  get head(): number {
    return this.#publications.head;
  }

  get retainedBytes(): number {
    return this.#retainedBytes;
  }

  at(offset: number): Publication | undefined {
    return this.#publications.at(offset);
  }

  push(publication: Publication, retainedBytes: number): void {
    this.#publications.push(publication);
    this.#retainedBytes += retainedBytes;
  }

  /** Forgets what is beyond the bound and before `keepFrom`; the newest stays, or one larger than the bound could never be read. */
  trim(keepFrom: number): void {
    const publications = this.#publications;
    while (
      this.#retainedBytes > this.maxBytes &&
      publications.size > 1 &&
      publications.tail < keepFrom
    ) {
      this.#retainedBytes -= publications.shift()?.retainedBytes ?? 0;
    }
  }

  /** Begins anew at another offset, with nothing in it. */
  restartAt(start: number): void {
    this.#publications = new Ring(start);
    this.#retainedBytes = 0;
  }

  /** What is in `[offset, end)`, about `maxBytes` of it but at least one if there is one. */
  take(offset: number, end: number, maxBytes: number): Publication[] {
    const taken: Publication[] = [];
    let takenBytes = 0;
    for (let next = offset; next < end && takenBytes < maxBytes; next++) {
      const publication = this.#publications.at(next);
      if (publication === undefined) break;
      taken.push(publication);
      takenBytes += publication.retainedBytes;
    }
    return taken;
  }
}
