/** Owns which streams the memory store knows: for whom each was born, what each keeps of whom, and which goes when there is no room. */
import {
  RecencyList,
  RequestError,
  Shares,
  type RecencyEntry,
  type RetainedBudget,
} from '../foundation/index.js';
import { Holding, MemoryStream, STREAM_BYTES } from './memory-stream.js';

/** Streams that one shortage takes. */
const MAX_FORGOTTEN = 32;
/** Shares that are asked for a stream when there is no place left. */
const MAX_SHARES = 4;
/** Publications that one shortage takes out of histories that somebody follows. */
const MAX_DROPPED = 64;

export class MemoryStreamTable {
  readonly #budget: RetainedBudget;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #births: Shares;
  /** By share, what was born for it and nobody follows, the least recently used first. */
  readonly #unfollowed: Lists = new Map();
  /** By share, where it holds octets and nobody follows, the least recently used first. */
  readonly #held: Lists = new Map();
  /** The same, where somebody follows. */
  readonly #heldFollowed: Lists = new Map();
  /** What is being published to does not go for it. */
  #spared: MemoryStream | undefined;
  /** One for all streams. */
  readonly #changed = (holding: Holding, bytes: number): void => this.#charge(holding, bytes);

  constructor(maxStreamCount: number, budget: RetainedBudget) {
    this.#births = new Shares(maxStreamCount);
    this.#budget = budget;
    budget.onShortage('history', (bytes, share = '') => this.#releaseHistories(bytes, share));
    budget.onShortage('followed-history', (bytes, share = '') => this.#dropOldest(bytes, share));
  }

  get count(): number {
    return this.#streams.size;
  }

  get(destination: string): MemoryStream | undefined {
    return this.#streams.get(destination);
  }

  /** Throws `stream/unavailable` when there is no place for one more. */
  bear(destination: string, epoch: string, share: string): MemoryStream {
    this.#requirePlace(share);
    const stream = new MemoryStream(destination, epoch, share, this.#changed);
    this.#streams.set(destination, stream);
    this.#births.add(share, 1);
    this.#budget.charge(share, STREAM_BYTES + 2 * destination.length);
    listOf(this.#unfollowed, share).touch(stream.born);
    return stream;
  }

  /** It was published to. */
  touch(stream: MemoryStream): void {
    if (!stream.isFollowed) listOf(this.#unfollowed, stream.share).touch(stream.born);
  }

  /** Whether somebody follows it: then it is not forgotten. */
  setFollowed(stream: MemoryStream, isFollowed: boolean): void {
    if (stream.isFollowed === isFollowed) return;
    stream.isFollowed = isFollowed;
    if (isFollowed) unlist(this.#unfollowed, stream.share, stream.born);
    else this.touch(stream);
    const [from, to] = [this.#listsOf(!isFollowed), this.#listsOf(isFollowed)];
    for (const holding of stream.holdings) {
      unlist(from, holding.share, holding);
      listOf(to, holding.share).touch(holding);
    }
  }

  /** Whether a publication to that stream finds room; makes it, if need be. */
  admits(stream: MemoryStream, share: string, bytes: number): boolean {
    this.#spared = stream;
    const isAdmitted = this.#budget.admits(share, bytes);
    this.#spared = undefined;
    return isAdmitted;
  }

  forget(stream: MemoryStream): void {
    const { destination, share } = stream;
    stream.forget();
    this.#streams.delete(destination);
    this.#births.add(share, -1);
    this.#budget.charge(share, -STREAM_BYTES - 2 * destination.length);
    unlist(this.#unfollowed, share, stream.born);
  }

  /** Forgets all, and takes them out of the budget. */
  clear(): void {
    for (const stream of this.#streams.values()) this.forget(stream);
  }

  /** A share that has its part of the places gives one of its own; where all are taken, so does who has most. */
  #requirePlace(share: string): void {
    const births = this.#births;
    const isBeyond = births.isBeyondPart(share, 1);
    const hasPlace = (): boolean => births.fitsBeside(share, 1);
    const isAdmitted = births.admits(share, 1) || (!isBeyond && hasPlace());
    if (isAdmitted && this.#budget.admits(share, STREAM_BYTES)) return;
    if (!isBeyond && !hasPlace()) this.#budget.releaseLingering(MAX_SHARES * STREAM_BYTES);
    const shares = isBeyond ? [share] : births.largest();
    let count = 0;
    for (const holder of shares) {
      if (this.#forgetOldest(this.#unfollowed.get(holder)) && births.fits(1)) return;
      if (++count >= MAX_SHARES) break;
    }
    this.#budget.countRefusal('maxStreamCount');
    throw new RequestError(
      'stream/unavailable',
      `the store has no place for one more stream of this client's (${births.max} are known at most, maxStreamCount); try again later`,
    );
  }

  /** Whether there was one. */
  #forgetOldest(list: RecencyList<MemoryStream> | undefined): boolean {
    const oldest = list?.oldest;
    const entry = oldest?.value === this.#spared ? oldest?.newer : oldest;
    if (entry === undefined) return false;
    this.forget(entry.value);
    return true;
  }

  #releaseHistories(bytes: number, share: string): number {
    const before = this.#budget.bytesOf(share);
    const freedBytes = (): number => before - this.#budget.bytesOf(share);
    for (let count = 0; count < MAX_FORGOTTEN && freedBytes() < bytes; count++) {
      // Streams that keep nothing cost something too.
      const isFreed =
        this.#forgetOldest(this.#held.get(share)) ||
        this.#forgetOldest(this.#unfollowed.get(share));
      if (!isFreed) break;
    }
    return freedBytes();
  }

  #dropOldest(bytes: number, share: string): number {
    const before = this.#budget.bytesOf(share);
    const freedBytes = (): number => before - this.#budget.bytesOf(share);
    for (let count = 0; count < MAX_DROPPED && freedBytes() < bytes; count++) {
      const list = this.#heldFollowed.get(share);
      const oldest = list?.oldest;
      if (list === undefined || oldest === undefined) break;
      if (oldest.value.historyCount > 0) oldest.value.dropOldest();
      // What it holds there are ids.
      else list.touch(oldest);
    }
    return freedBytes();
  }

  #listsOf(isFollowed: boolean): Lists {
    return isFollowed ? this.#heldFollowed : this.#held;
  }

  #charge(holding: Holding, bytes: number): void {
    const { share } = holding;
    this.#budget.charge(share, bytes);
    const lists = this.#listsOf(holding.value.isFollowed);
    if (holding.bytes === 0) unlist(lists, share, holding);
    else if (bytes > 0) listOf(lists, share).touch(holding);
  }
}

type Lists = Map<string, RecencyList<MemoryStream>>;

function listOf(lists: Lists, share: string): RecencyList<MemoryStream> {
  let list = lists.get(share);
  if (list === undefined) lists.set(share, (list = new RecencyList()));
  return list;
}

function unlist(lists: Lists, share: string, entry: RecencyEntry<MemoryStream>): void {
  const list = lists.get(share);
  list?.remove(entry);
  if (list?.isEmpty === true) lists.delete(share);
}
