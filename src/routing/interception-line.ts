/** Owns the order of messages that pass interceptors: one after another, however long one of them waits (semantics I5). */
import { isThenable, RequestError } from '../foundation/index.js';

/** Whose messages stand in a line: those of one session, or those of the server to one destination. */
export type LineOwner = 'session' | 'server';

const BUSY = {
  session: { code: 'session/busy', whose: 'this session' },
  server: { code: 'server/busy', whose: 'the server to this destination' },
} as const;

/** Messages pass in the order in which they came. While all is answered at once, nothing waits and nothing is allocated. */
export class InterceptionLine {
  readonly #maxWaitingCount: number;
  readonly #owner: LineOwner;
  #waitingCount = 0;
  /** Interceptors of this line that are being called now: what they submit to it themselves cannot wait for them. */
  #callDepth = 0;
  /** Settles when the message that came last has entered. */
  #last: Promise<void> | undefined = undefined;

  constructor(maxWaitingCount: number, owner: LineOwner) {
    this.#maxWaitingCount = maxWaitingCount;
    this.#owner = owner;
  }

  get isIdle(): boolean {
    return this.#waitingCount === 0;
  }

  /** Whether one more message would have to wait where as many wait as may. */
  get isFull(): boolean {
    return this.#waitingCount >= this.#maxWaitingCount;
  }

  /**
   * Gives a message to `intercept` and what becomes of it to `enter`, which is called before the next message is looked at. `onWaiting`
   * is called where it has to wait, for its turn or for an interceptor, so that what is large can be let go of meanwhile.
   * Rejects with `session/busy` or `server/busy`, by its owner, when too many wait already.
   */
  async pass<T, R>(
    message: T,
    intercept: (message: T) => T | Promise<T>,
    enter: (message: T) => Promise<R>,
    onWaiting: () => void = () => {},
  ): Promise<R> {
    // Submitted by an interceptor while it is called: it goes before the message that is being looked at, since that waits for it.
    const isNested = this.#callDepth > 0;
    if (this.#last === undefined && !isNested) {
      const outcome = this.#call(message, intercept);
      if (!isThenable(outcome)) return enter(outcome);
      onWaiting();
      return this.#wait(() => outcome, enter);
    }
    if (this.isFull) {
      const { code, whose } = BUSY[this.#owner];
      throw new RequestError(
        code,
        `${this.#maxWaitingCount} messages of ${whose} wait already (maxWaitingInterceptionCount)`,
      );
    }
    onWaiting();
    if (isNested) return this.#passAhead(message, intercept, enter);
    return this.#wait(() => this.#call(message, intercept), enter);
  }

  async #passAhead<T, R>(
    message: T,
    intercept: (message: T) => T | Promise<T>,
    enter: (message: T) => Promise<R>,
  ): Promise<R> {
    this.#waitingCount += 1;
    let entry: Promise<R>;
    try {
      entry = enter(await this.#call(message, intercept));
    } finally {
      this.#waitingCount -= 1;
    }
    return entry;
  }

  #call<T>(message: T, intercept: (message: T) => T | Promise<T>): T | Promise<T> {
    this.#callDepth += 1;
    try {
      return intercept(message);
    } finally {
      this.#callDepth -= 1;
    }
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
