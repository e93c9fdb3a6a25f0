/** Owns message mappings: handlers of the application behind a prefix. */
import { Cancellation, RequestError } from '../../foundation/index.js';
import type { CancellationSignal, Clock, TurnScheduler, Log } from '../../foundation/index.js';
import { DestinationPattern, Message, Publication, quoted } from '../../message/index.js';
import { refuseOtherPolicies } from '../../routing/index.js';
import type {
  Caller,
  Mount,
  MountKind,
  OpenedSubscription,
  Reply,
  RequestOperation,
  SendOperation,
  SendOutcome,
  SubscribeOperation,
} from '../../routing/index.js';
import { Batch } from '../../session/index.js';
import type { Delivery, DeliverySource } from '../../session/index.js';
import type { Handler, HandlerContext, MappingOptions } from './handler.js';

interface Mapping {
  readonly pattern: DestinationPattern;
  readonly handler: Handler;
  readonly concurrency: 'serial' | 'parallel';
}

type HandlerOperation = Omit<SendOperation, 'key' | 'messageId'>;

/** Values of a stream that nobody waits for, taken before others get their turn. */
const VALUES_A_TURN = 64;

/** A reply mount. Mappings are tried in the order in which they were made. */
export class AppMount implements Mount {
  readonly kind: MountKind = 'reply';
  readonly #time: Clock & TurnScheduler;
  readonly #log: Log;
  readonly #mappings: Mapping[] = [];

  constructor(time: Clock & TurnScheduler, log: Log) {
    this.#time = time;
    this.#log = log;
  }

  /**
   * Maps a pattern below the prefix, such as `/orders/{id}`, to a handler.
   * Throws `destination/invalid` for a pattern that is none, and a TypeError when there is no handler.
   */
  map(pattern: string, handler: Handler): this;
  map(pattern: string, options: MappingOptions, handler: Handler): this;
  map(pattern: string, ...rest: [Handler] | [MappingOptions, Handler]): this {
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    // Found here, where the mistake is, and not at the first message.
    if (typeof handler !== 'function') throw new TypeError(`the mapping ${pattern} has no handler`);
    this.#mappings.push({
      pattern: DestinationPattern.parse(pattern),
      handler,
      concurrency: options.concurrency ?? 'serial',
    });
    return this;
  }

  /** Resolves when the handler has settled (semantics K1). */
  async send(operation: SendOperation): Promise<SendOutcome> {
    await untilEnded(operation.caller, (cancellation) =>
      this.#run('send', operation, cancellation, async (result, leave) => {
        if (!isAsyncIterable(result)) return;
        let valueCount = 0;
        for await (const _ of result) {
          leave();
          // A stream without an end must not outlive its session.
          if (cancellation.isCancelled) break;
          // One that never really waits must not keep the loop from everybody else.
          if (++valueCount % VALUES_A_TURN === 0) {
            await new Promise<void>((resolve) => this.#time.afterTurn(resolve));
          }
        }
      }),
    );
    return {};
  }

  async request(operation: RequestOperation): Promise<Reply> {
    return this.#run<Reply>('request', operation, operation.cancellation, (result, leave) => {
      if (!isAsyncIterable(result)) return toMessage(result);
      return this.#stream(operation.destination, result, operation.cancellation, leave);
    });
  }

  /** The handler's one-time answer, then the end. */
  async subscribe(operation: SubscribeOperation): Promise<OpenedSubscription> {
    refuseOtherPolicies(operation);
    if (operation.pattern !== undefined) {
      throw new RequestError(
        'destination/pattern-not-allowed',
        'a mapping answers one destination; subscribe without a pattern',
      );
    }
    const { caller, destination } = operation;
    const message = Message.fromJson(null);
    const answer = await untilEnded(caller, (cancellation) =>
      this.#run('subscribe', { ...operation, message }, cancellation, (result) => {
        if (isAsyncIterable(result)) {
          throw new RequestError('request/no-reply', 'this mapping streams; use a request');
        }
        return toMessage(result);
      }),
    );
    const publication = new Publication(answer, {
      destination,
      publishedAtMs: this.#time.nowMs(),
    });
    return { source: new OneAnswer(publication) };
  }

  async #run<T>(
    kind: HandlerContext['operation'],
    operation: HandlerOperation,
    cancellation: CancellationSignal,
    settle: (result: unknown, leave: () => void) => T | Promise<T>,
  ): Promise<T> {
    const { mapping, variables } = this.#find(operation);
    const { caller, destination, message } = operation;
    const context: HandlerContext = {
      operation: kind,
      destination,
      variables,
      get body() {
        return message.json();
      },
      message,
      headers: message.headers,
      principal: caller.principal,
      sessionId: caller.session?.sessionId,
      cancellation,
    };
    const task = async (leave: () => void): Promise<T> => {
      // Its asker may have gone while it waited in the line. A send has none: what was received is handled.
      if (kind !== 'send' && cancellation.isCancelled) {
        throw new RequestError('request/cancelled', 'nobody waits for this any more');
      }
      try {
        return await settle(await mapping.handler(context), leave);
      } catch (error) {
        throw this.#failure(destination, error);
      }
    };
    const line = caller.session?.handlerLine;
    if (line === undefined) return task(() => {});
    return mapping.concurrency === 'parallel' ? line.runBeside(task) : line.run(task);
  }

  #find(operation: HandlerOperation): {
    mapping: Mapping;
    variables: HandlerContext['variables'];
  } {
    // The bare prefix has no segment for a pattern to match.
    for (const mapping of operation.path === '' ? [] : this.#mappings) {
      const variables = mapping.pattern.capturesOf(operation.path);
      if (variables !== undefined) return { mapping, variables };
    }
    throw new RequestError(
      'app/no-handler',
      `no message mapping matches ${quoted(operation.destination)}`,
    );
  }

  /** Waits for the first value in the session's line, then leaves it (semantics O3). */
  async #stream(
    destination: string,
    values: AsyncIterable<unknown>,
    cancellation: CancellationSignal,
    leave: () => void,
  ): Promise<AsyncIterable<Message>> {
    const iterator = values[Symbol.asyncIterator]();
    const first = await iterator.next();
    leave();
    const failure = (error: unknown): RequestError => this.#failure(destination, error);
    return repliesOf(iterator, first, cancellation, failure);
  }

  #failure(destination: string, error: unknown): RequestError {
    if (error instanceof RequestError) return error;
    this.#log.error('a message handler failed', { destination, error });
    return new RequestError('app/failed', 'the handler of this destination failed', {
      cause: error,
    });
  }
}

