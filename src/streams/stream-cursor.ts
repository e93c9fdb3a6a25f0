/** Owns one reader's place in one stream: replayed from the store until the live ring is reached, then shared from the ring. */
import { formatCursor } from '../message/index.js';
import type { Batch, Delivery } from '../session/index.js';
import { INTERRUPTED, OVERFLOW } from './deliveries.js';
import type { HistoryPages } from './history-pages.js';
import type { Stream } from './stream.js';

/** Moves forward only. Falling off the ring is the overflow of the policy `all` (semantics P1). */
export class StreamCursor {
  readonly stream: Stream;
  readonly #pages: HistoryPages;
  /** Tells the reader that a part of the history has arrived. */
  readonly #onHistory: () => void;
  #nextOffset: number;
  #isReplaying: boolean;
  #history: Batch | undefined;
  #isReading = false;
  #end: Delivery | undefined;

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
    this.#history = history;
    this.#isReplaying = history !== undefined;
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

  pull(maxBytes: number): Delivery | undefined {
    const { stream } = this;
    if (stream.isInterrupted) return INTERRUPTED;
    if (this.#end !== undefined) return this.#end;
    if (this.#nextOffset < stream.tailOffset) {
      return this.#isReplaying ? this.#pullHistory(maxBytes) : OVERFLOW;
    }
    this.#isReplaying = false;
    this.#history = undefined;
    const delivery = this.#pages.ofRing(stream, this.#nextOffset, maxBytes, stream.headOffset);
    if (delivery !== undefined) this.#nextOffset += delivery.batch.publications.length;
    return delivery;
  }

  #pullHistory(maxBytes: number): Delivery | undefined {
    const batch = this.#history ?? this.#pages.known(this.stream, this.#nextOffset);
    this.#history = undefined;
    if (batch === undefined) {
      this.#readMore(maxBytes);
      return undefined;
    }
    this.#nextOffset += batch.publications.length;
    return { kind: 'publications', batch };
  }

  /** Reads the next part; a long replay streams at the reader's pace (semantics S6). */
  #readMore(maxBytes: number): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const start = this.#nextOffset;
    this.#pages.read(this.stream, start, maxBytes, (outcome) => {
      this.#isReading = false;
      // The page was kept before its turn to be told of came, and has been pulled already.
      if (start !== this.#nextOffset) return this.#onHistory();
      if (outcome === 'unrecoverable') this.#end = OVERFLOW;
      else if (outcome === 'fault') this.#end = INTERRUPTED;
      else this.#history = outcome;
      this.#onHistory();
    });
  }
}
