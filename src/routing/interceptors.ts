/** Owns the interceptors of a server: their order, where they stand, and who waits for them (semantics I). */
import { Deadline, isThenable, yesOrNo } from '../foundation/index.js';
import type { DeadlineWheel, Log, Metrics, RequestError } from '../foundation/index.js';
import { Message, type Publication } from '../message/index.js';
import { checkedPrincipal } from '../session/index.js';
import type {
  Authenticate,
  DeliverySource,
  Principal,
  Session,
  Subscription,
} from '../session/index.js';
import { InterceptedSource } from './intercepted-source.js';
import {
  changedOperation,
  changedPublication,
  changedSend,
  refusalOf,
  walk,
  type Dropped,
  type Step,
} from './interception-chain.js';
import { InterceptionLine } from './interception-line.js';
import type {
  BrokerMessage,
  InboundOperation,
  Interceptor,
  OutboundPublication,
} from './interceptor.js';
import type { SendOperation } from './mount.js';

/** In the order in which a message meets them. */
const PLACES = ['inbound', 'broker', 'outbound'] as const;

/** Waiting messages of one session. */
interface SessionLines {
  readonly inbound: InterceptionLine;
  readonly broker: InterceptionLine;
}

/** How long interceptors may take for one message. */
export interface Patience {
  readonly deadlines: DeadlineWheel;
  readonly timeoutMs: number;
}

/** A place without interceptors says so, and messages go past it as if it were not there. */
export class Interceptors {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #maxWaitingCount: number;
  readonly #patience: Patience | undefined;
  #registered: readonly Interceptor[] = [];
  #counts: Record<(typeof PLACES)[number], number> = { inbound: 0, broker: 0, outbound: 0 };
  readonly #linesOfSessions = new WeakMap<Session, SessionLines>();
  /** The server's own messages, by destination, while there are any. */
  readonly #linesOfDestinations = new Map<string, InterceptionLine>();
  /** What passes inbound or broker now. */
  #passingCount = 0;

  /**
   * `maxWaitingCount` bounds what waits of one session, at each place, and of the server to one destination; `patience` how long
   * all interceptors of a place together may take for one message. Default: for ever.
   */
  constructor(log: Log, metrics: Metrics, maxWaitingCount: number, patience?: Patience) {
    this.#log = log;
    this.#metrics = metrics;
    this.#maxWaitingCount = maxWaitingCount;
    this.#patience = patience;
  }

  /** Adds one behind those that there are; answers a way to take it out again. Throws a TypeError for what is none. */
  add(interceptor: Interceptor): () => void {
    const own = ownCopy(interceptor);
    this.#setRegistered([...this.#registered, own]);
    return () => {
      // Also for the subscriptions that it concerns.
      delete own.outbound;
      this.#setRegistered(this.#registered.filter((candidate) => candidate !== own));
    };
  }

  /** Whether operations of clients go straight to their mounts. */
  get isInboundFree(): boolean {
    // What still waits must not be overtaken when the last interceptor has been taken out.
    return this.#counts.inbound === 0 && this.#passingCount === 0;
  }

  /** Whether messages go straight to the mounts that keep them. */
  get isBrokerFree(): boolean {
    return this.#counts.broker === 0 && this.#passingCount === 0;
  }

  /** Gives an operation of a session to the interceptors at its turn, and what they made of it to `enter`. */
  inbound<O extends InboundOperation, R>(
    session: Session,
    operation: O,
    enter: (operation: O) => Promise<R>,
  ): Promise<R> {
    const { inbound } = this.#linesOf(session);
    return this.#pass(inbound, operation, (given) => this.#throughInbound(given), enter);
  }

