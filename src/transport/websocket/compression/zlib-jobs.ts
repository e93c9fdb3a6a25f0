/** Owns the number of zlib's jobs off the thread: each holds memory, so few run at the same time and the rest waits in line. */

export const DEFAULT_ZLIB_CONCURRENCY = 10;

/** Begins a job, which says when it has ended. */
export type ZlibJob = (ended: () => void) => void;

/** One per loop. Unlimited concurrency costs gigabytes and is slower (nodejs/node#8871). */
export class ZlibJobs {
  #maxCount = DEFAULT_ZLIB_CONCURRENCY;
  #isLimited = false;
  #runningCount = 0;
  readonly #waiting: ZlibJob[] = [];

  get runningCount(): number {
    return this.#runningCount;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Sets the limit; of several the smallest holds. */
  limitTo(count: number): void {
    this.#maxCount = this.#isLimited ? Math.min(this.#maxCount, count) : count;
    this.#isLimited = true;
  }

  /** Runs a job at its turn. */
  run(job: ZlibJob): void {
    if (this.#runningCount < this.#maxCount) this.#begin(job);
    else this.#waiting.push(job);
  }

  #begin(job: ZlibJob): void {
    this.#runningCount += 1;
    let hasEnded = false;
    job(() => {
      if (hasEnded) return;
      hasEnded = true;
      this.#runningCount -= 1;
      const next = this.#waiting.shift();
      if (next !== undefined) this.#begin(next);
    });
  }
}
