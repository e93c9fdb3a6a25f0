/** Owns time as Node has it. */
import { MAX_TIMER_MS, type Cancel, type Time } from '../foundation/index.js';

/** The clock, timers and turns of this process; a pending delay does not keep it alive. */
export function nodeTime(): Time {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs: number, callback: () => void): Cancel {
      // A longer one, and one without an end, would fire at once.
      const timer = setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS));
      timer.unref();
      return () => clearTimeout(timer);
    },
    afterTick: (callback) => process.nextTick(callback),
    afterTurn: (callback) => void setImmediate(callback),
  };
}
