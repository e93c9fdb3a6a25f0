/** Owns the mending of one gap in the feed: what was lost is read from the store, what comes meanwhile waits (semantics S3). */
import { Deadline, Ring, type DeadlineWheel, type Metrics } from '../foundation/index.js';
import type { Publication } from '../message/index.js';
import type { RetainedTally } from './retained-tally.js';
import type { Stream } from './stream.js';
import type { FeedEntry, HistoryPart, StreamStore } from './stream-store.js';

/** Entries that wait for one repair; with one more the stream is interrupted. */
const MAX_WAITING_ENTRY_COUNT = 1_024;
/** How long a store may take; then the stream is interrupted. */
const REPAIR_TIMEOUT_MS = 10_000;
/** Octets that are read at a time. */
const PART_BYTES = 65_536;

export interface GapRepairParts {
  readonly store: StreamStore;
  readonly deadlines: DeadlineWheel;
  readonly metrics: Metrics;
  readonly tally: RetainedTally;
  /** Takes one publication that was lost, the next of the stream. Answers whether it could be taken. */
  readonly take: (entry: FeedEntry) => boolean;
  /** The gap is closed; what waited is to be taken now, in its order. */
  readonly onClosed: (waiting: Ring<FeedEntry>) => void;
  /** It cannot be closed. */
  readonly onFailed: () => void;
}

/** For one gap of one stream. Reads once for all readers, and no more than the ring of the stream holds. */
export class GapRepair {
  readonly #stream: Stream;
  readonly #parts: GapRepairParts;
  /** The first offset that did come. */
  readonly #closedAt: number;
  readonly #waiting = new Ring<FeedEntry>();
  readonly #timeout = new Deadline(() => this.#fail());
  #waitingBytes = 0;
  #isOver = false;

  constructor(stream: Stream, first: FeedEntry, parts: GapRepairParts) {
    this.#stream = stream;
    this.#parts = parts;
    this.#closedAt = first.offset;
    this.add(first);
  }

  /** Reads what is missing. Tells of its end in a later tick. */
  begin(): void {
    this.#parts.metrics.count('stream_gaps');
    this.#parts.deadlines.set(this.#timeout, REPAIR_TIMEOUT_MS);
    void this.#read();
  }

  /** An entry that came behind the gap. */
  add(entry: FeedEntry): void {
    if (this.#isOver) return;
    this.#count(entry.publication.retainedBytes);
    this.#waiting.push(entry);
    const isTooMuch =
      this.#waiting.size > MAX_WAITING_ENTRY_COUNT ||
      (this.#waiting.size > 1 && this.#waitingBytes > this.#stream.maxRingBytes);
    if (isTooMuch) this.#fail();
  }

  /** The stream is let go or was interrupted: nothing is told any more. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.deadlines.clear(this.#timeout);
    this.#count(-this.#waitingBytes);
  }

  async #read(): Promise<void> {
    const { destination, epoch, maxRingBytes } = this.#stream;
    let readBytes = 0;
    try {
      while (!this.#isOver && this.#stream.headOffset < this.#closedAt) {
        const after = { epoch, offset: this.#stream.headOffset - 1 };
        const part = await this.#parts.store.read(destination, after, PART_BYTES);
        if (this.#isOver) return;
        readBytes += this.#takeAll(part);
        if (readBytes > maxRingBytes && this.#stream.headOffset < this.#closedAt) break;
      }
    } catch {
      this.#fail();
      return;
    }
    if (this.#isOver) return;
    if (this.#stream.headOffset < this.#closedAt) {
      this.#fail();
      return;
    }
    this.end();
    this.#parts.metrics.count('stream_gaps_repaired');
    this.#parts.onClosed(this.#waiting);
  }

  /** Takes what the store had; throws when that is not what follows. */
  #takeAll(part: HistoryPart): number {
    const publications: readonly Publication[] =
      part.kind === 'publications' ? part.publications : [];
    let bytes = 0;
    for (const publication of publications) {
      const { epoch } = this.#stream;
      const offset = this.#stream.headOffset;
      if (offset >= this.#closedAt) break;
      const isNext = publication.offset === offset;
      if (
        !isNext ||
        !this.#parts.take({ publication, epoch, offset, previousOffset: offset - 1 })
      ) {
        throw new TypeError('the store answered something else than what follows');
      }
      bytes += publication.retainedBytes;
    }
    if (bytes === 0) throw new RangeError('what was lost is not in the store');
    return bytes;
  }

  #fail(): void {
    if (this.#isOver) return;
    this.end();
    this.#parts.onFailed();
  }

  #count(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#parts.tally.totalBytes += bytes;
  }
}
