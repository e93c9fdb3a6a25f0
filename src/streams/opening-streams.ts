/** Owns streams whose store has not answered yet where they stand, and what the feed brings of them meanwhile. */
import { Ring } from '../foundation/index.js';
import type { StreamPosition } from '../message/index.js';
import type { RetainedTally } from './retained-tally.js';
import type { Stream } from './stream.js';
import type { FeedEntry } from './stream-store.js';

/** Entries that are kept for one stream, the latest; older ones can be read from its history. */
const MAX_ENTRY_COUNT = 1_024;

interface OpeningStream {
  readonly answer: Promise<Stream>;
  readonly entries: Ring<FeedEntry>;
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

  /** Waits for the store; `join` begins the stream with what came meanwhile. */
  begin(
    destination: string,
    position: Promise<StreamPosition>,
    join: (top: StreamPosition, entries: readonly FeedEntry[]) => Stream,
  ): Promise<Stream> {
    const entries = new Ring<FeedEntry>();
    const answer = position
      .finally(() => this.#opening.delete(destination))
      .then((top) => {
        const came: FeedEntry[] = [];
        for (let offset = entries.tail; offset < entries.head; offset++) {
          came.push(entries.at(offset)!);
        }
        return join(top, came);
      })
      .finally(() => {
        while (entries.size > 0) this.#shift(entries);
      });
    this.#opening.set(destination, { answer, entries });
    return answer;
  }

  /** Keeps an entry of the feed, if its stream is being opened. */
  add(entry: FeedEntry): void {
    const entries = this.#opening.get(entry.publication.destination)?.entries;
    if (entries === undefined) return;
    entries.push(entry);
    this.#tally.totalBytes += entry.publication.retainedBytes;
    if (entries.size > MAX_ENTRY_COUNT) this.#shift(entries);
  }

  #shift(entries: Ring<FeedEntry>): void {
    this.#tally.totalBytes -= entries.shift()?.publication.retainedBytes ?? 0;
  }
}
