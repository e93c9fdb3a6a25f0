/** Owns one reader's place in one stream: replayed from the store until the live ring is reached, then shared from the ring. */
import { Disconnect } from '../foundation/index.js';
import { formatCursor, type Publication } from '../message/index.js';
import { Batch, type Delivery } from '../session/index.js';
import type { Stream } from './stream.js';
import type { StreamStore } from './stream-store.js';

const OVERFLOW: Delivery = {
  kind: 'end',
  error: new Disconnect(
    'session/slow-consumer',
    'this connection read too slowly and fell off the ring of a stream; come back with the cursor',
  ),
};

const INTERRUPTED: Delivery = {
  kind: 'end',
  error: new Disconnect(
    'stream/interrupted',
    'the stream was interrupted and cannot be read on; come back with the cursor',
  ),
};

/** Moves forward only. Falling off the ring is the overflow of the policy `all` (semantics P1). */
export class StreamCursor {
  readonly stream: Stream;
  readonly #store: StreamStore;
  /** Tells the reader that a part of the history has arrived. */
  readonly #onHistory: () => void;
  #nextOffset: number;
  #isReplaying: boolean;
  #history: readonly Publication[] | undefined;
  #isReading = false;
  #end: Delivery | undefined;

  constructor(
    stream: Stream,
    store: StreamStore,
    nextOffset: number,
    history: readonly Publication[] | undefined,
    onHistory: () => void,
  ) {
    this.stream = stream;
    this.#store = store;
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
    if (this.stream.isInterrupted) return INTERRUPTED;
    if (this.#end !== undefined) return this.#end;
    if (this.#isReplaying && this.#nextOffset < this.stream.tailOffset) {
      return this.#pullHistory(maxBytes);
    }
    this.#isReplaying = false;
    this.#history = undefined;
    if (this.#nextOffset < this.stream.tailOffset) return OVERFLOW;
    const delivery = this.stream.deliveryFrom(this.#nextOffset, maxBytes);
    if (delivery !== undefined) this.#nextOffset += delivery.batch.publications.length;
    return delivery;
  }

  #pullHistory(maxBytes: number): Delivery | undefined {
    const publications = this.#history ?? [];
    this.#history = undefined;
    if (publications.length === 0) {
      this.#readMore(maxBytes);
      return undefined;
    }
    this.#nextOffset += publications.length;
    return { kind: 'publications', batch: new Batch(publications) };
  }

  /** Reads the next part; a long replay streams at the reader's pace (semantics S6). */
  #readMore(maxBytes: number): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const after = { epoch: this.stream.epoch, offset: this.#nextOffset - 1 };
    const finish = (history: readonly Publication[] | undefined, end?: Delivery): void => {
      this.#isReading = false;
      this.#history = history;
      this.#end = end;
      this.#onHistory();
    };
    this.#store.read(this.stream.destination, after, maxBytes).then(
      (part) => {
        if (part.kind === 'publications') finish(part.publications);
        else finish(undefined, OVERFLOW);
      },
      () => finish(undefined, INTERRUPTED),
    );
  }
}
