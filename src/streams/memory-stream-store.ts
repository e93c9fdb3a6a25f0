/** Owns streams that live and die with the process: the durability level `memory` (semantics T1). */
import { newId, RetainedBudget, SERVER_OWNER } from '../foundation/index.js';
import type { Cancel, Clock, Owner, Random, Timers } from '../foundation/index.js';
import { Publication, type Message, type StreamPosition } from '../message/index.js';
import type { MemoryStream } from './memory-stream.js';
import { MemoryStreamTable } from './memory-stream-table.js';
import { messageIdBytes, type MessageIdBounds } from './remembered-ids.js';
import { noRoom } from './retained-tally.js';
import type {
  AppendOptions,
  Appended,
  FeedListener,
  HistoryPart,
  Retention,
  StreamStore,
} from './stream-store.js';

export interface MemoryStreamStoreOptions {
  /**
   * Streams known at the same time. Beyond it the one that nobody has followed or published to for longest goes, of the share that has
   * most; where there is none, a new one is refused with `stream/unavailable`. A share may have as many as are free. Default 100,000.
   */
  readonly maxStreamCount?: number;
  /** How long a message id is remembered. Default 300,000 (five minutes). */
  readonly messageIdWindowMs?: number;
  /** Message ids remembered for one stream; the oldest are forgotten beyond it. Default 10,000. */
  readonly maxMessageIdCount?: number;
}

const EPOCH_BYTES = 6;
/** Time between two looks at a part of the streams, for what is over though nobody touches it. */
const SWEEP_INTERVAL_MS = 1_000;
/** Streams that one look sees, publications and ids that it lets go of: well below a millisecond. */
const MAX_SWEEP_STEPS = 4_096;

/** Keeps all in memory. Appending is synchronous underneath, so the feed's order is the order of the calls. */
export class MemoryStreamStore implements StreamStore {
  readonly appendsInOrder: boolean = true;
  readonly #time: Clock & Timers;
  readonly #random: Random;
  readonly #messageIdWindowMs: number;
  readonly #maxMessageIdCount: number;
  readonly #table: MemoryStreamTable;
  #listener: FeedListener = () => {};
  /** Streams of which something may be over though nobody touches them. */
  readonly #aging = new Set<MemoryStream>();
  #sweep: Iterator<MemoryStream> | undefined;
  #cancelSweep: Cancel | undefined;

  /** `budget`: what all that is kept is counted in. Default: one of its own. */
  constructor(
    time: Clock & Timers,
    random: Random,
    options: MemoryStreamStoreOptions = {},
    budget: RetainedBudget = new RetainedBudget(),
  ) {
    this.#time = time;
    this.#random = random;
    this.#table = new MemoryStreamTable(options.maxStreamCount ?? 100_000, budget);
    this.#messageIdWindowMs = options.messageIdWindowMs ?? 300_000;
    this.#maxMessageIdCount = options.maxMessageIdCount ?? 10_000;
  }

  /** Streams that are known. */
  get streamCount(): number {
    return this.#table.count;
  }

