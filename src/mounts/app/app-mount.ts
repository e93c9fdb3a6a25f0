/** Owns message mappings: handlers of the application behind a prefix. */
import { RequestError, TurnBudget } from '../../foundation/index.js';
import type { CancellationSignal, JsonValue, Log, Time } from '../../foundation/index.js';
import { isWithin, Message, Publication } from '../../message/index.js';
import { refuseOtherPolicies, toldOf } from '../../routing/index.js';
import type {
  Mount,
  MountKind,
  OpenedSubscription,
  Reply,
  RequestOperation,
  Router,
  SendOperation,
  SendOutcome,
  SubscribeOperation,
} from '../../routing/index.js';
import type { DeliverySink, Operation } from '../../session/index.js';
import { OneAnswer, StreamedAnswer } from './answers.js';
import { Call, following } from './call.js';
import { controllerMappings } from './controller.js';
import {
  exceptionMapping,
  type ErrorClass,
  type ErrorPredicate,
  type ExceptionMapping,
} from './exception-handlers.js';
import type {
  ExceptionHandler,
  ExceptionOptions,
  Handler,
  MappingOptions,
  PayloadOf,
  PayloadSchema,
} from './handler.js';
import {
  mappingOf,
  MappingTable,
  type AnyHandler,
  type FoundMapping,
  type Mapping,
} from './mapping.js';
import { MessageContext } from './message-context.js';
import { Outbox, type MappingPrefixes } from './outbox.js';
import { ValueMessages } from './value-message.js';
import { ERROR_TARGETS, type ValueTargets } from './value-targets.js';
import { cancelled, isAsyncIterable, StreamedValues } from './values.js';

type HandlerOperation = Omit<SendOperation, 'key' | 'messageId'>;

/** What becomes of a value, and of a failure; `leave` lets the session's next handler begin. */
interface Settlement<T> {
  value(value: unknown, call: Call, leave: () => void): T | Promise<T>;
  /** Of an exception handler's value, where that is not the outcome as any value would be. */
  recovered?(value: unknown, call: Call, targets: ValueTargets): T | Promise<T>;
}

/** A reply mount. Mappings are tried in the order in which they were made. */
export class AppMount implements Mount {
  readonly kind: MountKind = 'reply';
  readonly #time: Time;
  readonly #turns: TurnBudget;
  readonly #log: Log;
  readonly #router: Router;
  readonly #values: ValueMessages;
  readonly #outbox: Outbox;
  readonly #mountedAt: readonly string[];
  readonly #mappings = new MappingTable();
  readonly #exceptions: ExceptionMapping[] = [];

  /**
   * What handlers send, values included, goes through `router` in the server's name; `mountedAt` are its own prefixes. A value of more
   * than `maxValueBytes` is not sent: its handler has failed with `message/too-large`.
   */
  constructor(
    time: Time,
    log: Log,
    router: Router,
    prefixes: MappingPrefixes = {},
    mountedAt: readonly string[] = [],
    maxValueBytes: number = Infinity,
    turns: TurnBudget = new TurnBudget(time),
  ) {
    this.#turns = turns;
    this.#mountedAt = mountedAt;
    this.#time = time;
    this.#log = log;
    this.#router = router;
    this.#values = new ValueMessages(maxValueBytes);
    this.#outbox = new Outbox(router, this.#values, prefixes);
  }

  /**
   * Maps a pattern below the prefix, such as `/orders/{id}`, to a handler. Its types come from the pattern and the schema.
   * A pattern that repeats the prefix is taken as it stands, with a warning in the log: `/app/x` here is `/app/app/x` for clients.
   * Throws `destination/invalid` for a pattern or destination that is none, a TypeError when there is no handler, and a
   * RangeError for an option that is out of range.
   */
  map<const Pattern extends string>(pattern: Pattern, handler: Handler<JsonValue, Pattern>): this;
  map<const Pattern extends string, Schema extends PayloadSchema = undefined>(
    pattern: Pattern,
    options: MappingOptions<Schema>,
    handler: Handler<PayloadOf<Schema>, Pattern>,
  ): this;
  map(pattern: string, ...rest: [AnyHandler] | [MappingOptions, AnyHandler]): this {
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    this.#add(mappingOf(pattern, options, handler));
    return this;
  }

