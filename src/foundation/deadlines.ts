/** Owns many deadlines on one timer: a wheel of coarse buckets, because a timer per socket costs more than the socket's messages. */
import type { Cancel, Clock, Timers, TurnScheduler } from './clock.js';
import { MAX_SLICE_UNITS, type TurnBudget } from './turn-budget.js';

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

/** What a wheel may be given. */
export interface DeadlineWheelOptions {
  /** Where many that are due at once take their turns. Default: all of them in one. */
  readonly turns?: TurnBudget;
  /** Is told what a listener throws. Default: it is thrown again once the tick is over, as out of a timer, and ends nothing here. */
  readonly onError?: (error: unknown) => void;
}

/** What a sweep has still to look at: the rest of one bucket, then others. */
interface Sweep {
  readonly nowMs: number;
  readonly current: number;
  readonly buckets: readonly number[];
  next: number;
  /** The bucket that is looked at now; what is filed anew meanwhile goes to another set. */
  bucket: number;
  due: Set<Deadline>;
}

/** Deadlines come due up to one `granularityMs` late, never early; and in the order of their buckets, where many take several turns. */
export class DeadlineWheel {
  readonly #time: Clock & Timers & TurnScheduler;
  readonly #granularityMs: number;
  readonly #turns: TurnBudget | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #buckets = new Map<number, Set<Deadline>>();
  #lastBucket: number;
  #cancel: Cancel | undefined;
  #sweep: Sweep | undefined;
  readonly #goOn = (): void => this.#sweepOn();

  constructor(
    time: Clock & Timers & TurnScheduler,
    granularityMs: number,
    { turns, onError }: DeadlineWheelOptions = {},
  ) {
    this.#time = time;
    this.#granularityMs = granularityMs;
    this.#turns = turns;
    this.#onError = onError ?? ((error) => this.#throwLater(error));
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
    this.#turns?.forget(this.#goOn);
    this.#sweep = undefined;
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
    this.#awaitNext();
  }

  #awaitNext(): void {
    this.#cancel ??= this.#time.after(this.#granularityMs, () => this.#begin());
  }

  #unfile(deadline: Deadline): void {
    const { filedFor } = deadline;
    const filed = this.#buckets.get(filedFor);
    filed?.delete(deadline);
    if (filed?.size === 0) this.#buckets.delete(filedFor);
    if (this.#sweep?.bucket === filedFor) this.#sweep.due.delete(deadline);
    deadline.filedFor = Infinity;
  }

  #begin(): void {
    this.#cancel = undefined;
    // The one before has not ended yet; at its end it waits for the next.
    if (this.#sweep !== undefined) return;
    const nowMs = this.#time.monotonicMs();
    const current = this.#bucketOf(nowMs);
    const buckets = this.#bucketsUpTo(current);
    this.#sweep = { nowMs, current, buckets, next: 0, bucket: -Infinity, due: new Set() };
    this.#sweepOn();
  }

  /** Looks at as many as this turn takes. */
  #sweepOn(): void {
    let count = 0;
    for (;;) {
      const sweep = this.#sweep;
      // Stopped by a listener.
      if (sweep === undefined) return;
      const deadline = this.#nextOf(sweep);
      if (deadline === undefined) break;
      this.#look(deadline, sweep);
      count += 1;
      if (this.#turns === undefined) continue;
      if (!this.#turns.spend() || count >= MAX_SLICE_UNITS) {
        return this.#turns.later(this.#goOn, 'backlog');
      }
    }
    this.#lastBucket = this.#sweep!.current;
    this.#sweep = undefined;
    if (this.#buckets.size > 0) this.#awaitNext();
  }

  /** Takes one out; undefined when there is none left. */
  #nextOf(sweep: Sweep): Deadline | undefined {
    for (;;) {
      const [deadline] = sweep.due;
      if (deadline !== undefined) {
        sweep.due.delete(deadline);
        deadline.filedFor = Infinity;
        return deadline;
      }
      const bucket = sweep.buckets[sweep.next];
      if (bucket === undefined) return undefined;
      sweep.next += 1;
      sweep.bucket = bucket;
      sweep.due = this.#buckets.get(bucket) ?? new Set();
      this.#buckets.delete(bucket);
    }
  }

  #look(deadline: Deadline, { nowMs, current }: Sweep): void {
    const { dueAtMs } = deadline;
    if (dueAtMs === Infinity) return;
    if (dueAtMs > nowMs) {
      return this.#file(deadline, Math.max(this.#bucketOf(dueAtMs), current + 1));
    }
    deadline.dueAtMs = Infinity;
    try {
      deadline.onDue();
    } catch (error) {
      this.#onError(error);
    }
  }

  #throwLater(error: unknown): void {
    this.#time.afterTick(() => {
      throw error;
    });
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
