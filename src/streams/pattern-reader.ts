/** Owns one reader of all streams inside a pattern: a place in each that has something for it, taken in turns. */
import { SERVER_OWNER, type Owner } from '../foundation/index.js';
import type { Delivery, DeliverySink, DeliverySource } from '../session/index.js';
import { INTERRUPTED, OVERFLOW } from './deliveries.js';
import type { HistoryPages } from './history-pages.js';
import type { RetainedTally } from './retained-tally.js';
import { firstOf, type Stream, type StreamReader } from './stream.js';

/** Streams that may wait for one reader; one that is further behind has overflowed (semantics P1). */
const MAX_BEHIND_COUNT = 16_384;
/** As many a reader may always have; beyond, in steps of as many, its share has to have room (semantics Q2). */
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
  /** Whose places they are. */
  readonly #share: string;
  /** Places that its share is charged with. */
  #chargedCount = 0;
  /** In the order of their turns. A stream that is not in it was pulled as far as this reader was told of it. */
  readonly #places = new Map<Stream, Place>();
  #openingNumber = Infinity;
  #end: Delivery | undefined = undefined;

  constructor(
    pages: HistoryPages,
    tally: RetainedTally,
    sink: DeliverySink,
    left: (reader: PatternReader) => void,
    { share }: Owner = SERVER_OWNER,
  ) {
    this.#share = share;
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

  pull(maxBytes: number, maxCount?: number): Delivery | undefined {
    if (this.#end !== undefined) return this.#end;
    for (const [stream, place] of this.#places) {
      if (stream.isInterrupted) return this.#endWith(INTERRUPTED);
      const { next, end } = place;
      if (next < stream.tailOffset) return this.#endWith(OVERFLOW);
      const delivery = firstOf(this.#pages.ofRing(stream, next, maxBytes, end), maxCount);
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
      if (this.#hasRoom()) this.#place(stream, next);
      else this.#endWith(OVERFLOW);
    }
    return true;
  }

  /** One that does not read, with a thousand patterns over thousands of streams, must not take the places of all. */
  #hasRoom(): boolean {
    const { size } = this.#places;
    if (size >= MAX_BEHIND_COUNT) return false;
    if (size < LEAST_BEHIND_COUNT + this.#chargedCount) return true;
    const { places } = this.#tally;
    if (!places.admits(this.#share, LEAST_BEHIND_COUNT)) return false;
    this.#charge(LEAST_BEHIND_COUNT);
    return true;
  }

  #charge(count: number): void {
    this.#chargedCount += count;
    this.#tally.places.add(this.#share, count);
  }

  #place(stream: Stream, next: number): void {
    this.#places.set(stream, { next, end: stream.tellingTo });
    stream.behindCount += 1;
    this.#tally.totalBytes += PLACE_BYTES;
  }

  #forget(stream: Stream): void {
    stream.behindCount -= 1;
    this.#tally.totalBytes -= PLACE_BYTES;
    // A step later than it was charged, so that it does not go back and forth.
    if (this.#places.size < this.#chargedCount) this.#charge(-LEAST_BEHIND_COUNT);
  }

  #endWith(end: Delivery): Delivery {
    this.#end = end;
    this.#clear();
    return end;
  }

  #clear(): void {
    for (const stream of this.#places.keys()) {
      this.#places.delete(stream);
      this.#forget(stream);
    }
  }
}