  /**
   * Answers the errors of a class, or those that a predicate accepts, of every mapping; the first that fits counts. Throws
   * `destination/invalid` for a destination that is none, a TypeError for what is no handler.
   */
  onError<Thrown>(
    selector: ErrorClass<Thrown>,
    handler: ExceptionHandler<Thrown>,
    options?: ExceptionOptions,
  ): this;
  onError(selector: ErrorPredicate, handler: ExceptionHandler, options?: ExceptionOptions): this;
  onError(
    selector: ErrorClass | ErrorPredicate,
    handler: ExceptionHandler<never>,
    options: ExceptionOptions = {},
  ): this {
    this.#exceptions.push(exceptionMapping(selector, handler as ExceptionHandler, options));
    return this;
  }

  /** Takes the mappings of controllers: objects of classes with decorators. Throws as `map`, and a TypeError for an object without. */
  register(...controllers: readonly object[]): this {
    for (const controller of controllers) {
      for (const mapping of controllerMappings(controller)) this.#add(mapping);
    }
    return this;
  }

  /** Patterns stand below the prefix: one that repeats it is rarely meant, but may be. */
  #add(mapping: Mapping): void {
    const pattern = mapping.pattern.text;
    const prefix = this.#mountedAt.find((candidate) => isWithin(candidate, pattern));
    if (prefix !== undefined) {
      const matches = `${prefix}${pattern}`;
      this.#log.warn('a mapping repeats the prefix that it stands below', { pattern, matches });
    }
    this.#mappings.add(mapping);
  }

  /** Resolves when the handler has settled and its value is where it goes (semantics K1). */
  async send(operation: SendOperation): Promise<SendOutcome> {
    const { caller, answersFailures = true } = operation;
    const ended = caller.session?.ended ?? NEVER;
    try {
      await this.#run('send', operation, ended, {
        value: (value, call, leave) => this.#sendValues(value, call, leave),
        recovered: (value, call, targets) => this.#outbox.sendValue(value, targets, call.origin),
      });
      return {};
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // A stream that was on its way when its session ended has failed nobody.
      if (ended.isCancelled && error.code === 'request/cancelled') return {};
      if (answersFailures || caller.session === undefined) throw error;
      await this.#tell(operation, error);
      return { failure: error };
    }
  }

  async request(operation: RequestOperation): Promise<Reply> {
    return this.#run<Reply>('request', operation, operation.cancellation, {
      // A stream of replies is the settled value, and not the line's any more: pending requests have a bound of their own.
      value: (value, call) =>
        value instanceof StreamedValues
          ? replies(value, call, this.#values)
          : this.#values.of(value),
    });
  }

  /** The handler's one-time answer, or its stream, then the end. */
  async subscribe(operation: SubscribeOperation, sink: DeliverySink): Promise<OpenedSubscription> {
    refuseOtherPolicies(operation);
    if (operation.pattern !== undefined) {
      throw new RequestError(
        'destination/pattern-not-allowed',
        'a mapping answers one destination; subscribe without a pattern',
      );
    }
    const given = { ...operation, message: Message.fromJson(null) };
    const ended = operation.cancellation ?? operation.caller.session?.ended ?? NEVER;
    return this.#run<OpenedSubscription>('subscribe', given, ended, {
      value: async (value, call) => {
        if (isAsyncIterable(value)) return { source: this.#streamedAnswer(value, call, sink) };
        if (!call.mapping.targets.isExplicit) return { source: this.#oneAnswer(value, call) };
        await this.#outbox.sendValue(value, call.mapping.targets, call.origin);
        return { source: new OneAnswer(undefined) };
      },
      recovered: async (value, call, targets) => {
        await this.#outbox.sendValue(value, targets, call.origin);
        return { source: new OneAnswer(undefined) };
      },
    });
  }

  async #run<T>(
    kind: Operation,
    operation: HandlerOperation,
    signal: CancellationSignal,
    settlement: Settlement<T>,
  ): Promise<T> {
    const { caller, destination, path, message } = operation;
    const found = this.#mappings.find(kind, destination, path);
    const line = caller.session?.handlerLine;
    // All that it needs is made at its turn: what the line has no room for has cost nothing but the look at it.
    const task = (leave: () => void): Promise<T> =>
      this.#handle(kind, operation, found, signal, settlement, leave);
    if (line === undefined) return task(() => {});
    // What the server subscribes the session to runs beside its line: it may be a handler in the line that waits for it.
    const isBeside = !found.mapping.isSerial || caller.authority === 'server';
    if (isBeside) return line.runBeside(task);
    return line.run(task, () => message.forgetParsed());
  }

  async #handle<T>(
    kind: Operation,
    { caller, destination, path, message }: HandlerOperation,
    { mapping, variables }: FoundMapping,
    signal: CancellationSignal,
    settlement: Settlement<T>,
    leave: () => void,
  ): Promise<T> {
    const { cancellation, forget } = following(signal);
    const parts = { operation: kind, caller, destination, message, variables, cancellation };
    const context = new MessageContext(parts, this.#router, this.#outbox);
    const call = new Call(mapping, caller, path, context, cancellation, {
      timers: this.#time,
      log: this.#log,
      exceptions: this.#exceptions,
    });
    try {
      return await settle(call, settlement, leave);
    } finally {
      // The signal of a request is its own, and a stream of replies goes on listening to it.
      if (kind !== 'request') forget();
    }
  }

  /** Every value of a send to where it goes, one after another. */
  async #sendValues(value: unknown, call: Call, leave: () => void): Promise<void> {
    const { mapping, origin, cancellation } = call;
    if (!(value instanceof StreamedValues)) {
      return this.#outbox.sendValue(value, mapping.targets, origin);
    }
    try {
      leave();
    } catch (error) {
      value.refuse();
      throw error;
    }
    let count = 0;
    // A stream without an end must not outlive its session.
    for await (const one of value.untilCancelled(cancellation)) {
      await this.#outbox.sendValue(one, mapping.targets, origin);
      await this.#turns.rest((count += 1));
    }
  }

  #oneAnswer(value: unknown, call: Call): OneAnswer {
    const isValue = value !== undefined && value !== null;
    return new OneAnswer(isValue ? this.#publicationOf(value, call) : undefined);
  }

  #streamedAnswer(values: AsyncIterable<unknown>, call: Call, sink: DeliverySink): StreamedAnswer {
    if (call.mapping.targets.isExplicit) {
      throw new RequestError(
        'request/no-reply',
        'this mapping streams to other destinations; send to it',
      );
    }
    let count = 0;
    const origin = {
      iterator: values[Symbol.asyncIterator](),
      cancellation: call.cancellation,
      publicationOf: (value: unknown) => this.#publicationOf(value, call),
      pause: () => this.#turns.rest((count += 1)),
      recover: async (error: unknown) => {
        const { value, targets } = await call.recover(error);
        await this.#outbox.sendValue(value, targets, call.origin);
      },
    };
    return new StreamedAnswer(origin, sink);
  }

  #publicationOf(value: unknown, { destination }: Call): Publication {
    const publishedAtMs = this.#time.nowMs();
    return new Publication(this.#values.of(value), { destination, publishedAtMs });
  }

  /** Tells the session that sent it, and no other of its user, what became of a message. */
  async #tell({ caller, destination, path }: SendOperation, error: RequestError): Promise<void> {
    const told = toldOf(error, { destination });
    try {
      await this.#outbox.sendValue(told, ERROR_TARGETS, { caller, path, variables: new Map() });
    } catch (failure) {
      this.#log.error('a failure could not be told', { destination, error: failure });
    }
  }
}

