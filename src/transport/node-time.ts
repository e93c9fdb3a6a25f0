/** Owns time as Node has it. */
import type { Cancel, Time } from '../foundation/index.js';

/** The clock, timers and turns of this process; a pending delay does not keep it alive. */
export function nodeTime(): Time {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs: number, callback: () => void): Cancel {
      const timer = setTimeout(callback, delayMs);
      timer.unref();
      return () => clearTimeout(timer);
    },
    afterTick: (callback) => process.nextTick(callback),
    afterTurn: (callback) => void setImmediate(callback),
  };
}
