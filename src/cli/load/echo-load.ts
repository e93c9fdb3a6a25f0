/** Owns the echo load: each connection keeps so many messages on their way, and sends one more for each that comes back. */
import { FrameBelt } from './frame-belt.js';
import type { LatencyHistogram } from './latency-histogram.js';
import { LoadError, type LoadConnection } from './load-connection.js';

/** What a load has done and has still to hear of. */
export interface RunningLoad {
  /** Messages that came in. */
  readonly messageCount: number;
  /** Messages that are expected and have not come. */
  readonly missingCount: number;
  /** Sends the first messages. */
  start(): void;
  /** Sends no more; resolves when nothing is missing any more. */
  stop(): Promise<void>;
  /** Messages arrived at a connection. */
  received(index: number, messageCount: number): void;
}

export class EchoLoad implements RunningLoad {
  readonly #connections: readonly LoadConnection[];
  readonly #belts: readonly FrameBelt[];
  readonly #inFlight: number;
  readonly #latencies: LatencyHistogram;
  /** When each message on its way was sent: a ring for each connection, one after the other. */
  readonly #sentAtMs: Float64Array;
  readonly #oldest: Uint32Array;
  readonly #pending: Uint32Array;
  #isStopping = false;
  #emptied: () => void = () => {};
  messageCount = 0;
  missingCount = 0;

  /** Connections take turns with the belts: with a belt of text and one of binary, half of them send each. */
  constructor(
    connections: readonly LoadConnection[],
    belts: readonly FrameBelt[],
    inFlight: number,
    latencies: LatencyHistogram,
  ) {
    this.#connections = connections;
    this.#belts = belts;
    this.#inFlight = inFlight;
    this.#latencies = latencies;
    this.#sentAtMs = new Float64Array(connections.length * inFlight);
    this.#oldest = new Uint32Array(connections.length);
    this.#pending = new Uint32Array(connections.length);
  }

  start(): void {
    for (let index = 0; index < this.#connections.length; index++) {
      this.#send(index, this.#inFlight, performance.now());
    }
  }

  stop(): Promise<void> {
    this.#isStopping = true;
    return new Promise((resolve) => {
      this.#emptied = resolve;
      if (this.missingCount === 0) resolve();
    });
  }

  received(index: number, messageCount: number): void {
    const nowMs = performance.now();
    if (messageCount > this.#pending[index]!) {
      throw new LoadError('the server sent more messages than it got: it is no echo server');
    }
    for (let count = 0; count < messageCount; count++) {
      const oldest = this.#oldest[index]!;
      this.#latencies.record(nowMs - this.#sentAtMs[index * this.#inFlight + oldest]!);
      this.#oldest[index] = (oldest + 1) % this.#inFlight;
    }
    this.#pending[index] = this.#pending[index]! - messageCount;
    this.messageCount += messageCount;
    this.missingCount -= messageCount;
    if (!this.#isStopping) this.#send(index, messageCount, nowMs);
    else if (this.missingCount === 0) this.#emptied();
  }

  #send(index: number, frameCount: number, nowMs: number): void {
    const start = this.#oldest[index]! + this.#pending[index]!;
    for (let count = 0; count < frameCount; count++) {
      const place = (start + count) % this.#inFlight;
      this.#sentAtMs[index * this.#inFlight + place] = nowMs;
    }
    this.#pending[index] = this.#pending[index]! + frameCount;
    this.missingCount += frameCount;
    this.#connections[index]!.write(this.#belts[index % this.#belts.length]!.take(frameCount));
  }
}
