/** Owns how often an address may connect: a bucket of tokens for each that did lately, in a bounded table. */
import type { Clock } from '../foundation/index.js';

/** Seconds for which tokens pile up: so many connects may come at once. */
const BURST_SECONDS = 2;
/** Idle buckets that are looked for at each connect: more than one, so that the table shrinks again. */
const FORGOTTEN_A_CONNECT = 2;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** A bucket that nobody has touched for as long as it takes to fill says as much as none: those go first. */
export class ConnectRate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #maxTrackedCount: number;
  /** The one that was touched the longest ago first. */
  readonly #buckets = new Map<string, Bucket>();
  /** Of those who come while the table is full of others. */
  readonly #shared: Bucket;

  /** `perSecond` 0: no limit. */
  constructor(clock: Clock, perSecond: number, maxTrackedCount: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#maxTrackedCount = maxTrackedCount;
    this.#shared = this.#fullBucket();
  }

  get trackedCount(): number {
    return this.#buckets.size;
  }

  /** Whether newcomers share one bucket now. */
  get isFull(): boolean {
    return this.#buckets.size >= this.#maxTrackedCount;
  }

  /** Takes a token; answers 0, or in how many milliseconds there is one. */
  take(share: string): number {
    if (this.#perSecond === 0) return 0;
    this.#forgetIdle();
    const bucket = this.#bucketOf(share);
    this.#fill(bucket);
    if (bucket.tokens < 1) return ((1 - bucket.tokens) / this.#perSecond) * 1000;
    bucket.tokens -= 1;
    return 0;
  }

  #bucketOf(share: string): Bucket {
    const known = this.#buckets.get(share);
    if (known === undefined && this.isFull) return this.#shared;
    const bucket = known ?? this.#fullBucket();
    this.#buckets.delete(share);
    this.#buckets.set(share, bucket);
    return bucket;
  }

  #forgetIdle(): void {
    const idleSinceMs = this.#clock.monotonicMs() - (this.#burst / this.#perSecond) * 1000;
    let count = 0;
    for (const [share, { filledAtMs }] of this.#buckets) {
      if (filledAtMs > idleSinceMs || count === FORGOTTEN_A_CONNECT) return;
      this.#buckets.delete(share);
      count += 1;
    }
  }

  #fill(bucket: Bucket): void {
    const nowMs = this.#clock.monotonicMs();
    const gained = ((nowMs - bucket.filledAtMs) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + gained);
    bucket.filledAtMs = nowMs;
  }

  #fullBucket(): Bucket {
    return { tokens: this.#burst, filledAtMs: this.#clock.monotonicMs() };
  }

  get #burst(): number {
    return Math.max(1, this.#perSecond * BURST_SECONDS);
  }
}
