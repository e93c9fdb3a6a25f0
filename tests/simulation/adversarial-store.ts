/** Owns a store that keeps its contract and is as awkward about it as the contract allows. */
import type {
  Appended,
  AppendOptions,
  FeedEntry,
  FeedListener,
  HistoryPart,
  Message,
  Owner,
  StreamPosition,
  StreamStore,
} from 'tideway';
import type { SeededRandom, VirtualTime } from 'tideway/testing';

/** What was truly appended to one stream. */
export interface Truth {
  readonly epoch: string;
  /** Bodies by offset; the first has offset 1. */
  readonly bodies: string[];
}

const MAX_DELAY_MS = 40;
/** Shorter: appends to one destination may have to wait for each other. */
const MAX_APPEND_DELAY_MS = 10;

/** Delays its questions, its answers and its feed (which stays in order); loses entries of the feed when told to. */
export class AdversarialStore implements StreamStore {
  readonly truths = new Map<string, Truth>();
  /** The chance that an entry of the feed is lost. */
  lossRate = 0;
  readonly #inner: StreamStore;
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #feed: FeedEntry[] = [];
  #listener: FeedListener = () => {};
  #isFeeding = false;

  constructor(inner: StreamStore, time: VirtualTime, random: SeededRandom) {
    this.#inner = inner;
    this.#time = time;
    this.#random = random;
    inner.setFeedListener((entry) => this.#appended(entry));
  }

  // Two that are called at the same time may be appended in the wrong order: it does not say that it keeps it.
  async append(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    await this.#delay(MAX_APPEND_DELAY_MS);
    const appended = await this.#inner.append(destination, message, options);
    await this.#delay(MAX_APPEND_DELAY_MS);
    return appended;
  }

  follow(destination: string, owner?: Owner): StreamPosition | Promise<StreamPosition> {
    if (this.#random.below(2) === 0) return this.#inner.follow(destination, owner);
    return this.#followLater(destination, owner);
  }

  unfollow(destination: string): void {
    this.#inner.unfollow(destination);
  }

  followPattern(pattern: string): void | Promise<void> {
    if (this.#random.below(2) === 0) return this.#inner.followPattern(pattern);
    return this.#delay();
  }

  unfollowPattern(pattern: string): void {
    this.#inner.unfollowPattern(pattern);
  }

  async read(destination: string, after: StreamPosition, maxBytes: number): Promise<HistoryPart> {
    await this.#delay();
    const part = await this.#inner.read(destination, after, maxBytes);
    await this.#delay();
    return part;
  }

  setFeedListener(listener: FeedListener): void {
    this.#listener = listener;
  }

  close(): void {
    this.#listener = () => {};
    this.#inner.close();
  }

  async #followLater(destination: string, owner: Owner | undefined): Promise<StreamPosition> {
    await this.#delay();
    const position = await this.#inner.follow(destination, owner);
    await this.#delay();
    return position;
  }

  #appended(entry: FeedEntry): void {
    const { destination } = entry.publication;
    const truth = this.truths.get(destination) ?? { epoch: entry.epoch, bodies: [] };
    this.truths.set(destination, truth);
    truth.bodies.push(entry.publication.text());
    if (this.#random.fraction() < this.lossRate) return;
    this.#feed.push(entry);
    if (!this.#isFeeding) this.#feedOn();
  }

  /** Gives what waits at once or later; never one entry before an earlier one. */
  #feedOn(): void {
    this.#isFeeding = false;
    while (this.#feed.length > 0) {
      if (this.#random.below(3) === 0) {
        this.#isFeeding = true;
        this.#time.after(this.#random.below(MAX_DELAY_MS), () => this.#feedOn());
        return;
      }
      const entry = this.#feed.shift();
      if (entry !== undefined) this.#listener(entry);
    }
  }

  #delay(maxDelayMs: number = MAX_DELAY_MS): Promise<void> {
    if (this.#random.below(2) === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#time.after(this.#random.below(maxDelayMs), resolve);
    });
  }
}
