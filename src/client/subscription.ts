/** Owns one subscription of a client: where it stands and whom it tells. */
import type { Cancel } from '../foundation/index.js';
import { formatCursor } from '../message/index.js';
import type { ClientError } from './client-error.js';
import { encodeMessage } from './client-message.js';
import { contentOf, errorOf, type Content, type ServerMessage } from './server-message.js';
import type { Wire } from './wire.js';

/** A publication as the application gets it. `T` is what the application says of its body: nobody has checked it. */
export interface ReceivedPublication<T = unknown> extends Content<T> {
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

/** What a message says of a publication. */
export function publicationOf(message: ServerMessage, subscription: string): ReceivedPublication {
  const { destination = '', epoch, offset, publishedAtMs = 0, key, messageId } = message;
  const place = { destination, subscription, epoch, offset, publishedAtMs, key, messageId };
  return { ...contentOf(message), ...place };
}

/** A publication that the server wants a word about. Either may be said once, and counts only on the connection that brought it. */
export interface UnacknowledgedPublication<T = unknown> extends ReceivedPublication<T> {
  /** It is done. */
  acknowledge(): void;
  /** It is not: on `/work` somebody gets it again. */
  reject(): void;
}

/** The whole state of a destination; what was held before it no longer counts. */
export interface ReceivedSnapshot<T = unknown> extends Content<T> {
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

export interface SubscriptionHandlers<T = unknown> {
  onPublication?(publication: ReceivedPublication<T>): void;
  onSnapshot?(snapshot: ReceivedSnapshot<T>): void;
  /** What the application holds is no longer true, because of `overflow`, `epoch-changed` or `access-changed`; a snapshot follows. */
  onReset?(reason: string): void;
  /** The server has begun to deliver; called again after every reconnect. */
  onSubscribed?(info: SubscribedInfo): void;
  /** The server refused. From number 500 on the client tries again, below it the subscription is over. */
  onError?(error: ClientError): void;
  /** The server ended the subscription: nothing follows. With an error when it failed. */
  onEnded?(error: ClientError | undefined): void;
}

/** What takes the publications of a subscription with the option `acknowledge`. */
export type AcknowledgingHandler<T = unknown> =
  | ((publication: UnacknowledgedPublication<T>) => Promise<unknown>)
  | ((publication: UnacknowledgedPublication<T>) => unknown);

/** The handlers of a subscription with the option `acknowledge`. */
export interface AcknowledgingHandlers<T = unknown> extends Omit<
  SubscriptionHandlers<T>,
  'onPublication'
> {
  /** With `auto` a promise that it returns is awaited. */
  onPublication?(publication: UnacknowledgedPublication<T>): unknown;
}

export interface SubscribeOptions {
  /**
   * `auto`: a publication is acknowledged when its handler is done, its promise included, and rejected when that fails. `manual`: by
   * `acknowledge()` or `reject()` of the publication. Default: the server takes what it has sent as done.
   */
  readonly acknowledge?: 'auto' | 'manual' | undefined;
  /** Publications that may be here at the same time without a word, up to the server's limit (Infinity). Default 1: one after another. */
  readonly maxUnacknowledged?: number | undefined;
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
  readonly options: SubscribeOptions;
  /** The id of the `subscribe` that the current connection has carried. @internal */
  requestId: number | undefined = undefined;
  /** Refusals in a row that said "try again". @internal */
  refusals: number = 0;
  /** @internal */
  stopRetry: Cancel | undefined = undefined;
  readonly #handlers: AcknowledgingHandlers;
  readonly #wire: Wire;
  readonly #remove: (subscription: Subscription) => void;
  #state: SubscriptionState = 'subscribing';
  #cursor: string | undefined;
  #wasSubscribed = false;

  /** @internal */
  constructor(
    destination: string,
    handlers: AcknowledgingHandlers,
    options: SubscribeOptions = {},
    wire: Wire,
    remove: (subscription: Subscription) => void,
  ) {
    this.destination = destination;
    this.options = options;
    this.#cursor = options.cursor;
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
    // A position belongs to one stream; a pattern spans many and gets its cursor in a frame of its own. A work queue has
    // positions and no cursor: only one that the server gave moves on.
    else if (
      this.#cursor !== undefined &&
      message.subscription === undefined &&
      epoch !== undefined &&
      offset !== undefined
    ) {
      this.#cursor = formatCursor({ epoch, offset });
    }
    this.#wire.call(() => {
      if (message.type === 'reset') handlers.onReset?.(message.reason ?? '');
      const content = { ...contentOf(message), destination, epoch, offset };
      if (message.type === 'snapshot') handlers.onSnapshot?.(content);
      if (message.type !== 'publication') return;
      const { acknowledge } = this.options;
      const publication = {
        ...publicationOf(message, this.destination),
        ...(acknowledge && this.#wordsFor(message)),
        // Without that option no handler counts on the two words.
      } as UnacknowledgedPublication;
      if (acknowledge === 'auto') void this.#work(publication);
      else handlers.onPublication?.(publication);
    });
  }

  async #work(publication: UnacknowledgedPublication): Promise<void> {
    try {
      await this.#handlers.onPublication?.(publication);
      publication.acknowledge();
    } catch (error) {
      publication.reject();
      // A worker goes on with the next one: what it could not do is somebody else's, and told.
      this.#wire.report(error);
    }
  }

  #wordsFor({ destination, subscription, epoch, offset }: ServerMessage): {
    acknowledge: () => void;
    reject: () => void;
  } {
    // Another connection has another subscription, which gets it again: a word of the old one means nothing there.
    const { requestId } = this;
    let isSaid = epoch === undefined;
    const say = (type: string) => (): void => {
      if (isSaid || requestId === undefined || this.requestId !== requestId) return;
      isSaid = true;
      this.#wire.transmit(encodeMessage({ type, destination, subscription, epoch, offset }));
    };
    return { acknowledge: say('acknowledge'), reject: say('reject') };
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