  /** The hook of authentication with the interceptors of connects behind it. */
  around(authenticate: Authenticate): Authenticate {
    return (credentials) => {
      const answer = authenticate(credentials);
      if (this.#counts.inbound === 0) return answer;
      const { handshake, renews } = credentials;
      const connect = async (): Promise<Principal> => {
        const principal = checkedPrincipal(await answer);
        const connect = { kind: 'connect', principal, handshake, renews } as const;
        return (await this.#throughInbound(connect)).principal;
      };
      return connect();
    };
  }

  /** Gives a message to the interceptors at its turn; `enter` gets what they made of it, or that it is dropped. */
  async broker<O extends SendOperation, R>(
    operation: O,
    enter: (operation: O | Dropped) => Promise<R>,
  ): Promise<R> {
    const { session } = operation.caller;
    const through = (given: O | Dropped) => this.#throughBroker(given as O);
    if (session !== undefined) {
      return this.#pass(this.#linesOf(session).broker, operation, through, enter);
    }
    const { destination } = operation;
    const line =
      this.#linesOfDestinations.get(destination) ??
      new InterceptionLine(this.#maxWaitingCount, 'server');
    this.#linesOfDestinations.set(destination, line);
    try {
      return await this.#pass(line, operation, through, enter);
    } finally {
      // By now it may have been forgotten, and another line begun, in which messages wait.
      const isCurrent = this.#linesOfDestinations.get(destination) === line;
      if (line.isIdle && isCurrent) this.#linesOfDestinations.delete(destination);
    }
  }

  /** The source as a session pulls from it: itself where no interceptor is concerned. */
  outbound(session: Session, subscription: Subscription, source: DeliverySource): DeliverySource {
    if (this.#counts.outbound === 0) return source;
    const { sessionId } = session;
    const about = { id: subscription.id, destination: subscription.name };
    const concerned = this.#registered.filter(
      (interceptor) =>
        interceptor.outbound !== undefined &&
        yesOrNo(
          interceptor.concerns?.({
            sessionId,
            principal: session.principal,
            subscription: about,
          }) ?? true,
          'concerns of an interceptor',
        ),
    );
    if (concerned.length === 0) return source;
    const seen = (publication: Publication): OutboundPublication => ({
      publication,
      sessionId,
      principal: session.principal,
      subscription: about,
    });
    const steps = concerned.map(
      (interceptor): Step<Publication, object | 'drop'> =>
        (publication) =>
          interceptor.outbound?.(seen(publication)),
    );
    return new InterceptedSource({
      source,
      sink: subscription,
      concerns: (publication) => session.mayReceive(subscription, publication),
      intercept: (publication) => {
        const outcome = walk(steps, publication, changedPublication);
        return isThenable(outcome) ? this.#inTime(outcome) : outcome;
      },
      refusalOf: (error) => this.#refusalOf(error),
    });
  }

  /** Counts what passes, and what is refused because too much does. */
  async #pass<T, R>(
    line: InterceptionLine,
    message: T,
    through: (message: T) => T | Promise<T>,
    enter: (message: T) => Promise<R>,
  ): Promise<R> {
    if (line.isFull) {
      this.#metrics.count('limit_reached', { limit: 'maxWaitingInterceptionCount' });
    }
    let isPassing = true;
    const passed = (): void => {
      if (isPassing) this.#passingCount -= 1;
      isPassing = false;
    };
    this.#passingCount += 1;
    try {
      return await line.pass(
        message,
        through,
        (given) => {
          passed();
          return enter(given);
        },
        () => forgetParsed(message),
      );
    } finally {
      passed();
    }
  }

  #throughInbound<O extends InboundOperation>(operation: O): O | Promise<O> {
    const steps = this.#registered.map(
      (interceptor): Step<O, object> =>
        (given) =>
          interceptor.inbound?.(given),
    );
    // Nothing inbound is dropped: its asker waits for an answer.
    return this.#guarded(() => walk(steps, operation, changedOperation) as O | Promise<O>);
  }

  #throughBroker<O extends SendOperation>(operation: O): O | Dropped | Promise<O | Dropped> {
    const steps = this.#registered.map(
      (interceptor): Step<O, object | 'drop'> =>
        (given) =>
          interceptor.broker?.(brokerMessageOf(given)),
    );
    return this.#guarded(() => walk(steps, operation, changedSend));
  }

  #guarded<T>(run: () => T | Promise<T>): T | Promise<T> {
    try {
      const outcome = run();
      if (!isThenable(outcome)) return outcome;
      return this.#inTime(outcome).catch((error: unknown) => {
        throw this.#refusalOf(error);
      });
    } catch (error) {
      throw this.#refusalOf(error);
    }
  }

  /** One that never answers, or waits for itself by some way, must not hold up its line for ever. */
  #inTime<T>(outcome: Promise<T>): Promise<T> {
    const { deadlines, timeoutMs = Infinity } = this.#patience ?? {};
    if (deadlines === undefined || timeoutMs === Infinity) return outcome;
    return new Promise((resolve, reject) => {
      const deadline = new Deadline(() => {
        this.#metrics.count('limit_reached', { limit: 'interceptorTimeoutMs' });
        reject(new Error(`no interceptor answered within ${timeoutMs} ms (interceptorTimeoutMs)`));
      });
      deadlines.set(deadline, timeoutMs);
      void outcome.then(resolve, reject).finally(() => deadlines.clear(deadline));
    });
  }

  #refusalOf(error: unknown): RequestError {
    return refusalOf(error, (unexpected) =>
      this.#log.error('an interceptor failed', { error: unexpected }),
    );
  }

  #linesOf(session: Session): SessionLines {
    let lines = this.#linesOfSessions.get(session);
    if (lines === undefined) {
      const count = this.#maxWaitingCount;
      const lineOf = (): InterceptionLine => new InterceptionLine(count, 'session');
      lines = { inbound: lineOf(), broker: lineOf() };
      this.#linesOfSessions.set(session, lines);
    }
    return lines;
  }

  #setRegistered(registered: readonly Interceptor[]): void {
    this.#registered = registered;
    for (const place of PLACES) {
      this.#counts[place] = registered.filter((one) => one[place] !== undefined).length;
    }
  }
}

/** Of an operation that has a message; the others have nothing that is large. */
function forgetParsed(operation: unknown): void {
  if (typeof operation !== 'object' || operation === null || !('message' in operation)) return;
  if (operation.message instanceof Message) {
    operation.message.forgetParsed();
  }
}

/** One that is added twice is there twice, and each is taken out by itself. */
function ownCopy(interceptor: Interceptor): Interceptor {
  const given: unknown = interceptor;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('an interceptor is an object of functions: inbound, broker, outbound');
  }
  if (PLACES.every((place) => interceptor[place] === undefined)) {
    throw new TypeError('an interceptor has at least one of inbound, broker, outbound');
  }
  const own: Interceptor = {};
  for (const name of [...PLACES, 'concerns'] as const) {
    const member: unknown = interceptor[name];
    if (member === undefined) continue;
    if (typeof member !== 'function') {
      throw new TypeError(`"${name}" of an interceptor is a function`);
    }
    Object.assign(own, { [name]: member.bind(interceptor) as unknown });
  }
  return own;
}

function brokerMessageOf(operation: SendOperation): BrokerMessage {
  const { caller, destination, message, key, messageId } = operation;
  return {
    destination,
    message,
    key,
    messageId,
    authority: caller.authority,
    principal: caller.principal,
    sessionId: caller.session?.sessionId,
  };
}
