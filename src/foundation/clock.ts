/** Owns time as a port: instants, delays and the two later moments of one event-loop turn. */

/** Ends a pending delay; calling it again, or after the delay ran, does nothing. */
export type Cancel = () => void;

/** Where instants come from. Real in production, virtual in tests. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the system's clock is set. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. Deadlines are kept in it. */
  monotonicMs(): number;
}

/** The longest delay that timers of browsers and of Node can wait: about 24.8 days. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Where delays come from. */
export interface Timers {
  /** Runs `callback` once, `delayMs` from now; does not by itself keep a process alive. */
  after(delayMs: number, callback: () => void): Cancel;
}

/** The later moments of the current turn (semantics O2). */
export interface TurnScheduler {
  /** Runs `callback` when the current callback is over, before other input is read. */
  afterTick(callback: () => void): void;
  /** Runs `callback` when all input that is ready in this turn has been read. */
  afterTurn(callback: () => void): void;
}

/** Everything about time that a part of Tideway may be given. */
export interface Time extends Clock, Timers, TurnScheduler {}
