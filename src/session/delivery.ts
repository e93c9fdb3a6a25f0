/** Owns what a subscription yields and how it is pulled: the contract between mounts and sessions. */
import type { Disconnect, RequestError } from '../foundation/index.js';
import type { Message, Publication, StreamPosition } from '../message/index.js';
import type { Batch } from './batch.js';

/** Why the state that a client holds is to be thrown away before the snapshot that follows. */
export type ResetReason = 'overflow' | 'epoch-changed' | 'access-changed';

/** The four kinds of delivery. */
export type Delivery =
  | {
      readonly kind: 'publications';
      readonly batch: Batch;
      /** Nothing more is ready, as if `pull` had answered undefined once more. */
      readonly isLast?: boolean;
    }
  /** The whole state at a position; what came before it no longer counts. */
  | {
      readonly kind: 'snapshot';
      readonly message: Message;
      readonly position: StreamPosition;
    }
  /** A snapshot follows; what the client holds is no longer true. */
  | { readonly kind: 'reset'; readonly reason: ResetReason }
  /** Nothing follows. With a Disconnect the whole connection ends, for its slow-consumer policy for one. */
  | { readonly kind: 'end'; readonly error?: RequestError | Disconnect };

/** What a mount gives for a subscription. The session pulls; nothing is ever pushed into it. */
export interface DeliverySource {
  /**
   * Takes what is ready, about `maxBytes` of it but at least one delivery;
   * undefined when nothing is, and then `ready` is called once something is. More than `maxCount` publications find no room now: a
   * source that can give the others later keeps them, or rather its place; whoever pulls keeps what it is given beyond.
   */
  pull(maxBytes: number, maxCount?: number): Delivery | undefined;
  /** Ends the source; `pull` is not called after it. */
  close(): void;
  /** The client is done with a publication that was pulled. Only sources that keep it until then have this (semantics K2). */
  acknowledge?(publication: Publication): void;
  /** The client could not do it: somebody may get it again. */
  reject?(publication: Publication): void;
  /** Whether a publication still waits for its acknowledgement here; false once it was taken back, after a time-out for one. */
  awaits?(publication: Publication): boolean;
}

/** What a session gives to a mount: the way to say that there is more. */
export interface DeliverySink {
  /** Something can be pulled. Cheap, and harmless when called too often. */
  ready(): void;
  /** Whether it was told, and pulls in a later turn because there was no room for it in this one. Left out: it never is. */
  readonly isDue?: boolean;
}
