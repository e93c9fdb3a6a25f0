/** Owns one run of a handler, from its turn in the session's line to its value or its failure. */
import { Cancellation, RequestError, yesOrNo } from '../../foundation/index.js';
import type { CancellationSignal, Log, Timers } from '../../foundation/index.js';
import type { Operation } from '../../session/index.js';
import type { Caller } from '../../routing/index.js';
import type { ExceptionMapping } from './exception-handlers.js';
import type { HandlerContext } from './handler.js';
import type { Mapping } from './mapping.js';
import type { MessageContext } from './message-context.js';
import { checkedPayload } from './payload.js';
import type { ValueOrigin } from './outbox.js';
import { TooLargeValueError } from './value-message.js';
import type { ValueTargets } from './value-targets.js';
import { isAsyncIterable, StreamedValues } from './values.js';

/** What an exception handler answered, and where it goes. */
export interface Recovery {
  readonly value: unknown;
  readonly targets: ValueTargets;
}

/** What a call needs of its mount. */
export interface CallEnvironment {
  readonly timers: Timers;
  readonly log: Log;
  /** Of all mappings; those of the mapping's own controller come before them. */
  readonly exceptions: readonly ExceptionMapping[];
}

export class Call {
  readonly mapping: Mapping;
  readonly origin: ValueOrigin;
  readonly destination: string;
  readonly operation: Operation;
  /** Cancelled when nobody waits any more, or time is up. */
  readonly cancellation: Cancellation;
  readonly #context: MessageContext;
  readonly #environment: CallEnvironment;

  constructor(
    mapping: Mapping,
    caller: Caller,
    path: string,
    context: MessageContext,
    cancellation: Cancellation,
    environment: CallEnvironment,
  ) {
    this.mapping = mapping;
    this.origin = { caller, path, variables: context.variables };
    this.destination = context.destination;
    this.operation = context.operation;
    this.cancellation = cancellation;
    this.#context = context;
    this.#environment = environment;
  }

  /** What the handler answers, in time; a stream has its first value, unless a subscriber is to pull it. */
  async value(): Promise<unknown> {
    const { timeoutMs } = this.mapping;
    return timeoutMs === Infinity ? this.#answer() : this.#inTime(this.#answer(), timeoutMs);
  }

  /** What an exception handler makes of an error. Rejects with a RequestError where there is none, or where it fails too. */
  async recover(error: unknown): Promise<Recovery> {
    const { exceptions } = this.#environment;
    try {
      const found = [...this.mapping.exceptions, ...exceptions].find(({ matches }) =>
        yesOrNo(matches(error), 'a predicate of errors'),
      );
      if (found === undefined) throw error;
      const value = await found.handler(error, this.#context as HandlerContext);
      return { value, targets: found.targets };
    } catch (failure) {
      throw this.refusalOf(failure);
    }
  }

  async #answer(): Promise<unknown> {
    const { schema, handler } = this.mapping;
    const context = this.#context;
    if (schema !== undefined) context.checked(await checkedPayload(schema, context.message));
    // The types of payload and variables were checked where the mapping was made.
    const value: unknown = await handler(
      context as HandlerContext<unknown> as HandlerContext<never>,
    );
    if (this.operation === 'subscribe' || !isAsyncIterable(value)) return value;
    return StreamedValues.begin(value, this.cancellation);
  }

  #inTime(answer: Promise<unknown>, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const stop = this.#environment.timers.after(timeoutMs, () => {
        reject(new RequestError('app/timeout', `no answer within ${timeoutMs} ms (timeoutMs)`));
        this.#cancel();
      });
      void answer.then(resolve, reject).finally(stop);
    });
  }

  #cancel(): void {
    try {
      this.cancellation.cancel();
    } catch (error) {
      this.#environment.log.error('a listener of a cancellation failed', { error });
    }
  }

  /** What the asker is told of an error; one of the handler's own is logged. */
  refusalOf(error: unknown): RequestError {
    const { destination } = this;
    if (error instanceof TooLargeValueError) {
      this.#environment.log.error('the value of a message handler is too large', {
        destination,
        error,
      });
    }
    if (error instanceof RequestError) return error;
    this.#environment.log.error('a message handler failed', { destination, error });
    return new RequestError('app/failed', 'the handler of this destination failed', {
      cause: error,
    });
  }
}

/** A cancellation of one's own that follows a signal; `forget` lets go of the signal. */
export function following(signal: CancellationSignal): {
  readonly cancellation: Cancellation;
  readonly forget: () => void;
} {
  const cancellation = new Cancellation();
  return { cancellation, forget: signal.onCancelled(() => cancellation.cancel()) };
}
