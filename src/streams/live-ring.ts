/** Owns the latest publications of one stream by offset, within a bound that gives way to what readers were not told of. */
import { Ring, SERVER_OWNER } from '../foundation/index.js';
import type { Publication } from '../message/index.js';
import type { RetainedTally } from './retained-tally.js';

/** The publications at `[tail, head)`. */
export class LiveRing {
  readonly maxBytes: number;
  readonly #tally: RetainedTally;
  #publications: Ring<Publication>;
  #retainedBytes = 0;
  /** Whether what it has is charged to who published it. */
  #isOwned = true;

  /** The first publication has the offset `start`. */
  constructor(start: number, maxBytes: number, tally: RetainedTally) {
    this.maxBytes = maxBytes;
    this.#tally = tally;
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
    if (this.#isOwned) this.#tally.own(publication, true);
  }

  /** Octets by which it would grow: one that is full lets go of as much. */
  growthBy(bytes: number): number {
    return Math.max(0, Math.min(bytes, this.maxBytes - this.#retainedBytes));
  }

  /** Whether the newest is of that share. */
  isOf(share: string): boolean {
    const newest = this.at(this.head - 1);
    return newest !== undefined && (newest.owner ?? SERVER_OWNER).share === share;
  }

  /** It is charged to nobody any more: only readers that have still to read it keep it. */
  disown(): void {
    if (!this.#isOwned) return;
    this.#isOwned = false;
    for (let offset = this.tail; offset < this.head; offset++) this.#disown(this.at(offset));
  }

  /** Forgets what is beyond the bound and before `keepFrom`; the newest stays, or one larger than the bound could never be read. */
  trim(keepFrom: number): void {
    const publications = this.#publications;
    while (
      this.#retainedBytes > this.maxBytes &&
      publications.size > 1 &&
      publications.tail < keepFrom
    ) {
      this.#forgetOldest();
    }
  }

  /** Forgets about so many octets of what is before `keepFrom`, the oldest first; answers how many. */
  shorten(bytes: number, keepFrom: number): number {
    const before = this.#retainedBytes;
    while (before - this.#retainedBytes < bytes && this.tail < Math.min(keepFrom, this.head)) {
      this.#forgetOldest();
    }
    return before - this.#retainedBytes;
  }

  /** Begins at another offset; for one that has had nothing yet. */
  beginAt(start: number): void {
    this.#publications = new Ring(start);
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

  #forgetOldest(): void {
    const oldest = this.#publications.shift();
    this.#retainedBytes -= oldest?.retainedBytes ?? 0;
    if (this.#isOwned) this.#disown(oldest);
  }

  #disown(publication: Publication | undefined): void {
    if (publication !== undefined) this.#tally.own(publication, false);
  }
}
