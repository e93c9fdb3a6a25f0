/** Owns the fairness of streams that never really wait. */
import type { TurnScheduler } from '../../foundation/index.js';

/** Values that are taken before everybody else gets a turn. */
const VALUES_A_TURN = 64;

/** Counts the values of one stream. */
export class Turns {
  readonly #scheduler: TurnScheduler;
  #count = 0;

  constructor(scheduler: TurnScheduler) {
    this.#scheduler = scheduler;
  }

  /** To be awaited after each value: one that never really waits must not keep the loop from everybody else. */
  next(): Promise<void> | undefined {
    if (++this.#count % VALUES_A_TURN !== 0) return undefined;
    return new Promise((resolve) => this.#scheduler.afterTurn(resolve));
  }
}