/** Nothing ends what the server itself sends. */
const NEVER: CancellationSignal = { isCancelled: false, onCancelled: () => () => {} };

async function settle<T>(call: Call, settlement: Settlement<T>, leave: () => void): Promise<T> {
  const { operation, cancellation } = call;
  // Its asker may have gone while it waited in the line. A send has none: what was received is handled.
  if (operation !== 'send' && cancellation.isCancelled) throw cancelled();
  // Nor does a handler that does not listen hold the line when its asker goes.
  const forget =
    operation === 'send' ? undefined : cancellation.onCancelled(() => leaveIfRoom(leave));
  try {
    return await settlement.value(await call.value(), call, leave);
  } catch (error) {
    if (isCancellation(error, cancellation)) throw error;
    const { value, targets } = await call.recover(error);
    try {
      return settlement.recovered === undefined
        ? await settlement.value(value, call, leave)
        : await settlement.recovered(value, call, targets);
    } catch (failure) {
      throw call.refusalOf(failure);
    }
  } finally {
    forget?.();
  }
}

/** Stays in the line where too many are beside it already: nothing runs uncounted. */
function leaveIfRoom(leave: () => void): void {
  try {
    leave();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
  }
}

/** Whether nobody is there to be told of an error. */
function isCancellation(error: unknown, { isCancelled }: CancellationSignal): boolean {
  return isCancelled && error instanceof RequestError && error.code === 'request/cancelled';
}

async function* replies(
  values: StreamedValues,
  call: Call,
  messages: ValueMessages,
): AsyncGenerator<Message> {
  try {
    for await (const value of values.untilCancelled(call.cancellation)) yield messages.of(value);
  } catch (error) {
    const { value } = await call.recover(error);
    if (value === undefined) return;
    let message: Message;
    try {
      message = messages.of(value);
    } catch (failure) {
      throw call.refusalOf(failure);
    }
    yield message;
  }
}
