/** Owns the client: its state, its one link at a time, and when to come back. */
import type { ErrorCode } from '../foundation/index.js';
import { backoffDelayMs } from './backoff.js';
import { ClientError } from './client-error.js';
import type { OutgoingFields } from './client-message.js';
import {
  settingsOf,
  type ClientOptions,
  type ClientSettings,
  type Token,
} from './client-options.js';
import { Link, type LinkEnd } from './link.js';
import { Operations, type AnswerSink, type OperationOptions } from './operations.js';
import { contentOf, type Content, type ServerMessage } from './server-message.js';
import type {
  AcknowledgingHandler,
  AcknowledgingHandlers,
  ReceivedPublication,
  SubscribeOptions,
  Subscription,
  SubscriptionHandlers,
} from './subscription.js';
import { Subscriptions } from './subscriptions.js';
import type { Wire } from './wire.js';

export type ClientState = 'disconnected' | 'connecting' | 'connected';

/** One transition; docs/reference/client.md lists the codes. */
export interface StateChange {
  readonly state: ClientState;
  /** Stable: the client's own (`client/…`) or the server's reason for the end. */
  readonly code: ErrorCode;
  /** For people; may change. */
  readonly reason: string;
  /** The WebSocket close code, when the connection was closed with one. */
  readonly closeCode?: number | undefined;
  /** Only with `disconnected`: when the next attempt begins. Undefined: there is none until `connect()`. */
  readonly retryInMs?: number | undefined;
}

export interface SendOptions extends OperationOptions {
  /** What the policies `latest` and `sample` tell apart by. */
  readonly key?: string | undefined;
  /** Your own identity of the message: repeated by the same principal, or on the same connection, it is not appended again. */
  readonly messageId?: string | undefined;
  readonly headers?: OutgoingFields['headers'];
  /** Default: `application/json`, for octets `application/octet-stream`. A string with another type travels as UTF-8. */
  readonly contentType?: string | undefined;
}

export interface RequestOptions extends SendOptions {
  /** Gives the request up and rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Where a publication went; without members when the destination is not a stream. */
export interface Receipt {
  readonly epoch?: string | undefined;
  readonly offset?: number | undefined;
  /** Whether its `messageId` was known: nothing was appended, and the place is that of the first. */
  readonly isDuplicate?: boolean | undefined;
}

interface Ready {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: ClientError) => void;
}

/** A client of the native dialect. Reconnects and subscribes anew by itself; never sends anything twice. */
export class Client {
  readonly #settings: ClientSettings;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #wire: Wire;
  readonly #operations: Operations;
  readonly #subscriptions: Subscriptions;
  readonly #listeners = new Set<(change: StateChange) => void>();
  /** Changes that listeners are being told; empty otherwise. */
  readonly #changes: StateChange[] = [];
  #token: Token | undefined;
  #state: ClientState = 'disconnected';
  /** Set from `connect()` until an end that is not followed by a retry. */
  #ready: Ready | undefined;
  /** The end that was final; undefined before `connect()` and after it. */
  #end: LinkEnd | undefined;
  #link: Link | undefined;
  #stopRetry: (() => void) | undefined;
  /** Attempts since the last stable connection. */
  #attempt = 0;
  #connectedAtMs: number | undefined;
  #welcome: ServerMessage | undefined;
  #lastId = 0;

