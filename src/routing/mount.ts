/** Owns the mount contract: what answers the three operations below one prefix (public as `tideway/mount`). */
import type { CancellationSignal, RequestError } from '../foundation/index.js';
import type { Audience, DestinationPattern, Message, StreamPosition } from '../message/index.js';
import type { DeliverySink, DeliverySource, Grant, Principal, Session } from '../session/index.js';

/**
 * `log`: yields publications, each with its own place. `state`: a snapshot, then changes at revisions of the root.
 * `reply`: answers without a position, then an end.
 */
export type MountKind = 'log' | 'state' | 'reply';

/** Who asks, and by whose right. */
export interface Caller {
  /** `client`: access rules decide, and inbound interceptors see it. `server`: its program or its HTTP API, which nothing stops. */
  readonly authority: 'client' | 'server';
  readonly principal: Principal;
  /** The session that stands behind it; undefined for the server itself and for its HTTP API. */
  readonly session: Session | undefined;
  /**
   * Where the server sends what comes of somebody's message, as a handler does: the share that is charged for what is kept of it
   * (`owner.share` of the session). Left out: that of `session`, or the server's own.
   */
  readonly chargedShare?: string | undefined;
}

interface OperationOfCaller {
  readonly caller: Caller;
  /** The whole destination. */
  readonly destination: string;
  /** The destination below the mount's prefix, with its leading `/`; empty for the prefix itself. */
  readonly path: string;
  readonly grant: Grant;
}

export interface SendOperation extends OperationOfCaller {
  readonly message: Message;
  readonly key: string | undefined;
  readonly messageId: string | undefined;
  /** Whom it is for, where not for everyone: said by the server only. */
  readonly audience?: Audience | undefined;
  /**
   * Whether the dialect tells its client of a send that failed. Default true. Where it cannot without ending the
   * connection, `false`: a mount of handlers then tells the session on its `/user/queue/errors` and resolves with `failure`.
   */
  readonly answersFailures?: boolean | undefined;
}

export interface RequestOperation extends SendOperation {
  /** Cancelled when the asker no longer waits. */
  readonly cancellation: CancellationSignal;
}

export interface SubscribeOperation extends OperationOfCaller {
  /** Set when `destination` is a pattern. */
  readonly pattern: DestinationPattern | undefined;
  readonly cursor: string | undefined;
  readonly policy: string | undefined;
  /**
   * Messages that may be on their way without an acknowledgement of the client; undefined when what was handed to the connection
   * counts as acknowledged. A mount that keeps messages until then looks at it; for the others it is flow control (semantics K1).
   */
  readonly maxUnacknowledgedCount?: number | undefined;
  /** Cancelled when the subscription is closed, also while it is being opened: nobody waits for it any more. Set by the router. */
  readonly cancellation?: CancellationSignal | undefined;
}

/** What a send came to: a log answers with the position. */
export interface SendOutcome {
  readonly position?: StreamPosition;
  /** Whether its message id was known, so that nothing was appended and the position is that of the first (semantics S8). */
  readonly isDuplicate?: boolean;
  /** What failed, where the mount has told the sender of it already (`answersFailures: false`). */
  readonly failure?: RequestError;
}

/** A subscription that a mount has opened; live from the moment that the promise of it resolves (semantics S4). */
export interface OpenedSubscription {
  readonly source: DeliverySource;
  /** Where it stands, for mounts with positions. */
  readonly cursor?: string;
  /** Whether nothing was missed; present when a cursor was given (semantics S6). */
  readonly recovered?: boolean;
}

/** One answer, or a stream of them. */
export type Reply = Message | AsyncIterable<Message>;

/**
 * Owns a prefix. An operation that a mount does not have is refused with `destination/unsupported-operation`.
 * Methods refuse by rejecting with a RequestError. They may be called in any order and never see a socket or a dialect.
 */
export interface Mount {
  readonly kind: MountKind;
  send?(operation: SendOperation): Promise<SendOutcome>;
  subscribe?(operation: SubscribeOperation, sink: DeliverySink): Promise<OpenedSubscription>;
  request?(operation: RequestOperation): Promise<Reply>;
  /** Ends what the mount holds; called once, when the server closes. */
  close?(): void;
}
