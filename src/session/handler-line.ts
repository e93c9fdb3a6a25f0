/** Owns the order of a session's handlers: one after another, in the order of its messages (semantics O3). */
import { RequestError } from '../foundation/index.js';

/**
 * A task may call `leave` to let the next one begin before it has settled. It then counts as one beside the line; `leave` throws
 * `app/busy`, and leaves it where it is, when as many as may are there.
 */
export type LineTask<T> = (leave: () => void) => Promise<T>;

/** A bounded line of tasks; the first runs while the others wait. Beside it, as many may run at once. */
export class HandlerLine {
  readonly #maxWaitingCount: number;
  readonly #onRefused: () => void;
  readonly #waiting: (() => void)[] = [];
  readonly #goOn: (next: () => void) => void;
  #isBusy = false;
  #besideCount = 0;

  /** `onRefused` is told of each task that the bound keeps out; `goOn` runs the next one, at once or when there is room for it. */
  constructor(
    maxWaitingCount: number,
    onRefused: () => void = () => {},
    goOn: (next: () => void) => void = (next) => next(),
  ) {
    this.#goOn = goOn;
    this.#maxWaitingCount = maxWaitingCount;
    this.#onRefused = onRefused;
  }

  /**
   * Runs a task at its turn; `onWaiting` is called where that is not now, so that what is large can be let go of meanwhile. Rejects
   * with `app/busy` when too many wait already.
   */
  async run<T>(task: LineTask<T>, onWaiting: () => void = () => {}): Promise<T> {
    if (this.#isBusy) {
      if (this.#waiting.length >= this.#maxWaitingCount) {
        throw this.#busy('wait for their handlers');
      }
      onWaiting();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#isBusy = true;
    let hasLeft = false;
    const leave = (): void => {
      if (hasLeft) return;
      this.#enterBeside();
      hasLeft = true;
      this.#next();
    };
    try {
      return await task(leave);
    } finally {
      if (hasLeft) this.#besideCount -= 1;
      else this.#next();
    }
  }

  /** Runs a task at once. Rejects with `app/busy` when as many as may wait are running beside the line already. */
  async runBeside<T>(task: LineTask<T>): Promise<T> {
    this.#enterBeside();
    try {
      return await task(() => {});
    } finally {
      this.#besideCount -= 1;
    }
  }

  #enterBeside(): void {
    if (this.#besideCount >= this.#maxWaitingCount)
      throw this.#busy('are being handled beside the others');
    this.#besideCount += 1;
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isBusy = false;
    else this.#goOn(next);
  }

  #busy(doing: string): RequestError {
    this.#onRefused();
    const count = this.#maxWaitingCount;
    return new RequestError(
      'app/busy',
      `${count} messages of this session ${doing} already (maxWaitingHandlerCount)`,
    );
  }
}
