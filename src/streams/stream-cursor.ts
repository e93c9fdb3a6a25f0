/** Owns one reader's place in one stream: replayed from the store until the live ring is reached, then shared from the ring. */
import { formatCursor, PUBLICATION_OVERHEAD_BYTES } from '../message/index.js';
import type { Batch, Delivery } from '../session/index.js';
import { INTERRUPTED, OVERFLOW } from './deliveries.js';
import type { HistoryPages } from './history-pages.js';
import { firstOf, type Stream } from './stream.js';

/** Moves forward only. Falling off the ring is the overflow of the policy `all` (semantics P1). */
export class StreamCursor {
  // What a pull looks at comes first.
  readonly stream: Stream;
  readonly #pages: HistoryPages;
  #nextOffset: number;
  #isReplaying: boolean;
  #end: Delivery | undefined;
  /** Tells the reader that a part of the history has arrived. */
  readonly #onHistory: () => void;
  #isReading = false;
  #isClosed = false;

  constructor(
    stream: Stream,
    pages: HistoryPages,
    nextOffset: number,
    history: Batch | undefined,
    onHistory: () => void,
  ) {
    this.stream = stream;
    this.#pages = pages;
    this.#nextOffset = nextOffset;
    this.#isReplaying = history !== undefined;
    if (history !== undefined) pages.give(this, history);
    this.#onHistory = onHistory;
  }

  /** The first offset that was not pulled. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** The text form of the place after what was pulled. */
  get text(): string {
    return formatCursor({ epoch: this.stream.epoch, offset: this.#nextOffset - 1 });
  }

  pull(maxBytes: number, maxCount: number = Infinity): Delivery | undefined {
    const { stream } = this;
    if (stream.isInterrupted) return INTERRUPTED;
    if (this.#end !== undefined) return this.#end;
    if (this.#nextOffset < stream.tailOffset) {
      return this.#isReplaying ? this.#pullHistory(maxBytes, maxCount) : OVERFLOW;
    }
    if (this.#isReplaying) this.#endReplay();
    const { headOffset } = stream;
    const delivery = firstOf(
      this.#pages.ofRing(stream, this.#nextOffset, maxBytes, headOffset),
      maxCount,
    );
    if (delivery !== undefined) this.#nextOffset += delivery.batch.publications.length;
    return delivery;
  }

  /** Nothing more is pulled. */
  close(): void {
    this.#isClosed = true;
    this.#endReplay();
  }

  #endReplay(): void {
    this.#isReplaying = false;
    this.#pages.readerLeft(this);
  }

  #pullHistory(maxBytes: number, maxCount: number): Delivery | undefined {
    const batch = this.#pages.takeGiven(this, this.stream, this.#nextOffset);
    if (batch === undefined) {
      // None costs less than its overhead: no more is read than there is room for.
      this.#readMore(Math.min(maxBytes, 1 + (maxCount - 1) * PUBLICATION_OVERHEAD_BYTES));
      return undefined;
    }
    const delivery = firstOf({ kind: 'publications', batch }, maxCount);
    this.#nextOffset += delivery?.batch.publications.length ?? 0;
    return delivery;
  }

  /** Reads the next part; a long replay streams at the reader's pace (semantics S6). */
  #readMore(maxBytes: number): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const start = this.#nextOffset;
    this.#pages.read(this.stream, start, maxBytes, (outcome) => {
      this.#isReading = false;
      if (this.#isClosed) return;
      // The page was kept before its turn to be told of came, and has been pulled already.
      if (start !== this.#nextOffset) return this.#onHistory();
      if (outcome === 'unrecoverable') this.#end = OVERFLOW;
      else if (outcome === 'fault') this.#end = INTERRUPTED;
      else this.#pages.give(this, outcome);
      this.#onHistory();
    });
  }
}
