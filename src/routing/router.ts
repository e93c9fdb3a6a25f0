/** Owns the way from an operation to its mount, and is the one place where access is decided. */
import { RequestError, SILENT_LOG, type Metrics } from '../foundation/index.js';
import type { CancellationSignal } from '../foundation/index.js';
import {
  checkDestination,
  DestinationPattern,
  isWithin,
  quoted,
  Message,
} from '../message/index.js';
import {
  AcknowledgementWindow,
  ANONYMOUS,
  DEFAULT_SESSION_LIMITS,
  Grant,
  type DeliverySource,
  type Operation,
  type Session,
  type Subscription,
} from '../session/index.js';
import type { AccessRules } from './access.js';
import { DROPPED } from './interception-chain.js';
import { Interceptors } from './interceptors.js';
import type {
  Caller,
  Mount,
  OpenedSubscription,
  Reply,
  RequestOperation,
  SendOperation,
  SendOutcome,
} from './mount.js';
import { checkSubmission, type Submission } from './submission.js';

export interface SubscribeOptions {
  /** What the session tells it from its others by. Default: the name itself. */
  readonly id?: string | undefined;
  readonly cursor?: string | undefined;
  readonly policy?: string | undefined;
  /** The client acknowledges, and this many may be on their way without. Default: it does not, and all count as acknowledged. */
  readonly maxUnacknowledgedCount?: number | undefined;
  /** Whether the server does this in its own name: no access rule of the client counts, no inbound interceptor sees it. Default false. */
  readonly isByServer?: boolean | undefined;
}

/** A subscription that is open but not started: write its acknowledgement, then call `subscription.start()`. */
export interface Opened {
  readonly subscription: Subscription;
  readonly cursor: string | undefined;
  readonly recovered: boolean | undefined;
  /** Where acknowledgements go; undefined when the client gives none. */
  readonly window: AcknowledgementWindow | undefined;
}

interface MountPoint {
  readonly prefix: string;
  readonly mount: Mount;
}

const ACTS: Readonly<Record<Operation, string>> = {
  send: 'send to',
  subscribe: 'subscribe to',
  request: 'send requests to',
};

/** The server itself, which no access rule binds. */
export const SERVER_CALLER: Caller = {
  authority: 'server',
  principal: ANONYMOUS,
  session: undefined,
};

/**
 * Segments `*` of a pattern that is subscribed to. Patterns that have literals and wildcards in the same places are looked for on every
 * way through them, which with more would be too many for a turn of the server.
 */
const MAX_WILDCARD_COUNT = 3;

/** Finds the mount of a destination by its longest prefix, and gives grants. */
export class Router {
  readonly access: AccessRules;
  readonly interceptors: Interceptors;
  readonly #metrics: Metrics;
  #mountPoints: readonly MountPoint[] = [];
  #refuses: 'nobody' | 'clients' | 'everybody' = 'nobody';

  constructor(
    access: AccessRules,
    metrics: Metrics,
    interceptors: Interceptors = new Interceptors(
      SILENT_LOG,
      metrics,
      DEFAULT_SESSION_LIMITS.maxWaitingInterceptionCount,
    ),
  ) {
    this.access = access;
    this.#metrics = metrics;
    this.interceptors = interceptors;
  }

