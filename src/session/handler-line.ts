/** Owns the order of a session's handlers: one after another, in the order of its messages (semantics O3). */
import { RequestError } from '../foundation/index.js';

/** A task may call `leave` to let the next one begin before it has settled. */
export type LineTask<T> = (leave: () => void) => Promise<T>;

/** A bounded line of tasks; the first runs while the others wait. */
export class HandlerLine {
  readonly #maxWaitingCount: number;
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;

  constructor(maxWaitingCount: number) {
    this.#maxWaitingCount = maxWaitingCount;
  }

  /** Runs a task at its turn. Rejects with `app/busy` when too many wait already. */
  async run<T>(task: LineTask<T>): Promise<T> {
    if (this.#isBusy) {
      if (this.#waiting.length >= this.#maxWaitingCount) {
        throw new RequestError(
          'app/busy',
          `${this.#maxWaitingCount} messages of this session wait for their handlers already`,
        );
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#isBusy = true;
    let hasLeft = false;
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#isBusy = false;
      else next();
    };
    try {
      return await task(leave);
    } finally {
      leave();
    }
  }
}
