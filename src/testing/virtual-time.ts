/** Owns time that stands still until a test moves it. */
import type { Cancel, Time } from '../foundation/index.js';

interface Timer {
  readonly dueAtMs: number;
  readonly callback: () => void;
}

/**
 * A `Time` whose clock moves only by `advance`. Timers run in the order of their instants, those of the same instant in the order
 * in which they were set; before each of them the moments of the current turn run, ticks first.
 */
export class VirtualTime implements Time {
  #monotonicMs = 0;
  #wallClockOffsetMs: number;
  readonly #timers = new Set<Timer>();
  readonly #ticks: (() => void)[] = [];
  readonly #turns: (() => void)[] = [];

  /** `nowMs` is where the wall clock begins; the monotonic clock begins at 0. */
  constructor(nowMs: number = 0) {
    this.#wallClockOffsetMs = nowMs;
  }

  nowMs(): number {
    return this.#monotonicMs + this.#wallClockOffsetMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = { dueAtMs: this.#monotonicMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  afterTick(callback: () => void): void {
    this.#ticks.push(callback);
  }

  afterTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** Timers that are set and have not run: 0 when everything has been put away. */
  get pendingTimerCount(): number {
    return this.#timers.size;
  }

  /** Moves both clocks forward and runs what comes due; `advance(0)` ends the current turn. */
  advance(durationMs: number): void {
    const untilMs = this.#monotonicMs + durationMs;
    this.#endTurn();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#timers.delete(next);
      this.#monotonicMs = next.dueAtMs;
      next.callback();
      this.#endTurn();
    }
    this.#monotonicMs = untilMs;
  }

  /** Sets the wall clock, as an operator or NTP does; the monotonic clock and the timers take no notice. */
  setNowMs(nowMs: number): void {
    this.#wallClockOffsetMs = nowMs - this.#monotonicMs;
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAtMs <= untilMs && (next === undefined || timer.dueAtMs < next.dueAtMs)) {
        next = timer;
      }
    }
    return next;
  }

  #endTurn(): void {
    while (true) {
      const callback = this.#ticks.shift() ?? this.#turns.shift();
      if (callback === undefined) return;
      callback();
    }
  }
}
