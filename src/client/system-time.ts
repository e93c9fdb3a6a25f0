/** Owns the client's real clock and timers. */
import type { Cancel, Clock, Timers } from '../foundation/index.js';

/** What the client needs of time; `VirtualTime` of `tideway/testing` is one too. */
export type ClientTime = Pick<Clock, 'monotonicMs'> & Timers;

/** Runs a callback when a time is up that an option gave: 0 and Infinity are no time, and nothing is set. */
export function afterUnlessEndless(
  time: ClientTime,
  delayMs: number,
  callback: () => void,
): Cancel {
  return delayMs > 0 && delayMs < Infinity ? time.after(delayMs, callback) : (): void => {};
}

/** Timers keep a Node process alive, on purpose: a client that waits to reconnect is at work until it is closed. */
export const SYSTEM_TIME: ClientTime = {
  monotonicMs: (): number => performance.now(),
  after: (delayMs: number, callback: () => void): Cancel => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
