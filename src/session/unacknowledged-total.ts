/** Owns how many messages of all subscriptions of one session wait for the client's word, and who waits for room among them. */
import type { DeliverySink } from './delivery.js';

/** One for a session: each of its windows has a bound of its own beside it. */
export class UnacknowledgedTotal {
  readonly #maxCount: number;
  #count = 0;
  /** Windows that would deliver more, in the order in which they found no room. */
  readonly #waiting = new Set<DeliverySink>();

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  get room(): number {
    return Math.max(0, this.#maxCount - this.#count);
  }

  add(count: number): void {
    this.#count += count;
  }

  /** Tells those that wait for room, one after another while there is some. */
  remove(count: number): void {
    this.#count -= count;
    for (const sink of this.#waiting) {
      if (this.room === 0) return;
      this.#waiting.delete(sink);
      sink.ready();
    }
  }

  /** `sink` is told once there is room. */
  wait(sink: DeliverySink): void {
    this.#waiting.add(sink);
  }

  forget(sink: DeliverySink): void {
    this.#waiting.delete(sink);
  }
}
