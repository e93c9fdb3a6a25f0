/** Owns one reader of one stream, as the stream and as the session see it: one object, because there may be very many. */
import type { Delivery, DeliverySink, DeliverySource } from '../session/index.js';
import type { Stream, StreamReader } from './stream.js';
import type { StreamCursor } from './stream-cursor.js';

export class ExactReader implements StreamReader, DeliverySource {
  // What a delivery looks at comes first.
  readonly #sink: DeliverySink;
  #cursor: StreamCursor | undefined = undefined;
  readonly #stream: Stream;
  readonly #left: (stream: Stream, reader: StreamReader) => void;

  constructor(
    stream: Stream,
    sink: DeliverySink,
    left: (stream: Stream, reader: StreamReader) => void,
  ) {
    this.#stream = stream;
    this.#sink = sink;
    this.#left = left;
  }

  /** Says where it begins, once that is known. */
  begin(cursor: StreamCursor): void {
    this.#cursor = cursor;
  }

  /** The text form of the place after what was pulled. */
  get text(): string | undefined {
    return this.#cursor?.text;
  }

  streamReady(): void {
    this.#sink.ready();
  }

  owedFrom({ tailOffset }: Stream): number | undefined {
    if (this.#cursor === undefined || this.#sink.isDue !== true) return undefined;
    const { nextOffset } = this.#cursor;
    // What is before the ring is replayed from the history.
    return nextOffset < tailOffset ? undefined : nextOffset;
  }

  pull(maxBytes: number, maxCount?: number): Delivery | undefined {
    return this.#cursor?.pull(maxBytes, maxCount);
  }

  close(): void {
    this.#cursor?.close();
    this.#left(this.#stream, this);
  }
}