  /** Gives a prefix to a mount. Throws when the prefix is no destination or is taken. */
  mount(prefix: string, mount: Mount): void {
    checkDestination(prefix);
    if (this.#mountPoints.some((point) => point.prefix === prefix)) {
      throw new RequestError('destination/invalid', `${quoted(prefix)} has a mount already`);
    }
    this.#mountPoints = [...this.#mountPoints, { prefix, mount }].sort(
      (left, right) => right.prefix.length - left.prefix.length,
    );
  }

  /**
   * Rejects with a RequestError. Where no interceptor stands, nothing is awaited before the mount is called; where one does, those
   * before it are (semantics O3, I5).
   */
  send(caller: Caller, destination: string, submission: Submission): Promise<SendOutcome> {
    return this.#inbound('send', caller, destination, submission, (to, what) =>
      this.#send(caller, to, what),
    );
  }

  /** Rejects with a RequestError. */
  request(
    caller: Caller,
    destination: string,
    submission: Submission,
    cancellation: CancellationSignal,
  ): Promise<Reply> {
    return this.#inbound('request', caller, destination, submission, (to, what) =>
      this.#request(caller, to, what, cancellation),
    );
  }

  /** Opens a subscription of a session. Rejects with a RequestError. */
  subscribe(session: Session, name: string, options: SubscribeOptions): Promise<Opened> {
    return options.isByServer === true || this.interceptors.isInboundFree
      ? this.#subscribe(session, name, options)
      : this.#subscribeIntercepted(session, name, options);
  }

  /**
   * Ends a subscription of a session, by its id, and calls `released` at once. Rejects with `subscription/unknown` when there is none,
   * or with a refusal.
   */
  async unsubscribe(session: Session, id: string, released: () => void = () => {}): Promise<void> {
    const { sessionId, principal } = session;
    const release = (): void => {
      const subscription = session.subscription(id);
      if (subscription === undefined) {
        throw new RequestError(
          'subscription/unknown',
          'this session has no subscription of that name',
        );
      }
      session.release(subscription);
      released();
    };
    if (this.interceptors.isInboundFree) return release();
    const destination = session.subscription(id)?.name ?? id;
    return this.interceptors.inbound(
      session,
      { kind: 'unsubscribe', sessionId, principal, id, destination },
      async () => release(),
    );
  }

  /** A new grant for a subscription whose session has a new principal. Throws `access/denied`. */
  regrant(session: Session, name: string): Grant {
    return this.#grant(clientCaller(session), 'subscribe', scopeOf(name));
  }

  /** From now on operations of clients are refused with `server/draining`; what handlers at work publish is taken and delivered. */
  drain(): void {
    this.#refuses = 'clients';
  }

  /** From now on operations are refused likewise, whoever asks. */
  stop(): void {
    this.#refuses = 'everybody';
  }

  get isDraining(): boolean {
    return this.#refuses !== 'nobody';
  }

  /** Closes every mount once. */
  close(): void {
    for (const mount of new Set(this.#mountPoints.map((point) => point.mount))) mount.close?.();
  }

  /** Shows a client's message to the interceptors, if there are any, and gives what they made of it to `enter`. */
  #inbound<R>(
    kind: 'send' | 'request',
    caller: Caller,
    destination: string,
    submission: Submission,
    enter: (destination: string, submission: Submission) => Promise<R>,
  ): Promise<R> {
    const { session, principal, authority } = caller;
    if (session === undefined || authority === 'server' || this.interceptors.isInboundFree) {
      return enter(destination, submission);
    }
    const { message, key, messageId } = submission;
    const { sessionId } = session;
    const asked = { kind, sessionId, principal, destination, message, key, messageId };
    const intercepted = async (): Promise<R> => {
      checkSubmission(destination, submission);
      return this.interceptors.inbound(session, asked, (changed) => {
        const { message, key, messageId } = changed;
        return enter(changed.destination, { ...submission, message, key, messageId });
      });
    };
    return intercepted();
  }

  async #send(caller: Caller, destination: string, submission: Submission): Promise<SendOutcome> {
    const { mount, operation } = this.#enter(caller, 'send', destination, submission);
    if (mount.send === undefined) throw unsupported('send', destination);
    if (mount.kind !== 'log') return mount.send(operation);
    // A log keeps octets, and its store may take its time.
    if (this.interceptors.isBrokerFree) {
      operation.message.forgetParsed();
      return mount.send(operation);
    }
    return this.interceptors.broker(operation, async (changed) => {
      if (changed === DROPPED) return {};
      checkSubmission(destination, changed);
      changed.message.forgetParsed();
      return mount.send!(changed);
    });
  }

  async #request(
    caller: Caller,
    destination: string,
    submission: Submission,
    cancellation: CancellationSignal,
  ): Promise<Reply> {
    // It may have waited at the interceptors.
    requireWaiting(cancellation);
    const { mount, operation } = this.#enter(caller, 'request', destination, submission);
    if (mount.request === undefined) throw unsupported('request', destination);
    const request: RequestOperation = { ...operation, cancellation };
    if (this.interceptors.isBrokerFree || mount.kind !== 'log') return mount.request(request);
    return this.interceptors.broker(request, async (changed) => {
      if (changed === DROPPED) return Message.fromJson(null);
      checkSubmission(destination, changed);
      requireWaiting(cancellation);
      return mount.request!(changed);
    });
  }

  async #subscribeIntercepted(
    session: Session,
    name: string,
    options: SubscribeOptions,
  ): Promise<Opened> {
    scopeOf(name);
    const { sessionId, principal } = session;
    const { id = name, cursor, policy } = options;
    const asked = { kind: 'subscribe', sessionId, principal, id, destination: name } as const;
    return this.interceptors.inbound(
      session,
      { ...asked, cursor, policy },
      async ({ destination, cursor, policy }) => {
        requireLive(session);
        return this.#subscribe(session, destination, { ...options, id, cursor, policy });
      },
    );
  }

  async #subscribe(session: Session, name: string, options: SubscribeOptions): Promise<Opened> {
    const scope = scopeOf(name);
    if (scope.wildcardCount > MAX_WILDCARD_COUNT) throw this.#tooWild(name);
    const { principal } = session;
    const isByServer = options.isByServer === true;
    const caller: Caller = isByServer
      ? { authority: 'server', principal, session }
      : clientCaller(session);
    const { mount, prefix } = this.#find(name, caller);
    const grant = isByServer
      ? Grant.ofServer(principal, 'subscribe', scope)
      : this.#grant(caller, 'subscribe', scope);
    if (mount.subscribe === undefined) throw unsupported('subscribe', name);
    const subscription = session.reserve(options.id ?? name, name, grant);
    let opened: OpenedSubscription | undefined;
    let source: DeliverySource;
    try {
      opened = await mount.subscribe(
        {
          caller,
          destination: name,
          path: name.slice(prefix.length),
          grant,
          pattern: scope.isExact ? undefined : scope,
          cursor: options.cursor,
          policy: options.policy,
          maxUnacknowledgedCount: options.maxUnacknowledgedCount,
          cancellation: subscription,
        },
        subscription,
      );
      source = this.interceptors.outbound(session, subscription, opened.source);
    } catch (error) {
      opened?.source.close();
      const wasClosed = subscription.isClosed;
      session.abandon(subscription);
      throw wasClosed ? endedBeforeOpen(error) : error;
    }
    const { maxUnacknowledgedCount } = options;
    const window =
      maxUnacknowledgedCount === undefined
        ? undefined
        : new AcknowledgementWindow(
            source,
            subscription,
            maxUnacknowledgedCount,
            session.unacknowledged,
          );
    session.takeOver(subscription);
    subscription.attach(window ?? source);
    return { subscription, cursor: opened.cursor, recovered: opened.recovered, window };
  }

  #enter(
    caller: Caller,
    operation: 'send' | 'request',
    destination: string,
    what: Submission,
  ): { readonly mount: Mount; readonly operation: SendOperation } {
    checkSubmission(destination, what);
    const { mount, prefix } = this.#find(destination, caller);
    const grant = this.#grant(caller, operation, DestinationPattern.parse(destination));
    return {
      mount,
      operation: {
        caller,
        destination,
        path: destination.slice(prefix.length),
        grant,
        message: what.message,
        key: what.key,
        messageId: what.messageId,
        audience: what.audience,
        answersFailures: what.answersFailures,
      },
    };
  }

  #find(name: string, { authority }: Caller): MountPoint {
    const isRefused = authority === 'server' ? 'everybody' : 'clients';
    if (this.#refuses === 'everybody' || this.#refuses === isRefused) {
      throw new RequestError('server/draining', 'the server is shutting down; come back');
    }
    const point = this.#mountPoints.find(({ prefix }) => isWithin(prefix, name));
    if (point === undefined) {
      throw new RequestError('destination/unknown', `nothing is mounted at ${quoted(name)}`);
    }
    return point;
  }

  #tooWild(name: string): RequestError {
    this.#metrics.count('limit_reached', { limit: 'maxWildcardCount' });
    return new RequestError(
      'destination/invalid',
      `${quoted(name)}: a pattern that is subscribed to has at most ${MAX_WILDCARD_COUNT} segments "*", and "**" at its end`,
    );
  }

  #grant(caller: Caller, operation: Operation, scope: DestinationPattern): Grant {
    const { principal } = caller;
    const mayPass =
      caller.authority === 'server' || this.access.permits(principal, operation, scope.text);
    if (!mayPass) {
      this.#metrics.count('access_refused', { operation });
      const who = principal.name === undefined ? 'an anonymous client' : 'this principal';
      throw new RequestError(
        'access/denied',
        `${who} may not ${ACTS[operation]} ${quoted(scope.text)}`,
      );
    }
    return new Grant(this.access, principal, operation, scope);
  }
}

