/** Owns the limits of a session: name, unit, default, consequence (semantics E2). */
import { MAX_JSON_VALUE_COUNT } from '../foundation/index.js';

export interface SessionLimits {
  /**
   * JSON values of one message, a member of an object counting as five, which is about what they cost a parser; more are refused
   * with `json/too-many-values`. Default 50,000.
   */
  readonly maxJsonValueCount: number;
  /** Subscriptions of one session; one more is refused with `subscription/too-many`. Default 1,000. */
  readonly maxSubscriptionCount: number;
  /** Those of the same destination or pattern, under ids of the client's own; one more is refused likewise. Default 100. */
  readonly maxSubscriptionsPerDestination: number;
  /** Requests of one session that wait for a reply; one more is refused with `request/too-many`. Default 256. */
  readonly maxPendingRequestCount: number;
  /**
   * Messages of one session that wait for a handler; one more is refused with `app/busy`. As many run at once in handlers whose
   * mapping is `parallel`. Default 256.
   */
  readonly maxWaitingHandlerCount: number;
  /** Operations of one session that are under way; while there are so many, its connection is not read. Default 1,000. */
  readonly maxOperationCount: number;
  /** Octets of those, about; while there are so many, its connection is not read. Default 16 MiB. */
  readonly maxWaitingBytes: number;
  /**
   * Messages of one session that wait at interceptors, at each place; one more is refused with `session/busy`. Of the server's own
   * (its program, its HTTP API) as many wait for each destination; one more is refused with `server/busy`. Default 256.
   */
  readonly maxWaitingInterceptionCount: number;
  /**
   * Time that the interceptors of a place have for one message, up to 250 ms more; then it is refused with `server/failed`, and of a
   * subscription that was to get it, the subscription ends. Default 30,000.
   */
  readonly interceptorTimeoutMs: number;
  /**
   * Messages that one subscription of a client that acknowledges may have on their way; one that asks for more gets this many.
   * While so many wait for their acknowledgement, nothing more is delivered to it. Default 1,000.
   */
  readonly maxUnacknowledgedCount: number;
  /** The same of all subscriptions of one session together. Default 2,000. */
  readonly maxTotalUnacknowledgedCount: number;
  /** Octets waiting in a connection above which its session pulls no more. Default 65,536. */
  readonly maxBufferedBytes: number;
  /** Octets that one pull takes, or one publication when that is larger. Default 65,536. */
  readonly maxPullBytes: number;
  /** Octets waiting in a connection, replies included; above it ends with `session/slow-consumer`. Default 4 MiB. */
  readonly maxOutboundBytes: number;
  /** Live sessions of one principal that has a name; one more ends with `session/too-many`. Default 1,000. */
  readonly maxSessionsPerPrincipal: number;
  /**
   * Messages that a transport which cannot be made to wait brings while the token is being checked; one more ends the connection with
   * `session/too-many-operations`. Others are not read meanwhile. Default 256.
   */
  readonly maxUnauthenticatedCount: number;
  /** Octets of those messages and the first, about; more end it likewise. Default 4 MiB. */
  readonly maxUnauthenticatedBytes: number;
  /** Transactions of one session that are open; one more is refused with `transaction/too-large`. Default 16. */
  readonly maxTransactionCount: number;
  /** Frames of one session that wait for a COMMIT; one more is refused with `transaction/too-large`. Default 1,000. */
  readonly maxTransactionFrameCount: number;
  /** Octets of those frames, about; more are refused with `transaction/too-large`. Default 4 MiB. */
  readonly maxTransactionBytes: number;
  /** STOMP frames in one message; one more ends the connection with `session/protocol-error`. Default 16,384. */
  readonly maxFramesPerMessage: number;
  /** Headers of one STOMP frame; one more ends the connection with `session/protocol-error`. Default 128. */
  readonly maxStompHeaderCount: number;
  /** Octets of one of those headers, name and value; more end the connection with `session/protocol-error`. Default 16,384. */
  readonly maxStompHeaderLineBytes: number;
  /** Octets of all headers of one STOMP frame; more end the connection with `session/protocol-error`. Default 65,536. */
  readonly maxStompHeadersBytes: number;
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = {
  maxJsonValueCount: MAX_JSON_VALUE_COUNT,
  maxSubscriptionCount: 1_000,
  maxSubscriptionsPerDestination: 100,
  maxPendingRequestCount: 256,
  maxWaitingHandlerCount: 256,
  maxOperationCount: 1_000,
  maxWaitingBytes: 16_777_216,
  maxWaitingInterceptionCount: 256,
  interceptorTimeoutMs: 30_000,
  maxUnacknowledgedCount: 1_000,
  maxTotalUnacknowledgedCount: 2_000,
  maxBufferedBytes: 65_536,
  maxPullBytes: 65_536,
  maxOutboundBytes: 4_194_304,
  maxSessionsPerPrincipal: 1_000,
  maxUnauthenticatedCount: 256,
  maxUnauthenticatedBytes: 4_194_304,
  maxTransactionCount: 16,
  maxTransactionFrameCount: 1_000,
  maxTransactionBytes: 4_194_304,
  maxFramesPerMessage: 16_384,
  maxStompHeaderCount: 128,
  maxStompHeaderLineBytes: 16_384,
  maxStompHeadersBytes: 65_536,
};
