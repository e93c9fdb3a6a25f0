/** Owns one stream of the memory store: its positions, its history, the ids of its messages, and who holds how much of it. */
import { RecencyEntry, Ring, SERVER_OWNER, type Owner } from '../foundation/index.js';
import type { Publication } from '../message/index.js';
import { RememberedIds } from './remembered-ids.js';
import type { Retention } from './stream-store.js';

/** What one share holds of one stream: a place in the order in which its owners used their streams. */
export class Holding extends RecencyEntry<MemoryStream> {
  readonly share: string;
  bytes: number = 0;

  constructor(stream: MemoryStream, share: string) {
    super(stream);
    this.share = share;
  }
}

/** Is told of what is kept, and with a negative number of what is not any more. */
export type HoldingChanged = (holding: Holding, bytes: number) => void;

/** Measured on Node 20: the stream, its places in the table and in the order of its share. */
export const STREAM_BYTES = 500;
/** Publications that are let go of in one go: a whole history may be over at once. */
const MAX_TRIMMED = 64;
const NO_RETENTION: Retention = { historySize: 0, historyTtlMs: 0 };

export class MemoryStream {
  /** One string for all publications, whatever the publishers' ones are. */
  readonly destination: string;
  readonly epoch: string;
  /** Of whose places it takes one: the share of whom it was born for. */
  readonly share: string;
  /** Its place among those that were born for its share. */
  readonly born: RecencyEntry<MemoryStream>;
  lastOffset: number = 0;
  isFollowed: boolean = false;
  /** It is in the table no more. */
  isForgotten: boolean = false;
  readonly #changed: HoldingChanged;
  /** Positions are offsets. Made for the first publication that is kept. */
  #history: Ring<Publication> | undefined = undefined;
  #historyBytes = 0;
  #retention: Retention = NO_RETENTION;
  #ids: RememberedIds | undefined = undefined;
  #holdings: Map<string, Holding> | undefined = undefined;

  constructor(destination: string, epoch: string, share: string, changed: HoldingChanged) {
    this.destination = destination;
    this.epoch = epoch;
    this.share = share;
    this.#changed = changed;
    this.born = new RecencyEntry<MemoryStream>(this);
  }

  get historyBytes(): number {
    return this.#historyBytes;
  }

  get historyCount(): number {
    return this.#history?.size ?? 0;
  }

  /** The first offset that the history has, or would have. */
  get tailOffset(): number {
    return this.historyCount === 0 ? this.lastOffset + 1 : this.#history!.tail;
  }

  get ids(): RememberedIds | undefined {
    return this.#ids;
  }

  /** Who holds something of it. */
  get holdings(): Iterable<Holding> {
    return this.#holdings?.values() ?? [];
  }

  makeIds(): RememberedIds {
    return (this.#ids ??= new RememberedIds((owner, bytes) => this.#hold(owner, bytes)));
  }

  /** Takes the publication at the next offset. */
  keep(publication: Publication, retention: Retention, nowMs: number): void {
    this.lastOffset += 1;
    this.#retention = retention;
    if (retention.historySize < 1) {
      // What is kept ends with the newest: a history with a hole in it is none.
      while (this.historyCount > 0) this.dropOldest();
      return;
    }
    if (this.historyCount === 0) this.#history = new Ring(this.lastOffset);
    this.#history!.push(publication);
    this.#historyBytes += publication.retainedBytes;
    this.#hold(publication.owner ?? SERVER_OWNER, publication.retainedBytes);
    this.trim(nowMs);
  }

  /** Octets that the history would grow by: where it is full, the oldest goes. */
  growthBy({ retainedBytes }: Publication, retention: Retention): number {
    const { historySize, historyBytes = Infinity } = retention;
    if (historySize < 1) return 0;
    const isFull =
      this.historyCount >= historySize || this.#historyBytes + retainedBytes > historyBytes;
    const replacedBytes = isFull ? (this.#history?.at(this.tailOffset)?.retainedBytes ?? 0) : 0;
    return retainedBytes - replacedBytes;
  }

  /** Lets go of what no bound keeps any more, a bounded part of it; answers how many. */
  trim(nowMs: number): number {
    let count = 0;
    while (count < MAX_TRIMMED && this.#isOver(this.tailOffset, nowMs)) {
      this.dropOldest();
      count += 1;
    }
    return count;
  }

  /** The publication at an offset, as long as the bounds keep it; more may be over than was let go of. */
  at(offset: number, nowMs: number): Publication | undefined {
    const publication = this.#history?.at(offset);
    return publication === undefined || this.#isExpired(publication, nowMs)
      ? undefined
      : publication;
  }

  /** Whether something of it will be over, even when nobody touches it. */
  get ages(): boolean {
    if ((this.#ids?.count ?? 0) > 0) return true;
    return this.#retention.historyTtlMs !== Infinity && this.historyCount > 0;
  }

  dropOldest(): void {
    const oldest = this.#history?.shift();
    if (oldest === undefined) return;
    this.#historyBytes -= oldest.retainedBytes;
    this.#hold(oldest.owner ?? SERVER_OWNER, -oldest.retainedBytes);
  }

  /** It is forgotten with all that it keeps. */
  forget(): void {
    this.isForgotten = true;
    for (const holding of this.holdings) {
      const { bytes } = holding;
      holding.bytes = 0;
      this.#changed(holding, -bytes);
    }
    this.#holdings = this.#history = this.#ids = undefined;
    this.#historyBytes = 0;
  }

  #isOver(offset: number, nowMs: number): boolean {
    const oldest = this.#history?.at(offset);
    if (oldest === undefined) return false;
    const { historySize, historyBytes = Infinity } = this.#retention;
    if (this.historyCount > historySize || this.#historyBytes > historyBytes) return true;
    return this.#isExpired(oldest, nowMs);
  }

  #isExpired({ publishedAtMs }: Publication, nowMs: number): boolean {
    return publishedAtMs < nowMs - this.#retention.historyTtlMs;
  }

  #hold({ share }: Owner, bytes: number): void {
    let holding = this.#holdings?.get(share);
    if (holding === undefined) {
      holding = new Holding(this, share);
      (this.#holdings ??= new Map<string, Holding>()).set(share, holding);
    }
    holding.bytes += bytes;
    if (holding.bytes === 0) this.#holdings?.delete(share);
    this.#changed(holding, bytes);
  }
}
