/** Owns one reader of all streams inside a pattern: a cursor for each, taken in turns. */
import type { Delivery, DeliverySink } from '../session/index.js';
import type { Stream, StreamReader } from './stream.js';
import { StreamCursor } from './stream-cursor.js';
import type { StreamStore } from './stream-store.js';

/** Order holds within each stream; between streams none is promised (semantics O4). */
export class PatternReader implements StreamReader {
  readonly #store: StreamStore;
  readonly #sink: DeliverySink;
  /** Of a stream that is to be read from its start there is none before that start is known. */
  readonly #cursors = new Map<Stream, StreamCursor | undefined>();
  readonly #ready = new Set<StreamCursor>();

  constructor(store: StreamStore, sink: DeliverySink) {
    this.#store = store;
    this.#sink = sink;
  }

  /** Reads a stream that is live from now on; one that it reads already stays where it is. */
  attach(stream: Stream): void {
    if (this.#cursors.has(stream)) return;
    this.#cursors.set(stream, this.#cursorOf(stream, stream.nextOffset));
    stream.addReader(this);
  }

  /** Reads a stream that begins now, whatever comes through the feed first. */
  attachBorn(stream: Stream): void {
    if (this.#cursors.has(stream)) return;
    this.#cursors.set(stream, undefined);
    stream.addReader(this);
  }

  /** Forgets all streams and answers which they were. */
  detach(): readonly Stream[] {
    const streams = [...this.#cursors.keys()];
    this.#cursors.clear();
    this.#ready.clear();
    return streams;
  }

  hasRead(stream: Stream): boolean {
    const cursor = this.#cursors.get(stream);
    return (cursor?.nextOffset ?? stream.startOffset) >= stream.nextOffset;
  }

  forget(stream: Stream): void {
    const cursor = this.#cursors.get(stream);
    this.#cursors.delete(stream);
    if (cursor !== undefined) this.#ready.delete(cursor);
  }

  streamReady(stream: Stream): void {
    if (!this.#cursors.has(stream)) return;
    const cursor = this.#cursors.get(stream) ?? this.#cursorOf(stream, stream.startOffset);
    this.#cursors.set(stream, cursor);
    this.#ready.add(cursor);
    this.#sink.ready();
  }

  pull(maxBytes: number): Delivery | undefined {
    for (const cursor of this.#ready) {
      this.#ready.delete(cursor);
      const delivery = cursor.pull(maxBytes);
      if (delivery === undefined) continue;
      if (delivery.kind !== 'publications' || delivery.isLast !== true) this.#ready.add(cursor);
      else if (this.#ready.size > 0) return { kind: 'publications', batch: delivery.batch };
      return delivery;
    }
    return undefined;
  }

  #cursorOf(stream: Stream, nextOffset: number): StreamCursor {
    const cursor = new StreamCursor(stream, this.#store, nextOffset, undefined, () => {
      this.#ready.add(cursor);
      this.#sink.ready();
    });
    return cursor;
  }
}
