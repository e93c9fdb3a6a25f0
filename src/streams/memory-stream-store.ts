/** Owns streams that live and die with the process: the durability level `memory` (semantics T1). */
import { newId, RequestError, Ring } from '../foundation/index.js';
import type { Clock, Random } from '../foundation/index.js';
import { Publication, type Message, type StreamPosition } from '../message/index.js';
import type {
  AppendOptions,
  Appended,
  FeedListener,
  HistoryPart,
  Retention,
  StreamStore,
} from './stream-store.js';

export interface MemoryStreamStoreOptions {
  /** Streams known at the same time; beyond it a new one is refused with `stream/unavailable`. Default 100,000. */
  readonly maxStreamCount?: number;
  /** How long a message id is remembered. Default 300,000 (five minutes). */
  readonly messageIdWindowMs?: number;
  /** Message ids remembered for one stream; the oldest are forgotten beyond it. Default 10,000. */
  readonly maxMessageIdCount?: number;
  /** A stream without history that nobody follows is forgotten after this long, when room is needed. Default 60,000. */
  readonly idleStreamTtlMs?: number;
}

interface RememberedId {
  readonly messageId: string;
  readonly offset: number;
  readonly atMs: number;
}

interface StreamRecord {
  /** One string for all publications, whatever the publishers' ones are. */
  readonly destination: string;
  readonly epoch: string;
  lastOffset: number;
  lastUsedAtMs: number;
  isFollowed: boolean;
  /** Positions are offsets. */
  readonly history: Ring<Publication>;
  retention: Retention;
  /** Offsets by message id, and the order in which to forget them; made on first use. */
  offsets: Map<string, number> | undefined;
  remembered: Ring<RememberedId> | undefined;
}

const EPOCH_BYTES = 6;

/** Keeps all in memory. Appending is synchronous underneath, so the feed's order is the order of the calls. */
export class MemoryStreamStore implements StreamStore {
  readonly appendsInOrder: boolean = true;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #maxStreamCount: number;
  readonly #messageIdWindowMs: number;
  readonly #maxMessageIdCount: number;
  readonly #idleStreamTtlMs: number;
  readonly #streams = new Map<string, StreamRecord>();
  #listener: FeedListener = () => {};
  #nextSweepAtMs = 0;

  constructor(clock: Clock, random: Random, options: MemoryStreamStoreOptions = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#maxStreamCount = options.maxStreamCount ?? 100_000;
    this.#messageIdWindowMs = options.messageIdWindowMs ?? 300_000;
    this.#maxMessageIdCount = options.maxMessageIdCount ?? 10_000;
    this.#idleStreamTtlMs = options.idleStreamTtlMs ?? 60_000;
  }

  // `async`, though it waits for nothing: what is thrown here has to reject.
  async append(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    const stream = this.#stream(destination);
    const { key, messageId, audience, retention } = options;
    const { epoch } = stream;
    if (messageId !== undefined) {
      const known = this.#offsetOf(stream, messageId);
      if (known !== undefined) return { position: { epoch, offset: known }, isDuplicate: true };
    }
    const previousOffset = stream.lastOffset;
    const offset = previousOffset + 1;
    const publishedAtMs = this.#clock.nowMs();
    const publication = new Publication(message, {
      destination: stream.destination,
      epoch,
      offset,
      publishedAtMs,
      key,
      messageId,
      audience,
    });
    stream.lastOffset = offset;
    stream.lastUsedAtMs = publishedAtMs;
    stream.retention = retention;
    stream.history.push(publication);
    this.#trim(stream);
    if (messageId !== undefined) this.#remember(stream, messageId, offset);
    this.#listener({ publication, epoch, offset, previousOffset });
    return { position: { epoch, offset }, isDuplicate: false };
  }

  follow(destination: string): StreamPosition {
    const stream = this.#stream(destination);
    stream.isFollowed = true;
    return { epoch: stream.epoch, offset: stream.lastOffset };
  }

  unfollow(destination: string): void {
    const stream = this.#streams.get(destination);
    if (stream === undefined) return;
    stream.isFollowed = false;
    stream.lastUsedAtMs = this.#clock.nowMs();
  }