  /** Throws a ClientError `client/invalid-url`, `client/invalid-option` or `client/no-websocket`. Does nothing until `connect()`. */
  constructor(options: ClientOptions) {
    this.#settings = settingsOf(options);
    this.#onError = options.onError;
    this.#token = options.token;
    this.#wire = this.#wireOfThis();
    this.#operations = new Operations(this.#wire, this.#settings);
    this.#subscriptions = new Subscriptions(this.#wire, this.#settings);
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Who the server says this is: a name, null when anonymous, undefined while not connected. */
  get principal(): string | null | undefined {
    return this.#welcome?.principal;
  }

  /** The server's name of the current session; undefined while not connected. */
  get sessionId(): string | undefined {
    return this.#welcome?.sessionId;
  }

  /** Calls `listener` at every transition; returns the way to stop that. */
  onState(listener: (change: StateChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /**
   * Connects, and stays connected until `close()`. Resolves at the first `connected`, however many attempts it takes;
   * rejects with a ClientError when the server refuses for good or `close()` is called before. Called again, it
   * answers with the same promise.
   */
  connect(): Promise<void> {
    if (this.#ready !== undefined) return this.#ready.promise;
    const { promise } = (this.#ready = newReady());
    this.#end = undefined;
    this.#attempt = 0;
    this.#open('client/connect', 'connect() was called');
    return promise;
  }

  /** Disconnects and stays so. What waits for an answer is rejected; subscriptions come back with the next `connect()`. */
  close(): void {
    this.#link?.close(1000);
    this.#finish({ code: 'client/closed', reason: 'close() was called', mayReconnect: false });
  }

  /**
   * Subscribes to a destination or pattern, now and after every reconnect. A function alone is `onPublication`. `T` is the type
   * of its bodies, which nobody checks.
   * Throws a ClientError `subscription/exists` when this client has that subscription already, or `client/invalid-option`.
   */
  subscribe<T = unknown>(
    destination: string,
    handlers: AcknowledgingHandlers<T> | AcknowledgingHandler<T>,
    options: SubscribeOptions & { readonly acknowledge: 'auto' | 'manual' },
  ): Subscription;
  subscribe<T = unknown>(
    destination: string,
    handlers: SubscriptionHandlers<T> | ((publication: ReceivedPublication<T>) => void),
    options?: SubscribeOptions,
  ): Subscription;
  subscribe(
    destination: string,
    handlers: AcknowledgingHandlers<never> | AcknowledgingHandler<never>,
    options?: SubscribeOptions,
  ): Subscription {
    const all = typeof handlers === 'function' ? { onPublication: handlers } : handlers;
    return this.#subscriptions.add(destination, all as AcknowledgingHandlers, options);
  }

  /**
   * Sends and waits for the receipt. Rejects with a ClientError: the server's refusal, or `connection/lost` when the connection
   * ended before the answer (the outcome is unknown, and nothing is repeated). While not connected it
   * waits for the connection.
   */
  send(destination: string, body?: unknown, options?: SendOptions): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const answered = ({ epoch, offset, isDuplicate }: ServerMessage): boolean => {
        resolve({ epoch, offset, isDuplicate });
        return true;
      };
      const sink = { answered, failed: reject };
      this.#begin(fieldsOf('send', destination, options), body, sink, options);
    });
  }

  /**
   * Sends and waits for the reply, the first one of a handler that streams. Rejects as `send` does. `T` is the type of the
   * reply's body, which nobody checks.
   */
  async request<T = unknown>(
    destination: string,
    body?: unknown,
    options?: RequestOptions,
  ): Promise<Content<T>> {
    for await (const reply of this.requestStream<T>(destination, body, options)) return reply;
    throw new ClientError('request/no-reply', `"${destination}" ended without a reply`);
  }

  /**
   * The replies of a handler that streams, as they come. The request is sent when the first is asked for, and cancelled when
   * the loop is left or the signal aborts. Replies that nobody has asked for yet are kept without a bound.
   */
  async *requestStream<T = unknown>(
    destination: string,
    body?: unknown,
    options?: RequestOptions,
  ): AsyncGenerator<Content<T>, void, undefined> {
    const signal = options?.signal;
    signal?.throwIfAborted();
    const arrived: Content[] = [];
    let isOver = false;
    let failure: { readonly error: unknown } | undefined;
    let wake = (): void => {};
    const answered = (message: ServerMessage): boolean => {
      if (message.type === 'reply') arrived.push(contentOf(message));
      isOver = message.more !== true;
      wake();
      return isOver;
    };
    const failed = (error: unknown): void => {
      failure = { error };
      wake();
    };
    const fields = fieldsOf('request', destination, options);
    const id = this.#begin(fields, body, { answered, failed }, options);
    const aborted = (): void => this.#operations.cancel(id, signal?.reason);
    signal?.addEventListener('abort', aborted);
    try {
      while (true) {
        const reply = arrived.shift();
        if (reply !== undefined) yield reply as Content<T>;
        else if (failure !== undefined) throw failure.error;
        else if (isOver) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', aborted);
      this.#operations.cancel(id, undefined);
    }
  }

  /**
   * Renews the token of the session, and of later connections unless the option `token` is a function. Rejects as `send` does; the new
   * token must name the same principal. Where the server did not refuse it, because no answer came, later connections have it all the same.
   */
  async authenticate(token: string): Promise<void> {
    const keep = (): void => {
      if (typeof this.#token !== 'function') this.#token = token;
    };
    if (this.#state === 'connected') {
      await new Promise<void>((resolve, reject) => {
        const answered = (): boolean => {
          resolve();
          return true;
        };
        const failed = (error: ClientError): void => {
          // The one before it may have ended by the time of the next attempt, which begins without this promise.
          if (error.isOutcomeUnknown) keep();
          reject(error);
        };
        this.#begin({ type: 'authenticate', token }, undefined, { answered, failed });
      });
    }
    keep();
  }

  #begin(
    fields: OutgoingFields,
    body: unknown,
    sink: AnswerSink,
    options?: OperationOptions,
  ): number {
    if (this.#end !== undefined) {
      throw new ClientError(this.#end.code, `not sent: ${this.#end.reason}`);
    }
    return this.#operations.begin(fields, body, sink, options);
  }

  #open(code: ErrorCode, reason: string): void {
    this.#stopRetry?.();
    const link = (this.#link = new Link(this.#settings, {
      linkConnected: (message) => this.#connected(message),
      linkReceived: (message) => this.#received(message),
      linkFaulty: () => this.#wire.report(faulty('is no message of tideway.v1')),
      linkEnded: (end) => this.#linkEnded(end),
    }));
    this.#changeState({ state: 'connecting', code, reason });
    // A listener may have closed the client.
    if (this.#link === link) link.open(this.#token);
  }

  #connected(message: ServerMessage): void {
    this.#state = 'connected';
    this.#welcome = message;
    this.#connectedAtMs = this.#settings.time.monotonicMs();
    this.#subscriptions.connected();
    this.#operations.connected();
    this.#ready?.resolve();
    this.#changeState({
      state: 'connected',
      code: 'client/connected',
      reason: 'the server accepted the session',
    });
  }

  #received(message: ServerMessage): void {
    switch (message.type) {
      case 'receipt':
      case 'reply':
      case 'end':
        this.#operations.received(message);
        return;
      case 'error':
        this.#operations.received(message);
    }
    if (!this.#subscriptions.received(message)) {
      this.#wire.report(faulty(`says ${message.code}: ${message.message}`));
    }
  }

  #linkEnded(end: LinkEnd): void {
    if (!end.mayReconnect) {
      this.#finish(end);
      return;
    }
    this.#interrupted();
    const { backoff, fraction } = this.#settings;
    const retryInMs = backoffDelayMs(backoff, this.#attempt++, fraction());
    this.#waitToRetry(retryInMs);
    const { code, reason, closeCode } = end;
    this.#changeState({ state: 'disconnected', code, reason, closeCode, retryInMs });
  }

  /** An end without a return. */
  #finish(end: LinkEnd): void {
    this.#stopRetry?.();
    this.#interrupted();
    const { code, reason, closeCode } = end;
    this.#end = end;
    this.#operations.ended(code, reason);
    const ready = this.#ready;
    this.#ready = undefined;
    ready?.reject(new ClientError(code, reason));
    if (ready !== undefined) this.#changeState({ state: 'disconnected', code, reason, closeCode });
  }

  #interrupted(): void {
    const { backoff, time } = this.#settings;
    if (
      this.#connectedAtMs !== undefined &&
      time.monotonicMs() - this.#connectedAtMs >= backoff.stableAfterMs
    ) {
      this.#attempt = 0;
    }
    this.#connectedAtMs = this.#link = this.#welcome = undefined;
    this.#state = 'disconnected';
    this.#operations.interrupted();
    this.#subscriptions.interrupted();
  }

  #waitToRetry(delayMs: number): void {
    const cancel = this.#settings.time.after(delayMs, () =>
      this.#open('client/reconnect', 'the delay before the next attempt is over'),
    );
    // Waiting out a delay makes no sense once the browser knows that the network is back.
    // The first attempts may still fail, such as for want of a name server: they wait no longer than those after a cut.
    const online = (): void => {
      this.#attempt = 0;
      this.#open('client/online', 'the network is back');
    };
    globalThis.addEventListener?.('online', online);
    this.#stopRetry = () => {
      cancel();
      globalThis.removeEventListener?.('online', online);
      this.#stopRetry = undefined;
    };
  }

  #changeState(change: StateChange): void {
    this.#state = change.state;
    this.#changes.push(change);
    // A listener that causes the next change must not let others see it before this one.
    if (this.#changes.length > 1) return;
    for (const next of this.#changes) {
      for (const listener of this.#listeners) this.#wire.call(() => listener(next));
    }
    this.#changes.length = 0;
  }

  #report(error: unknown, isOfApplication: boolean): void {
    const onError = this.#onError;
    if (onError !== undefined) {
      try {
        onError(error);
      } catch (cause) {
        throwLater(cause);
      }
    } else if (isOfApplication) throwLater(error);
    else console.error(error);
  }

  #wireOfThis(): Wire {
    const isConnected = (): boolean => this.#state === 'connected';
    const maxMessageBytes = (): number => this.#welcome?.maxMessageBytes ?? Infinity;
    return {
      get isConnected(): boolean {
        return isConnected();
      },
      get maxMessageBytes(): number {
        return maxMessageBytes();
      },
      nextId: () => ++this.#lastId,
      transmit: (message) => this.#link?.transmit(message),
      call: (callback) => {
        try {
          callback();
        } catch (error) {
          this.#report(error, true);
        }
      },
      report: (error) => this.#report(error, false),
    };
  }
}

function fieldsOf(
  type: string,
  destination: string,
  options: SendOptions | undefined,
): OutgoingFields {
  const { key, messageId, headers, contentType } = options ?? {};
  return { type, destination, key, messageId, headers, contentType };
}

function newReady(): Ready {
  let resolve = (): void => {};
  let reject = (_error: ClientError): void => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Who ignores the promise of connect() hears of the end by onState; it must not end the process.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

function faulty(what: string): ClientError {
  return new ClientError('client/invalid-message', `what the server sent ${what}`);
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