/** A client, in its own right. */
export function clientCaller(session: Session): Caller {
  return { authority: 'client', principal: session.principal, session };
}

/** For whoever wants to know where a message went. */
const SEND_INSTEAD = '; to publish there and learn the position, send with a receipt';

function unsupported(operation: Operation, destination: string): RequestError {
  return new RequestError(
    'destination/unsupported-operation',
    `${quoted(destination)} does not take ${operation}${operation === 'request' ? SEND_INSTEAD : ''}`,
  );
}

function scopeOf(name: string): DestinationPattern {
  const scope = DestinationPattern.parse(name);
  if (scope.hasCaptures) {
    throw new RequestError(
      'destination/invalid',
      `${quoted(name)}: "{name}" is for mappings and rules; subscribe with "*"`,
    );
  }
  return scope;
}

/** It may have ended while its operation waited. */
function requireLive(session: Session): void {
  if (!session.isEnded) return;
  throw new RequestError('subscription/ended', 'the session ended before this was subscribed to');
}

/** What stopped because its subscription was closed has a word of its own for who subscribed. */
function endedBeforeOpen(error: unknown): unknown {
  if (!(error instanceof RequestError) || error.code !== 'request/cancelled') return error;
  return new RequestError(
    'subscription/ended',
    'the subscription ended before it was open: it was unsubscribed, or the right to it is gone',
  );
}

function requireWaiting(cancellation: CancellationSignal): void {
  if (!cancellation.isCancelled) return;
  throw new RequestError('request/cancelled', 'nobody waits for this any more');
}
