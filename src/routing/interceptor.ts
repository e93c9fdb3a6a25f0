/** Owns the contract of interceptors: what each place shows them, and what they may answer (semantics I). */
import type { Message, Publication } from '../message/index.js';
import type { Handshake, Principal } from '../session/index.js';

interface OfClient {
  readonly principal: Principal;
  readonly sessionId: string;
}

/** A message of a client, on its way to a mount. */
export interface InboundMessage extends OfClient {
  readonly kind: 'send' | 'request';
  readonly destination: string;
  readonly message: Message;
  readonly key: string | undefined;
  readonly messageId: string | undefined;
}

export interface InboundSubscribe extends OfClient {
  readonly kind: 'subscribe';
  /** What the client tells it from its others by; it keeps that name whatever destination it is given. */
  readonly id: string;
  /** The destination or pattern. */
  readonly destination: string;
  readonly cursor: string | undefined;
  readonly policy: string | undefined;
}

/** May be refused, but not changed. */
export interface InboundUnsubscribe extends OfClient {
  readonly kind: 'unsubscribe';
  readonly id: string;
  readonly destination: string;
}

/** Somebody was authenticated: to open a session, or to renew the token of one. A refusal is one of the token. */
export interface InboundConnect {
  readonly kind: 'connect';
  readonly principal: Principal;
  /** Without headers and query where a token is renewed. */
  readonly handshake: Handshake;
  /** Who the session's principal is until now, where its token is renewed. */
  readonly renews: Principal | undefined;
}

export type InboundOperation =
  InboundMessage | InboundSubscribe | InboundUnsubscribe | InboundConnect;

/**
 * What an inbound interceptor would have otherwise; what is left out stays. A whole changed operation will do too,
 * and for a send or request a bare Message.
 */
export interface InboundChange {
  /** Of a send, request or subscribe. */
  readonly destination?: string;
  /** Of a send or request. */
  readonly message?: Message;
  readonly key?: string | undefined;
  readonly messageId?: string | undefined;
  /** Of a subscribe. */
  readonly cursor?: string | undefined;
  readonly policy?: string | undefined;
  /** Of a connect. */
  readonly principal?: Principal;
}

/** A message that a mount is about to take: to append it to a stream, or to keep it for somebody. */
export interface BrokerMessage {
  readonly destination: string;
  readonly message: Message;
  readonly key: string | undefined;
  readonly messageId: string | undefined;
  /** Whose right it goes by: a client's, or the server's own (its program, its HTTP API). */
  readonly authority: 'client' | 'server';
  readonly principal: Principal;
  /** Undefined where no session stands behind it. */
  readonly sessionId: string | undefined;
}

/** A publication on its way to one session. */
export interface OutboundPublication {
  readonly publication: Publication;
  readonly sessionId: string;
  readonly principal: Principal;
  /** The subscription that it is for. */
  readonly subscription: OutboundSubscription['subscription'];
}

/** A subscription that is being opened. */
export interface OutboundSubscription {
  readonly sessionId: string;
  readonly principal: Principal;
  /** `destination` is what was subscribed to, which may be a pattern. */
  readonly subscription: { readonly id: string; readonly destination: string };
}

/** What a message would be otherwise; what is left out stays. A bare Message will do too. */
export interface MessageChange {
  readonly message?: Message;
  readonly key?: string | undefined;
}

/** At once or by a promise; nothing means "as it is". */
export type Answer<T> = T | undefined | void | PromiseLike<T | undefined | void>;

/** One or more of the three places. What they throw as a RequestError refuses; anything else is logged and refuses with `server/failed`. */
export interface Interceptor {
  /** Sees what clients ask for, before access is decided. */
  inbound?(operation: InboundOperation): Answer<InboundChange | Message>;
  /** Sees every message that a mount is about to append or keep, whoever sent it. `'drop'` loses it without a word. */
  broker?(message: BrokerMessage): Answer<MessageChange | Message | 'drop'>;
  /** Sees each publication on its way to one session. `'drop'` keeps it from this one; a refusal ends the subscription. */
  outbound?(delivery: OutboundPublication): Answer<MessageChange | Message | 'drop'>;
  /** Whether `outbound` concerns a subscription: asked once, when it is opened. Default: all of them. */
  concerns?(subscription: OutboundSubscription): boolean;
}
