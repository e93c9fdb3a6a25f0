/** Owns the fan-out load: one publisher sends so many at once, and the next when every subscriber has them all. */
import type { RunningLoad } from './echo-load.js';
import type { FrameBelt } from './frame-belt.js';
import type { LatencyHistogram } from './latency-histogram.js';
import { LoadError, type LoadConnection } from './load-connection.js';

export class FanOutLoad implements RunningLoad {
  readonly #publisher: LoadConnection;
  readonly #subscriberCount: number;
  readonly #belt: FrameBelt;
  readonly #atOnce: number;
  readonly #latencies: LatencyHistogram;
  /** What each subscriber has not got of the publications on their way. */
  readonly #owed: Uint32Array;
  #sentAtMs = 0;
  #isStopping = false;
  #emptied: () => void = () => {};
  messageCount = 0;
  missingCount = 0;

  constructor(
    publisher: LoadConnection,
    subscriberCount: number,
    belt: FrameBelt,
    atOnce: number,
    latencies: LatencyHistogram,
  ) {
    this.#publisher = publisher;
    this.#subscriberCount = subscriberCount;
    this.#belt = belt;
    this.#atOnce = atOnce;
    this.#latencies = latencies;
    this.#owed = new Uint32Array(subscriberCount);
  }

  start(): void {
    this.#publish();
  }

  stop(): Promise<void> {
    this.#isStopping = true;
    return new Promise((resolve) => {
      this.#emptied = resolve;
      if (this.missingCount === 0) resolve();
    });
  }

  received(index: number, messageCount: number): void {
    if (index >= this.#subscriberCount) {
      throw new LoadError(
        'the server answered the publisher, so it did not just take its messages',
      );
    }
    if (messageCount > this.#owed[index]!) {
      throw new LoadError(
        'a subscriber got more than was published: somebody else publishes there',
      );
    }
    this.#owed[index] = this.#owed[index]! - messageCount;
    this.#latencies.record(performance.now() - this.#sentAtMs, messageCount);
    this.messageCount += messageCount;
    this.missingCount -= messageCount;
    if (this.missingCount > 0) return;
    if (this.#isStopping) this.#emptied();
    else this.#publish();
  }

  #publish(): void {
    this.#owed.fill(this.#atOnce);
    this.missingCount = this.#atOnce * this.#subscriberCount;
    this.#sentAtMs = performance.now();
    this.#publisher.write(this.#belt.take(this.#atOnce));
  }
}
