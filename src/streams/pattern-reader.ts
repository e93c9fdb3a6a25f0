/** Owns one reader of all streams inside a pattern: a place in each that has something for it, taken in turns. */
import type { Delivery, DeliverySink, DeliverySource } from '../session/index.js';
import { INTERRUPTED, OVERFLOW } from './deliveries.js';
import type { HistoryPages } from './history-pages.js';
import type { RetainedTally } from './retained-tally.js';
import type { Stream, StreamReader } from './stream.js';

/** Streams that may wait for one reader; one that is further behind has overflowed (semantics P1). */
const MAX_BEHIND_COUNT = 16_384;
/** Places of all readers together; beyond it a reader has overflowed that is behind in more than its part. */
const MAX_TOTAL_BEHIND_COUNT = 524_288;
const LEAST_BEHIND_COUNT = 256;
/** What a place costs in its map. Measured on Node 24. */
const PLACE_BYTES = 96;

/** `[next, end)` of a stream was told to the reader and not pulled yet. */
interface Place {
  next: number;
  end: number;
}

/** Order holds within each stream; between streams none is promised (semantics O4). */
export class PatternReader implements StreamReader, DeliverySource {
  readonly #pages: HistoryPages;
  readonly #tally: RetainedTally;
  readonly #sink: DeliverySink;
  readonly #left: (reader: PatternReader) => void;
  /** In the order of their turns. A stream that is not in it was pulled as far as this reader was told of it. */
  readonly #places = new Map<Stream, Place>();
  #openingNumber = Infinity;
  #end: Delivery | undefined = undefined;

  constructor(
    pages: HistoryPages,
    tally: RetainedTally,
    sink: DeliverySink,
    left: (reader: PatternReader) => void,
  ) {
    this.#pages = pages;
    this.#tally = tally;
    this.#sink = sink;
    this.#left = left;
  }

  /** From now on it is owed what the feed brings (semantics S4). */
  begin(openingNumber: number): void {
    this.#openingNumber = openingNumber;
  }

  streamReady(stream: Stream): void {
    if (this.#end !== undefined) return;
    // Also when it hears of the next stream of that name first: it must not read on as if nothing were missing.
    if (this.#openingNumber <= stream.missedBy) this.#endWith(INTERRUPTED);
    else if (!this.#isOwed(stream)) return;
    this.#sink.ready();
  }

  owedFrom(stream: Stream): number | undefined {
    const next = this.#places.get(stream)?.next;
    if (next === undefined || this.#sink.isDue !== true) return undefined;
    return next < stream.tailOffset ? undefined : next;
  }

  pull(maxBytes: number): Delivery | undefined {
    if (this.#end !== undefined) return this.#end;
    for (const [stream, place] of this.#places) {
      if (stream.isInterrupted) return this.#endWith(INTERRUPTED);
      const { next, end } = place;
      if (next < stream.tailOffset) return this.#endWith(OVERFLOW);
      const delivery = this.#pages.ofRing(stream, next, maxBytes, end);
      this.#places.delete(stream);
      if (delivery === undefined) {
        this.#forget(stream);
        continue;
      }
      place.next = next + delivery.batch.publications.length;
      if (place.next < end) this.#places.set(stream, place);
      else this.#forget(stream);
      const isLast = this.#places.size === 0;
      if (isLast === (delivery.isLast ?? false)) return delivery;
      return { kind: 'publications', batch: delivery.batch, isLast };
    }
    return undefined;
  }

  close(): void {
    this.#clear();
    this.#left(this);
  }

  /** Notes what the round of a stream has for it. */
  #isOwed(stream: Stream): boolean {
    const place = this.#places.get(stream);
    if (place !== undefined) place.end = stream.tellingTo;
    else {
      const next = stream.roundStartFor(this.#openingNumber);
      if (next === undefined) return false;
      if (this.#places.size >= this.#maxBehindCount) this.#endWith(OVERFLOW);
      else this.#place(stream, next);
    }
    return true;
  }

  /** One that does not read, with a thousand patterns over thousands of streams, must not fill the memory of all. */
  get #maxBehindCount(): number {
    const isFull = this.#tally.placeCount >= MAX_TOTAL_BEHIND_COUNT;
    return isFull ? LEAST_BEHIND_COUNT : MAX_BEHIND_COUNT;
  }

  #place(stream: Stream, next: number): void {
    this.#places.set(stream, { next, end: stream.tellingTo });
    stream.behindCount += 1;
    this.#tally.totalBytes += PLACE_BYTES;
    this.#tally.placeCount += 1;
  }

  #forget(stream: Stream): void {
    stream.behindCount -= 1;
    this.#tally.totalBytes -= PLACE_BYTES;
    this.#tally.placeCount -= 1;
  }

  #endWith(end: Delivery): Delivery {
    this.#end = end;
    this.#clear();
    return end;
  }

  #clear(): void {
    for (const stream of this.#places.keys()) this.#forget(stream);
    this.#places.clear();
  }
}
