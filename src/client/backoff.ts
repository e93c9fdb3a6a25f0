/** Owns how long to wait before the next attempt: exponential, with full jitter. */
import { MAX_TIMER_MS } from '../foundation/index.js';

export interface BackoffOptions {
  /** Upper bound of the first delay, in milliseconds. Default 500. */
  readonly minMs?: number;
  /** Upper bound of every delay, in milliseconds. Default 30,000. */
  readonly maxMs?: number;
  /** A connection that lasted this long, in milliseconds, starts the count anew. Default 5,000. */
  readonly stableAfterMs?: number;
}

/**
 * A delay in [0, min(maxMs, minMs · 2^attempt)), at most what a timer can hold. Full jitter spreads the clients of a server that
 * died: with a fixed part, they would all come back in the same instant.
 */
export function backoffDelayMs(
  options: { readonly minMs: number; readonly maxMs: number },
  attempt: number,
  fraction: number,
): number {
  return Math.floor(
    fraction * Math.min(options.maxMs, options.minMs * 2 ** Math.min(attempt, 31), MAX_TIMER_MS),
  );
}