async function* repliesOf(
  iterator: AsyncIterator<unknown>,
  first: IteratorResult<unknown>,
  cancellation: CancellationSignal,
  failure: (error: unknown) => RequestError,
): AsyncGenerator<Message> {
  let step = first;
  try {
    while (step.done !== true && !cancellation.isCancelled) {
      yield toMessage(step.value);
      step = await iterator.next();
    }
  } catch (error) {
    throw failure(error);
  } finally {
    if (step.done !== true) await iterator.return?.();
  }
}

/** Runs something with a signal that its caller's session has ended; the session forgets it afterwards. */
async function untilEnded<T>(
  caller: Caller,
  run: (cancellation: CancellationSignal) => Promise<T>,
): Promise<T> {
  const cancellation = new Cancellation();
  const forget = caller.session?.ended.onCancelled(() => cancellation.cancel());
  try {
    return await run(cancellation);
  } finally {
    forget?.();
  }
}

function toMessage(result: unknown): Message {
  return result instanceof Message ? result : Message.fromJson(result);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** One publication, then the end. */
class OneAnswer implements DeliverySource {
  #publication: Publication | undefined;
  #hasEnded = false;

  constructor(publication: Publication) {
    this.#publication = publication;
  }

  pull(): Delivery | undefined {
    const publication = this.#publication;
    if (publication !== undefined) {
      this.#publication = undefined;
      return { kind: 'publications', batch: new Batch([publication]) };
    }
    if (this.#hasEnded) return undefined;
    this.#hasEnded = true;
    return { kind: 'end' };
  }

  close(): void {
    this.#publication = undefined;
    this.#hasEnded = true;
  }
}
