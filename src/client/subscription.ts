/** Owns one subscription of a client: where it stands and whom it tells. */
import type { Cancel } from '../foundation/index.js';
import { formatCursor } from '../message/index.js';
import type { ClientError } from './client-error.js';
import { contentOf, errorOf, type Content, type ServerMessage } from './server-message.js';
import type { Wire } from './wire.js';

/** A publication as the application gets it. */
export interface ReceivedPublication extends Content {
  readonly destination: string;
  /** The destination or pattern that was subscribed to. */
  readonly subscription: string;
  /** The incarnation of the stream; absent in an answer of a handler. */
  readonly epoch?: string | undefined;
  /** The place in the stream. Offsets may jump: a gap is told by `recovered: false` and `onReset`, never by them. */
  readonly offset?: number | undefined;
  /** The server's clock, in milliseconds since the Unix epoch. */
  readonly publishedAtMs: number;
  readonly key?: string | undefined;
  readonly messageId?: string | undefined;
}

/** The whole state of a destination; what was held before it no longer counts. */
export interface ReceivedSnapshot extends Content {
  readonly destination: string;
  readonly epoch?: string | undefined;
  readonly offset?: number | undefined;
}

export interface SubscribedInfo {
  /** Whether there was something to continue: a cursor, or a connection before this one. */
  readonly wasRecovering: boolean;
  /**
   * `true`: everything missed follows, in order. `false`: something may have been missed, so fetch the state anew.
   * `undefined` when `wasRecovering` is false.
   */
  readonly recovered: boolean | undefined;
  readonly cursor?: string | undefined;
}

export interface SubscriptionHandlers {
  onPublication?(publication: ReceivedPublication): void;
  onSnapshot?(snapshot: ReceivedSnapshot): void;
  /** What the application holds is no longer true, because of `overflow`, `epoch-changed` or `access-changed`; a snapshot follows. */
  onReset?(reason: string): void;
  /** The server has begun to deliver; called again after every reconnect. */
  onSubscribed?(info: SubscribedInfo): void;
  /** The server refused. From number 500 on the client tries again, below it the subscription is over. */
  onError?(error: ClientError): void;
  /** The server ended the subscription: nothing follows. With an error when it failed. */
  onEnded?(error: ClientError | undefined): void;
}

export interface SubscribeOptions {
  /** Where to continue: the `cursor` of an earlier subscription to the same destination. */
  readonly cursor?: string | undefined;
  /** How the server treats a slow reader: `all`, `latest`, `sample`, `dropOldest`. Default: the topic's. */
  readonly policy?: string | undefined;
}

export type SubscriptionState = 'subscribing' | 'subscribed' | 'unsubscribed';

/** Lives until `unsubscribe()`, or until the server refuses or ends it; reconnects are no end. */
export class Subscription {
  /** The destination or pattern. */
  readonly destination: string;
  /** @internal */
  readonly policy: string | undefined;
  /** The id of the `subscribe` that the current connection has carried. @internal */
  requestId: number | undefined = undefined;
  /** Refusals in a row that said "try again". @internal */
  refusals: number = 0;
  /** @internal */
  stopRetry: Cancel | undefined = undefined;
  readonly #handlers: SubscriptionHandlers;
  readonly #wire: Wire;
  readonly #remove: (subscription: Subscription) => void;
  #state: SubscriptionState = 'subscribing';
  #cursor: string | undefined;
  #wasSubscribed = false;

  /** @internal */
  constructor(
    destination: string,
    handlers: SubscriptionHandlers,
    options: SubscribeOptions | undefined,
    wire: Wire,
    remove: (subscription: Subscription) => void,
  ) {
    this.destination = destination;
    this.policy = options?.policy;
    this.#cursor = options?.cursor;
    this.#handlers = handlers;
    this.#wire = wire;
    this.#remove = remove;
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /**
   * Where it stands, opaque: keep it to continue later. Inside `onPublication` that publication is
   * included. Undefined where there is nothing to continue.
   */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Ends it: no handler is called any more. */
  unsubscribe(): void {
    if (this.#state !== 'unsubscribed') this.#remove(this);
  }

  /** @internal */
  interrupted(): void {
    this.#state = 'subscribing';
    this.requestId = undefined;
    this.stopRetry?.();
  }

  /** @internal */
  over(): void {
    this.interrupted();
    this.#state = 'unsubscribed';
  }

  /** @internal */
  subscribed(message: ServerMessage): void {
    const wasRecovering = this.#wasSubscribed || this.#cursor !== undefined;
    // Without a cursor nothing could be asked for, and what fell into the gap is lost as well.
    const recovered = wasRecovering ? message.recovered === true : undefined;
    if (message.cursor !== undefined || recovered !== true) this.#cursor = message.cursor;
    this.#state = 'subscribed';
    this.#wasSubscribed = true;
    this.refusals = 0;
    const handlers = this.#handlers;
    const info: SubscribedInfo = { wasRecovering, recovered, cursor: this.#cursor };
    this.#wire.call(() => handlers.onSubscribed?.(info));
  }

  /** Takes `publication`, `snapshot`, `reset` and `cursor`. @internal */
  delivered(message: ServerMessage): void {
    // `subscribed` comes before the first delivery: what comes earlier was meant for a predecessor of the same name.
    if (this.#state !== 'subscribed') return;
    const handlers = this.#handlers;
    const { epoch, offset, destination = '' } = message;
    if (message.cursor !== undefined) this.#cursor = message.cursor;
    // A position belongs to one stream; a pattern spans many and gets its cursor in a frame of its own.
    else if (message.subscription === undefined && epoch !== undefined && offset !== undefined) {
      this.#cursor = formatCursor({ epoch, offset });
    }
    this.#wire.call(() => {
      if (message.type === 'reset') handlers.onReset?.(message.reason ?? '');
      const content = { ...contentOf(message), destination, epoch, offset };
      if (message.type === 'snapshot') handlers.onSnapshot?.(content);
      if (message.type !== 'publication') return;
      const { publishedAtMs = 0, key, messageId } = message;
      const subscription = this.destination;
      handlers.onPublication?.({ ...content, subscription, publishedAtMs, key, messageId });
    });
  }

  /** @internal */
  failed(error: ClientError): void {
    const handlers = this.#handlers;
    if (handlers.onError === undefined) this.#wire.report(error);
    else this.#wire.call(() => handlers.onError?.(error));
  }

  /** @internal */
  ended(message: ServerMessage): void {
    const error = message.code === undefined ? undefined : errorOf(message);
    const handlers = this.#handlers;
    this.#wire.call(() => handlers.onEnded?.(error));
  }
}
