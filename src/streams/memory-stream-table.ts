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
/** Owners that are asked for a stream when there is no place left. */
const MAX_OWNERS = 4;
/** Publications that one shortage takes out of histories that somebody follows. */
const MAX_DROPPED = 64;

export class MemoryStreamTable {
  readonly #budget: RetainedBudget;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #births: Shares;
  /** By owner, what was born for it and nobody follows, the least recently used first. */
  readonly #unfollowed: Lists = new Map();
  /** By owner, where it holds octets and nobody follows, the least recently used first. */
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
    budget.onShortage('history', (bytes, owner = '') => this.#releaseHistories(bytes, owner));
    budget.onShortage('followed-history', (bytes, owner = '') => this.#dropOldest(bytes, owner));
  }

  get count(): number {
    return this.#streams.size;
  }

  get(destination: string): MemoryStream | undefined {
    return this.#streams.get(destination);
  }

  /** Throws `stream/unavailable` when there is no place for one more. */
  bear(destination: string, epoch: string, owner: string): MemoryStream {
    this.#requirePlace(owner);
    const stream = new MemoryStream(destination, epoch, owner, this.#changed);
    this.#streams.set(destination, stream);
    this.#births.add(owner, 1);
    this.#budget.charge(owner, STREAM_BYTES + 2 * destination.length);
    listOf(this.#unfollowed, owner).touch(stream.born);
    return stream;
  }

  /** It was published to. */
  touch(stream: MemoryStream): void {
    if (!stream.isFollowed) listOf(this.#unfollowed, stream.owner).touch(stream.born);
  }

  /** Whether somebody follows it: then it is not forgotten. */
  setFollowed(stream: MemoryStream, isFollowed: boolean): void {
    if (stream.isFollowed === isFollowed) return;
    stream.isFollowed = isFollowed;
    if (isFollowed) unlist(this.#unfollowed, stream.owner, stream.born);
    else this.touch(stream);
    const [from, to] = [this.#listsOf(!isFollowed), this.#listsOf(isFollowed)];
    for (const holding of stream.holdings) {
      unlist(from, holding.owner, holding);
      listOf(to, holding.owner).touch(holding);
    }
  }

  /** Whether a publication to that stream finds room; makes it, if need be. */
  admits(stream: MemoryStream, owner: string, bytes: number): boolean {
    this.#spared = stream;
    const isAdmitted = this.#budget.admits(owner, bytes);
    this.#spared = undefined;
    return isAdmitted;
  }

  forget(stream: MemoryStream): void {
    const { destination, owner } = stream;
    stream.forget();
    this.#streams.delete(destination);
    this.#births.add(owner, -1);
    this.#budget.charge(owner, -STREAM_BYTES - 2 * destination.length);
    unlist(this.#unfollowed, owner, stream.born);
  }

  /** Forgets all, and takes them out of the budget. */
  clear(): void {
    for (const stream of this.#streams.values()) this.forget(stream);
  }

  /** An owner that has its part of the places gives one of its own; where all are taken, so does who has most. */
  #requirePlace(owner: string): void {
    const births = this.#births;
    const isBeyond = births.isBeyondPart(owner, 1);
    const isAdmitted = births.admits(owner, 1) || (!isBeyond && births.fits(1));
    if (isAdmitted && this.#budget.admits(owner, STREAM_BYTES)) return;
    if (!isBeyond && !births.fits(1)) this.#budget.releaseLingering(MAX_OWNERS * STREAM_BYTES);
    const owners = isBeyond ? [owner] : births.largest();
    let count = 0;
    for (const holder of owners) {
      if (this.#forgetOldest(this.#unfollowed.get(holder)) && births.fits(1)) return;
      if (++count >= MAX_OWNERS) break;
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

  #releaseHistories(bytes: number, owner: string): number {
    const before = this.#budget.bytesOf(owner);
    const freedBytes = (): number => before - this.#budget.bytesOf(owner);
    for (let count = 0; count < MAX_FORGOTTEN && freedBytes() < bytes; count++) {
      // Streams that keep nothing cost something too.
      const isFreed =
        this.#forgetOldest(this.#held.get(owner)) ||
        this.#forgetOldest(this.#unfollowed.get(owner));
      if (!isFreed) break;
    }
    return freedBytes();
  }

  #dropOldest(bytes: number, owner: string): number {
    const before = this.#budget.bytesOf(owner);
    const freedBytes = (): number => before - this.#budget.bytesOf(owner);
    for (let count = 0; count < MAX_DROPPED && freedBytes() < bytes; count++) {
      const list = this.#heldFollowed.get(owner);
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
    const { owner } = holding;
    this.#budget.charge(owner, bytes);
    const lists = this.#listsOf(holding.value.isFollowed);
    if (holding.bytes === 0) unlist(lists, owner, holding);
    else if (bytes > 0) listOf(lists, owner).touch(holding);
  }
}

type Lists = Map<string, RecencyList<MemoryStream>>;

function listOf(lists: Lists, owner: string): RecencyList<MemoryStream> {
  let list = lists.get(owner);
  if (list === undefined) lists.set(owner, (list = new RecencyList()));
  return list;
}

function unlist(lists: Lists, owner: string, entry: RecencyEntry<MemoryStream>): void {
  const list = lists.get(owner);
  list?.remove(entry);
  if (list?.isEmpty === true) lists.delete(owner);
}
