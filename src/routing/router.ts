/** Owns the way from an operation to its mount, and is the one place where access is decided. */
import { RequestError, type Metrics } from '../foundation/index.js';
import type { CancellationSignal } from '../foundation/index.js';
import {
  checkDestination,
  DestinationPattern,
  isWithin,
  quoted,
  type Audience,
  type Message,
  type MessageHeaders,
} from '../message/index.js';
import {
  AcknowledgementWindow,
  ANONYMOUS,
  Grant,
  type Operation,
  type Session,
  type Subscription,
} from '../session/index.js';
import type { AccessRules } from './access.js';
import type { Caller, Mount, OpenedSubscription, Reply, SendOutcome } from './mount.js';

/** A message with what may accompany it. */
export interface Submission {
  readonly message: Message;
  readonly key?: string | undefined;
  readonly messageId?: string | undefined;
  /** Never from a client. */
  readonly audience?: Audience | undefined;
  /** See `SendOperation`. */
  readonly answersFailures?: boolean | undefined;
}

export interface SubscribeOptions {
  /** What the session tells it from its others by. Default: the name itself. */
  readonly id?: string | undefined;
  readonly cursor?: string | undefined;
  readonly policy?: string | undefined;
  /** The client acknowledges, and this many may be on their way without. Default: it does not, and all count as acknowledged. */
  readonly maxUnacknowledgedCount?: number | undefined;
  /** Whether the server does this in its own name: no access rule of the client counts. Default false. */
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

/** Characters of a publisher's key or message id. */
export const MAX_KEY_LENGTH = 255;
/** Headers of one message, whatever door it came through. */
export const MAX_HEADER_COUNT = 64;

/** The server itself, which no access rule binds. */
export const SERVER_CALLER: Caller = { principal: ANONYMOUS, session: undefined };

/** Finds the mount of a destination by its longest prefix, and gives grants. */
export class Router {
  readonly access: AccessRules;
  readonly #metrics: Metrics;
  #mountPoints: readonly MountPoint[] = [];

  constructor(access: AccessRules, metrics: Metrics) {
    this.access = access;
    this.#metrics = metrics;
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

  /** Rejects with a RequestError. Nothing is awaited before the mount is called, so that order holds (semantics O3). */
  async send(caller: Caller, destination: string, submission: Submission): Promise<SendOutcome> {
    const { mount, operation } = this.#enter(caller, 'send', destination, submission);
    if (mount.send === undefined) throw this.#unsupported('send', destination);
    return mount.send(operation);
  }

  /** Rejects with a RequestError. */
  async request(
    caller: Caller,
    destination: string,
    submission: Submission,
    cancellation: CancellationSignal,
  ): Promise<Reply> {
    const { mount, operation } = this.#enter(caller, 'request', destination, submission);
    if (mount.request === undefined) throw this.#unsupported('request', destination);
    return mount.request({ ...operation, cancellation });
  }

  /** Opens a subscription of a session. Rejects with a RequestError. */
  async subscribe(session: Session, name: string, options: SubscribeOptions): Promise<Opened> {
    const scope = this.#scopeOf(name);
    const point = this.#find(name);
    const { principal } = session;
    const grant =
      options.isByServer === true
        ? Grant.ofServer(principal, 'subscribe', scope)
        : this.#grant({ principal, session }, 'subscribe', scope);
    const { mount, prefix } = point;
    if (mount.subscribe === undefined) throw this.#unsupported('subscribe', name);
    const subscription = session.reserve(options.id ?? name, name, grant);
    let opened: OpenedSubscription;
    try {
      opened = await mount.subscribe(
        {
          caller: { principal, session },
          destination: name,
          path: name.slice(prefix.length),
          grant,
          pattern: scope.isExact ? undefined : scope,
          cursor: options.cursor,
          policy: options.policy,
          maxUnacknowledgedCount: options.maxUnacknowledgedCount,
        },
        subscription,
      );
    } catch (error) {
      session.release(subscription);
      throw error;
    }
    const { maxUnacknowledgedCount } = options;
    const window =
      maxUnacknowledgedCount === undefined
        ? undefined
        : new AcknowledgementWindow(opened.source, subscription, maxUnacknowledgedCount);
    subscription.attach(window ?? opened.source);
    return { subscription, cursor: opened.cursor, recovered: opened.recovered, window };
  }

  /** A new grant for a subscription whose session has a new principal. Throws `access/denied`. */
  regrant(session: Session, name: string): Grant {
    const caller = { principal: session.principal, session };
    return this.#grant(caller, 'subscribe', this.#scopeOf(name));
  }

  /** Closes every mount once. */
  close(): void {
    for (const mount of new Set(this.#mountPoints.map((point) => point.mount))) mount.close?.();
  }

  #enter(caller: Caller, operation: 'send' | 'request', destination: string, what: Submission) {
    checkDestination(destination);
    checkLength('key', what.key);
    checkLength('messageId', what.messageId);
    const { headers } = what.message;
    if (headers.length > MAX_HEADER_COUNT) {
      throw new RequestError(
        'message/invalid',
        `a message has at most ${MAX_HEADER_COUNT} headers`,
      );
    }
    checkHeaders(headers);
    const { mount, prefix } = this.#find(destination);
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

  #scopeOf(name: string): DestinationPattern {
    const scope = DestinationPattern.parse(name);
    if (scope.hasCaptures) {
      throw new RequestError(
        'destination/invalid',
        `${quoted(name)}: "{name}" is for mappings and rules; subscribe with "*"`,
      );
    }
    return scope;
  }

  #find(name: string): MountPoint {
    const point = this.#mountPoints.find(({ prefix }) => isWithin(prefix, name));
    if (point === undefined) {
      throw new RequestError('destination/unknown', `nothing is mounted at ${quoted(name)}`);
    }
    return point;
  }

  #grant(caller: Caller, operation: Operation, scope: DestinationPattern): Grant {
    const { principal } = caller;
    const mayPass =
      caller.session === undefined || this.access.permits(principal, operation, scope.text);
    if (!mayPass) {
      this.#metrics.count('access_refused', { operation });
      const who = principal.name === undefined ? 'an anonymous client' : 'this principal';
      throw new RequestError('access/denied', `${who} may not ${operation} ${quoted(scope.text)}`);
    }
    return new Grant(this.access, principal, operation, scope);
  }

  #unsupported(operation: Operation, destination: string): RequestError {
    return new RequestError(
      'destination/unsupported-operation',
      `${quoted(destination)} does not take ${operation}`,
    );
  }
}

/**
 * The wire's headers have been checked; those of an application in JavaScript have not, and one that is no text
 * would make the message unreadable for every subscriber.
 */
function checkHeaders(headers: MessageHeaders): void {
  const given: unknown = headers;
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) &&
    pair.length === 2 &&
    typeof pair[0] === 'string' &&
    typeof pair[1] === 'string';
  if (Array.isArray(given) && given.every(isPair)) return;
  throw new RequestError('message/invalid', 'headers are a list of [name, value], both texts');
}

function checkLength(name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'string') {
    throw new RequestError('frame/invalid-field', `"${name}" is not a text`);
  }
  if (value.length > MAX_KEY_LENGTH) {
    throw new RequestError(
      'frame/invalid-field',
      `"${name}" is longer than ${MAX_KEY_LENGTH} characters`,
    );
  }
}
