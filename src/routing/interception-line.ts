/** Owns the order of messages that pass interceptors: one after another, however long one of them waits (semantics I5). */
import { RequestError } from '../foundation/index.js';

/** Messages pass in the order in which they came. While all is answered at once, nothing waits and nothing is allocated. */
export class InterceptionLine {
  readonly #maxWaitingCount: number;
  #waitingCount = 0;
  /** Settles when the message that came last has entered. */
  #last: Promise<void> | undefined = undefined;

  constructor(maxWaitingCount: number) {
    this.#maxWaitingCount = maxWaitingCount;
  }

  get isIdle(): boolean {
    return this.#waitingCount === 0;
  }

  /** Whether one more message would have to wait where as many wait as may. */
  get isFull(): boolean {
    return this.#waitingCount >= this.#maxWaitingCount;
  }

  /**
   * Gives a message to `intercept` and what becomes of it to `enter`, which is called before the next message is looked at.
   * Rejects with `session/busy` when too many wait already.
   */
  async pass<T, R>(
    message: T,
    intercept: (message: T) => T | Promise<T>,
    enter: (message: T) => Promise<R>,
  ): Promise<R> {
    if (this.#last === undefined) {
      const outcome = intercept(message);
      if (!(outcome instanceof Promise)) return enter(outcome);
      return this.#wait(() => outcome, enter);
    }
    if (this.isFull) {
      throw new RequestError(
        'session/busy',
        `${this.#maxWaitingCount} messages of this session wait already (maxWaitingInterceptionCount)`,
      );
    }
    return this.#wait(() => intercept(message), enter);
  }

  async #wait<T, R>(
    intercept: () => T | Promise<T>,
    enter: (message: T) => Promise<R>,
  ): Promise<R> {
    const before = this.#last;
    let hasEntered!: () => void;
    const entered = new Promise<void>((resolve) => (hasEntered = resolve));
    this.#last = entered;
    this.#waitingCount += 1;
    let entry: Promise<R>;
    try {
      await before;
      entry = enter(await intercept());
    } finally {
      this.#waitingCount -= 1;
      if (this.#last === entered) this.#last = undefined;
      hasEntered();
    }
    return entry;
  }
}
