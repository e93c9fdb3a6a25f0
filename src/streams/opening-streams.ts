/** Owns streams whose store has not answered yet where they stand, and what the feed brings of them meanwhile. */
import { Ring } from '../foundation/index.js';
import type { StreamPosition } from '../message/index.js';
import type { RetainedTally } from './retained-tally.js';
import type { Stream } from './stream.js';
import type { FeedEntry } from './stream-store.js';

/** Entries that are kept for one stream, the latest; older ones can be read from its history. */
const MAX_ENTRY_COUNT = 1_024;

interface OpeningStream {
  answer: Promise<Stream> | undefined;
  readonly entries: Ring<FeedEntry>;
  readonly maxBytes: number;
  bytes: number;
}

export class OpeningStreams {
  readonly #tally: RetainedTally;
  readonly #opening = new Map<string, OpeningStream>();

  constructor(tally: RetainedTally) {
    this.#tally = tally;
  }

  /** What everybody who wants that stream waits for. */
  answerOf(destination: string): Promise<Stream> | undefined {
    return this.#opening.get(destination)?.answer;
  }

  /** Waits for the store; `join` begins the stream with what came meanwhile, the latest `maxBytes` of it. */
  begin(
    destination: string,
    position: PromiseLike<StreamPosition>,
    maxBytes: number,
    join: (top: StreamPosition, entries: readonly FeedEntry[]) => Stream,
  ): Promise<Stream> {
    const entries = new Ring<FeedEntry>();
    const opening: OpeningStream = { answer: undefined, entries, maxBytes, bytes: 0 };
    this.#opening.set(destination, opening);
    // A store's promise may be of any library, and one without `finally`.
    opening.answer = Promise.resolve(position)
      .then(
        (top) => {
          // Nothing comes between: what the feed brings in a later tick finds the stream.
          this.#opening.delete(destination);
          return join(top, allOf(entries));
        },
        (error: unknown) => {
          this.#opening.delete(destination);
          throw error;
        },
      )
      .finally(() => {
        while (entries.size > 0) this.#shift(opening);
      });
    return opening.answer;
  }

  /** Keeps an entry of the feed, if its stream is being opened. */
  add(entry: FeedEntry): void {
    const opening = this.#opening.get(entry.publication.destination);
    if (opening === undefined) return;
    opening.entries.push(entry);
    this.#count(opening, entry.publication.retainedBytes);
    while (opening.entries.size > 1 && isTooMuch(opening)) this.#shift(opening);
  }

  #shift(opening: OpeningStream): void {
    this.#count(opening, -(opening.entries.shift()?.publication.retainedBytes ?? 0));
  }

  #count(opening: OpeningStream, bytes: number): void {
    opening.bytes += bytes;
    this.#tally.totalBytes += bytes;
  }
}

function isTooMuch({ entries, bytes, maxBytes }: OpeningStream): boolean {
  return entries.size > MAX_ENTRY_COUNT || bytes > maxBytes;
}

function allOf(entries: Ring<FeedEntry>): FeedEntry[] {
  const all: FeedEntry[] = [];
  for (let offset = entries.tail; offset < entries.head; offset++) all.push(entries.at(offset)!);
  return all;
}
