/** Owns many deadlines on one timer: a wheel of coarse buckets, because a timer per socket costs more than the socket's messages. */
import type { Cancel, Clock, Timers } from './clock.js';

/** Something that may come due. Hold on to it to move or end the deadline. */
export class Deadline {
  /** Instant on the monotonic clock, or Infinity when it is not set. @internal */
  dueAtMs: number = Infinity;
  /** The bucket that holds it, to see whether it is already filed. @internal */
  filedFor: number = Infinity;
  readonly onDue: () => void;

  constructor(onDue: () => void) {
    this.onDue = onDue;
  }
}

/** Deadlines come due up to one `granularityMs` late, never early. */
export class DeadlineWheel {
  readonly #time: Clock & Timers;
  readonly #granularityMs: number;
  readonly #buckets = new Map<number, Set<Deadline>>();
  #lastBucket: number;
  #cancel: Cancel | undefined;

  constructor(time: Clock & Timers, granularityMs: number) {
    this.#time = time;
    this.#granularityMs = granularityMs;
    this.#lastBucket = this.#bucketOf(time.monotonicMs());
  }

  /** Sets or moves a deadline. Moving it later costs one store: it is filed anew only when its old bucket comes up. */
  set(deadline: Deadline, delayMs: number): void {
    deadline.dueAtMs = this.#time.monotonicMs() + delayMs;
    const bucket = this.#bucketOf(deadline.dueAtMs);
    if (bucket >= deadline.filedFor) return;
    this.#unfile(deadline);
    this.#file(deadline, bucket);
  }

  clear(deadline: Deadline): void {
    deadline.dueAtMs = Infinity;
    this.#unfile(deadline);
  }

  /** Ends the wheel's timer; no deadline comes due any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#buckets.clear();
  }

  #bucketOf(instantMs: number): number {
    return Math.floor(instantMs / this.#granularityMs);
  }

  #file(deadline: Deadline, bucket: number): void {
    if (this.#buckets.size === 0) this.#lastBucket = this.#bucketOf(this.#time.monotonicMs());
    let filed = this.#buckets.get(bucket);
    if (filed === undefined) this.#buckets.set(bucket, (filed = new Set()));
    filed.add(deadline);
    deadline.filedFor = bucket;
    this.#cancel ??= this.#time.after(this.#granularityMs, () => this.#sweep());
  }

  #unfile(deadline: Deadline): void {
    const filed = this.#buckets.get(deadline.filedFor);
    filed?.delete(deadline);
    if (filed?.size === 0) this.#buckets.delete(deadline.filedFor);
    deadline.filedFor = Infinity;
  }

  #sweep(): void {
    this.#cancel = undefined;
    const nowMs = this.#time.monotonicMs();
    const current = this.#bucketOf(nowMs);
    for (const bucket of this.#bucketsUpTo(current)) {
      const filed = this.#buckets.get(bucket);
      this.#buckets.delete(bucket);
      for (const deadline of filed ?? []) {
        deadline.filedFor = Infinity;
        // Cleared by one of this bucket that came due before it.
        if (deadline.dueAtMs === Infinity) continue;
        if (deadline.dueAtMs > nowMs) {
          this.#file(deadline, Math.max(this.#bucketOf(deadline.dueAtMs), current + 1));
        } else {
          deadline.dueAtMs = Infinity;
          deadline.onDue();
        }
      }
    }
    this.#lastBucket = current;
    if (this.#buckets.size > 0) {
      this.#cancel ??= this.#time.after(this.#granularityMs, () => this.#sweep());
    }
  }

  #bucketsUpTo(current: number): number[] {
    const span = current - this.#lastBucket;
    if (span > this.#buckets.size) {
      return [...this.#buckets.keys()].filter((bucket) => bucket <= current).sort((a, b) => a - b);
    }
    const due: number[] = [];
    for (let bucket = this.#lastBucket; bucket <= current; bucket++) {
      if (this.#buckets.has(bucket)) due.push(bucket);
    }
    return due;
  }
}