  // `async`, though it waits for nothing: what is thrown here has to reject.
  async append(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    const { key, messageId, audience, retention, owner = SERVER_OWNER } = options;
    const stream = this.#stream(destination, owner);
    const { epoch } = stream;
    if (messageId !== undefined) {
      const known = stream.ids?.offsetOf(owner, messageId, this.#idBounds());
      if (known !== undefined) return { position: { epoch, offset: known }, isDuplicate: true };
    }
    const previousOffset = stream.lastOffset;
    const offset = previousOffset + 1;
    const publishedAtMs = this.#time.nowMs();
    const publication = new Publication(message, {
      destination: stream.destination,
      epoch,
      offset,
      publishedAtMs,
      key,
      messageId,
      audience,
      owner,
    });
    this.#requireRoom(stream, publication, owner, retention);
    this.#table.touch(stream);
    stream.keep(publication, retention, publishedAtMs);
    if (messageId !== undefined) {
      const atMs = this.#time.monotonicMs();
      stream.makeIds().remember(owner, messageId, offset, atMs, this.#idBounds());
    }
    if (stream.ages) this.#watch(stream);
    this.#listener({ publication, epoch, offset, previousOffset });
    return { position: { epoch, offset }, isDuplicate: false };
  }

  follow(destination: string, owner: Owner = SERVER_OWNER): StreamPosition {
    const stream = this.#stream(destination, owner);
    this.#table.setFollowed(stream, true);
    return { epoch: stream.epoch, offset: stream.lastOffset };
  }

  unfollow(destination: string): void {
    const stream = this.#table.get(destination);
    if (stream !== undefined) this.#table.setFollowed(stream, false);
  }

  // Everything is in the feed of a store that has one node only.
  followPattern(): void {}
  unfollowPattern(): void {}

  async read(destination: string, after: StreamPosition, maxBytes: number): Promise<HistoryPart> {
    const stream = this.#table.get(destination);
    if (stream === undefined || stream.epoch !== after.epoch) return { kind: 'unrecoverable' };
    const first = after.offset + 1;
    const isWithin = first >= stream.tailOffset && first <= stream.lastOffset + 1;
    if (!isWithin) return { kind: 'unrecoverable' };
    const nowMs = this.#time.nowMs();
    const publications: Publication[] = [];
    let takenBytes = 0;
    for (let offset = first; offset <= stream.lastOffset && takenBytes < maxBytes; offset++) {
      const publication = stream.at(offset, nowMs);
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
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#aging.clear();
    this.#table.clear();
  }

  #stream(destination: string, { share }: Owner): MemoryStream {
    const known = this.#table.get(destination);
    if (known !== undefined) return known;
    const epoch = newId(this.#random, EPOCH_BYTES);
    return this.#table.bear(destination, epoch, share);
  }

  /** What is kept here takes room, less what goes for it from a history that is full. */
  #requireRoom(
    stream: MemoryStream,
    publication: Publication,
    owner: Owner,
    retention: Retention,
  ): void {
    const { messageId } = publication;
    const idBytes = messageId === undefined ? 0 : messageIdBytes(owner, messageId);
    const bytes = idBytes + stream.growthBy(publication, retention);
    if (this.#table.admits(stream, owner.share, bytes)) return;
    throw noRoom();
  }

  #idBounds(): MessageIdBounds {
    const overAtMs = this.#time.monotonicMs() - this.#messageIdWindowMs;
    return { overAtMs, maxCount: this.#maxMessageIdCount };
  }

  #watch(stream: MemoryStream): void {
    this.#aging.add(stream);
    this.#cancelSweep ??= this.#time.after(SWEEP_INTERVAL_MS, () => {
      this.#cancelSweep = undefined;
      this.#sweepPart();
      for (const first of this.#aging) return this.#watch(first);
    });
  }

  /** Goes on where the last look ended; a whole round of 100,000 streams takes 25 seconds. */
  #sweepPart(): void {
    const nowMs = this.#time.nowMs();
    const bounds = this.#idBounds();
    let looks = Math.min(MAX_SWEEP_STEPS, this.#aging.size);
    for (let steps = 0; steps < MAX_SWEEP_STEPS && looks > 0; looks--) {
      const stream = this.#nextAging();
      if (stream === undefined) return;
      steps += 1 + this.#letGo(stream, nowMs, bounds, MAX_SWEEP_STEPS - steps);
      if (stream.isForgotten || !stream.ages) this.#aging.delete(stream);
    }
  }

  /** One after another, round and round. */
  #nextAging(): MemoryStream | undefined {
    const next = this.#sweep?.next();
    if (next !== undefined && next.done !== true) return next.value;
    this.#sweep = this.#aging.values();
    const first = this.#sweep.next();
    return first.done === true ? undefined : first.value;
  }

  /** Answers how many publications and ids were let go of, about `maxCount`. */
  #letGo(stream: MemoryStream, nowMs: number, bounds: MessageIdBounds, maxCount: number): number {
    let count = 0;
    while (count < maxCount) {
      const goneCount = stream.trim(nowMs) + (stream.ids?.forget(bounds) ?? 0);
      if (goneCount === 0) break;
      count += goneCount;
    }
    return count;
  }
}
