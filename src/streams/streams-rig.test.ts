/** Owns what the tests of streams share: a store that can be held back, streams on virtual time, and readers that pull. */
import { encodeUtf8, MemoryMetrics } from '../foundation/index.js';
import { Message, type StreamPosition } from '../message/index.js';
import type { Delivery, DeliverySource } from '../session/index.js';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import {
  MemoryStreamStore,
  Streams,
  type Appended,
  type AppendOptions,
  type FeedEntry,
  type FeedListener,
  type HistoryPart,
  type StreamsOptions,
  type StreamStore,
} from './index.js';

/** A memory store whose answers and feed a test may hold back, lose or make fail. */
export class Held implements StreamStore {
  readonly inner: MemoryStreamStore;
  readonly appendsInOrder = true;
  readonly unfollowed: string[] = [];
  /** What `follow` and `read` wait for, when set. */
  gate: Promise<void> | undefined;
  failure: Error | undefined;
  isFeedHeld = false;
  loses: (entry: FeedEntry) => boolean = () => false;
  #listener: FeedListener = () => {};
  #waiting: FeedEntry[] = [];

  constructor(time: VirtualTime) {
    this.inner = new MemoryStreamStore(time, new SeededRandom(7));
    this.inner.setFeedListener((entry) => {
      if (this.isFeedHeld) this.#waiting.push(entry);
      else if (!this.loses(entry)) this.#listener(entry);
    });
  }

  /** Says something through the feed that was never appended. */
  feed(entry: FeedEntry): void {
    this.#listener(entry);
  }

  releaseFeed(): void {
    this.isFeedHeld = false;
    for (const entry of this.takeFeed()) this.#listener(entry);
  }

  /** What was held back, for a test to feed at its time. */
  takeFeed(): readonly FeedEntry[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  append(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    return this.inner.append(destination, message, options);
  }

  follow(destination: string): StreamPosition | Promise<StreamPosition> {
    const position = this.inner.follow(destination);
    return this.gate === undefined ? position : this.#later(position);
  }

  unfollow(destination: string): void {
    this.unfollowed.push(destination);
    this.inner.unfollow(destination);
  }

  followPattern(): void | Promise<void> {
    return this.gate === undefined ? undefined : this.#later(undefined);
  }

  unfollowPattern(pattern: string): void {
    this.unfollowed.push(pattern);
  }

  /** Offsets after which was read. */
  readonly reads: number[] = [];
  /** What `read` answers instead, when set. */
  answersInstead: ((after: StreamPosition) => Promise<HistoryPart>) | undefined;

  async read(destination: string, after: StreamPosition, maxBytes: number): Promise<HistoryPart> {
    this.reads.push(after.offset);
    if (this.answersInstead !== undefined) return this.answersInstead(after);
    const part = await this.inner.read(destination, after, maxBytes);
    return this.#later(part);
  }

  setFeedListener(listener: FeedListener): void {
    this.#listener = listener;
  }

  close(): void {
    this.inner.close();
  }

  async #later<T>(value: T): Promise<T> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return value;
  }
}

/** Yields until all that is due to promises has happened. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 20; round++) await Promise.resolve();
}

export function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open: () => open() };
}

export const A = '/topic/a';

export function rig(options: StreamsOptions & { historySize?: number } = {}) {
  const time = new VirtualTime();
  const metrics = new MemoryMetrics();
  const store = new Held(time);
  const streams = new Streams(store, time, metrics, options);
  const retention = { historySize: options.historySize ?? 0, historyTtlMs: Infinity };
  let count = 0;
  const publish = async (destination: string = A, size: number = 1): Promise<void> => {
    const body = encodeUtf8(String(count++).padEnd(size, '.'));
    const append = { key: undefined, messageId: undefined, retention };
    let isAppended = false;
    const appended = streams
      .publish(destination, new Message(body, 'text/plain'), append)
      .then(() => (isAppended = true));
    await settled();
    // Readers who are owed more than the ring holds are told first.
    if (!isAppended) time.advance(0);
    await appended;
  };
  const publishMany = async (number: number, size?: number): Promise<void> => {
    for (let index = 0; index < number; index++) await publish(A, size);
  };
  return { time, metrics, store, streams, retention, publish, publishMany };
}

/** A sink that counts. */
export class Sink {
  readyCount = 0;
  ready(): void {
    this.readyCount += 1;
  }
}

export function wordOf(delivery: Delivery): readonly (string | number)[] {
  if (delivery.kind === 'publications') {
    return delivery.batch.publications.map((publication) => publication.offset ?? 'none');
  }
  if (delivery.kind === 'end') return [delivery.error?.code ?? 'end'];
  return [delivery.kind];
}

/** Offsets that can be pulled now, and the code of an end. */
export function pull(
  source: DeliverySource,
  maxBytes: number = 100_000,
): readonly (string | number)[] {
  const pulled: (string | number)[] = [];
  for (let next = source.pull(maxBytes); next !== undefined; next = source.pull(maxBytes)) {
    pulled.push(...wordOf(next));
    if (next.kind === 'end') break;
  }
  return pulled;
}