  // Everything is in the feed of a store that has one node only.
  followPattern(): void {}
  unfollowPattern(): void {}

  async read(destination: string, after: StreamPosition, maxBytes: number): Promise<HistoryPart> {
    const stream = this.#streams.get(destination);
    if (stream === undefined || stream.epoch !== after.epoch) return { kind: 'unrecoverable' };
    this.#trim(stream);
    const first = after.offset + 1;
    const isWithin = first >= stream.history.tail && first <= stream.lastOffset + 1;
    if (!isWithin) return { kind: 'unrecoverable' };
    const publications: Publication[] = [];
    let takenBytes = 0;
    for (let offset = first; offset <= stream.lastOffset && takenBytes < maxBytes; offset++) {
      const publication = stream.history.at(offset);
      if (publication === undefined) return { kind: 'unrecoverable' };
      publications.push(publication);
      takenBytes += publication.retainedBytes;
    }
    return { kind: 'publications', publications };
  }

  setFeedListener(listener: FeedListener): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = () => {};
    this.#streams.clear();
  }

  #stream(destination: string): StreamRecord {
    let stream = this.#streams.get(destination);
    if (stream !== undefined) return stream;
    if (this.#streams.size >= this.#maxStreamCount) this.#makeRoom();
    stream = {
      destination,
      epoch: newId(this.#random, EPOCH_BYTES),
      lastOffset: 0,
      lastUsedAtMs: this.#clock.nowMs(),
      isFollowed: false,
      history: new Ring(1),
      retention: { historySize: 0, historyTtlMs: 0 },
      offsets: undefined,
      remembered: undefined,
    };
    this.#streams.set(destination, stream);
    return stream;
  }

  #trim(stream: StreamRecord): void {
    const { history, retention } = stream;
    while (history.size > retention.historySize) history.shift();
    if (retention.historyTtlMs === Infinity) return;
    const oldestAtMs = this.#clock.nowMs() - retention.historyTtlMs;
    let oldest = history.at(history.tail);
    while (oldest !== undefined && oldest.publishedAtMs < oldestAtMs) {
      history.shift();
      oldest = history.at(history.tail);
    }
  }

  #offsetOf(stream: StreamRecord, messageId: string): number | undefined {
    this.#forgetIds(stream);
    return stream.offsets?.get(messageId);
  }

  #remember(stream: StreamRecord, messageId: string, offset: number): void {
    (stream.offsets ??= new Map()).set(messageId, offset);
    (stream.remembered ??= new Ring()).push({ messageId, offset, atMs: this.#clock.nowMs() });
    this.#forgetIds(stream);
  }

  #forgetIds(stream: StreamRecord): void {
    const { offsets, remembered } = stream;
    if (offsets === undefined || remembered === undefined) return;
    const oldestAtMs = this.#clock.nowMs() - this.#messageIdWindowMs;
    let oldest = remembered.at(remembered.tail);
    while (
      oldest !== undefined &&
      (oldest.atMs < oldestAtMs || remembered.size > this.#maxMessageIdCount)
    ) {
      remembered.shift();
      offsets.delete(oldest.messageId);
      oldest = remembered.at(remembered.tail);
    }
  }

  /** Forgets idle streams; at most once a second, so that refused births stay cheap. */
  #makeRoom(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#nextSweepAtMs) {
      this.#nextSweepAtMs = nowMs + 1_000;
      for (const [destination, stream] of this.#streams) {
        if (this.#isIdle(stream, nowMs)) this.#streams.delete(destination);
      }
    }
    if (this.#streams.size < this.#maxStreamCount) return;
    throw new RequestError(
      'stream/unavailable',
      `the store holds ${this.#maxStreamCount} streams already (maxStreamCount)`,
    );
  }

  #isIdle(stream: StreamRecord, nowMs: number): boolean {
    if (stream.isFollowed || nowMs - stream.lastUsedAtMs < this.#idleStreamTtlMs) return false;
    this.#trim(stream);
    // A remembered message id holds for its whole window (semantics S8).
    this.#forgetIds(stream);
    return stream.history.size === 0 && (stream.offsets?.size ?? 0) === 0;
  }
}
