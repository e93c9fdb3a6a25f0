/** Owns what stands between a server and metrics of the application's: what they do wrong reaches nobody. */
import type { CounterName, GaugeName } from './metric-catalogue.js';
import type { Labels, Metrics } from './metrics.js';
import { catchAnswer } from './run-hook.js';

/** Metrics that neither throw nor reject; `failed` is told the first failure, since each count would bring another. */
export class GuardedMetrics implements Metrics {
  readonly #metrics: Metrics;
  readonly #tell: (error: unknown) => void;
  #hasFailed = false;
  readonly #failed = (error: unknown): void => {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#tell(error);
  };

  constructor(metrics: Metrics, failed: (error: unknown) => void) {
    this.#metrics = metrics;
    this.#tell = failed;
  }

  count(name: CounterName, labels?: Labels, by?: number): void {
    // Not by a closure: every message is counted.
    try {
      catchAnswer(this.#metrics.count(name, labels, by), this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }

  gauge(name: GaugeName, value: number, labels?: Labels): void {
    try {
      catchAnswer(this.#metrics.gauge(name, value, labels), this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }
}
