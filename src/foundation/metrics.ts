/** Owns the port through which every limit, refusal and flow is counted, and its in-memory implementation. */
import type { RequestError } from './error.js';
import type { CounterName, GaugeName } from './metric-catalogue.js';

/** Low-cardinality labels only: transport, mount, code; never a destination, a principal or an address. */
export type Labels = Readonly<Record<string, string>>;

/** Where counts go. `METRICS` says what each name means and which labels it has. */
export interface Metrics {
  /** Adds to a counter that only rises; 1 without `by`. */
  count(name: CounterName, labels?: Labels, by?: number): void;
  /** Sets a value that goes up and down. */
  gauge(name: GaugeName, value: number, labels?: Labels): void;
}

/** Counts in memory, for tests and for the library without an exporter. */
export class MemoryMetrics implements Metrics {
  readonly #values = new Map<string, number>();

  count(name: string, labels?: Labels, by: number = 1): void {
    const series = seriesName(name, labels);
    this.#values.set(series, (this.#values.get(series) ?? 0) + by);
  }

  gauge(name: string, value: number, labels?: Labels): void {
    this.#values.set(seriesName(name, labels), value);
  }

  /** The current value of one series, 0 when it was never touched. */
  value(name: string, labels?: Labels): number {
    return this.#values.get(seriesName(name, labels)) ?? 0;
  }

  /** Every series and its value, by name. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#values].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function seriesName(name: string, labels?: Labels): string {
  if (labels === undefined) return name;
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}="${labels[key] ?? ''}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

/** Which limit a refusal stands for, where it is the code alone that tells of it. */
const LIMIT_OF_CODE: Readonly<Record<string, string>> = {
  'json/too-many-values': 'maxJsonValueCount',
};

/** Counts the answer to an operation that failed. */
export function countRequestError(metrics: Metrics, { code, number }: RequestError): void {
  metrics.count('request_errors', { number: String(number) });
  const limit = LIMIT_OF_CODE[code];
  if (limit !== undefined) metrics.count('limit_reached', { limit });
}

/** Counts nothing. */
export const NO_METRICS: Metrics = { count: () => {}, gauge: () => {} };
