/** Owns the port of stores that keep ordered streams: it issues positions, and fan-out comes only from its feed (semantics S1 to S3). */
import type { Owner } from '../foundation/index.js';
import type { Audience, Message, Publication, StreamPosition } from '../message/index.js';

/** How much of a stream is kept for recovery; all bounds hold. */
export interface Retention {
  /** Publications; 0 keeps none. */
  readonly historySize: number;
  /** Age in milliseconds; Infinity keeps them while the size allows. */
  readonly historyTtlMs: number;
  /** Octets, bookkeeping included. Left out: no bound of this stream's own. */
  readonly historyBytes?: number | undefined;
}

export interface AppendOptions {
  readonly key: string | undefined;
  /** An id that this owner repeats within the store's window is answered with the first answer (semantics S8). */
  readonly messageId: string | undefined;
  /**
   * Who publishes: message ids are those of its `id`, what is kept is charged to its `share`. Kept with the publication, as it is or as
   * its two strings, and given back with it in the feed and in history; one without an owner is the server's. Default: the server.
   */
  readonly owner?: Owner | undefined;
  /** Kept with the publication: it holds for a replay too. */
  readonly audience?: Audience | undefined;
  readonly retention: Retention;
}

export interface Appended {
  readonly position: StreamPosition;
  /** Whether a publication with this message id was there already. */
  readonly isDuplicate: boolean;
}

/** One publication in the store's order, with the offset before it, so that a lost one is seen (semantics S3). */
export interface FeedEntry {
  readonly publication: Publication;
  readonly epoch: string;
  readonly offset: number;
  readonly previousOffset: number;
}

export type FeedListener = (entry: FeedEntry) => void;

/** A part of the history, or the fact that not all of what was asked for is there any more. */
export type HistoryPart =
  | { readonly kind: 'publications'; readonly publications: readonly Publication[] }
  | { readonly kind: 'unrecoverable' };

/** Keeps streams. Every implementation passes the contract suite of `tideway/testing`. */
export interface StreamStore {
  /**
   * Whether `append` keeps the order of its calls for one destination by itself, also while earlier ones are under way. For a
   * store that does not say so, one append to a destination begins when the one before has settled.
   */
  readonly appendsInOrder?: boolean;
  /** Appends and answers with the position. Rejects with a RequestError `stream/unavailable` when it cannot. */
  append(destination: string, message: Message, options: AppendOptions): Promise<Appended>;
  /**
   * Answers the last position of a stream; from then on all that is appended to it is in the feed. One that is born for it is
   * charged to the share of `owner`; default: the server's. Throws or rejects with `stream/unavailable` when it cannot be born.
   * A store that knows at once answers at once: then what a session publishes after it has subscribed reaches it.
   */
  follow(destination: string, owner?: Owner): StreamPosition | Promise<StreamPosition>;
  /** The stream is not needed in the feed any more. */
  unfollow(destination: string): void;
  /** All streams inside a pattern are in the feed, those born later too. */
  followPattern(pattern: string): void | Promise<void>;
  unfollowPattern(pattern: string): void;
  /**
   * What follows `after`, in order without a gap, about `maxBytes` of it but at least one if there is one. An empty answer says
   * that `after` is the last position; where more is known to be there, it is taken for a fault of the store.
   */
  read(destination: string, after: StreamPosition, maxBytes: number): Promise<HistoryPart>;
  /** The one listener of the feed: publications of one stream in the order of their offsets. */
  setFeedListener(listener: FeedListener): void;
  close(): void;
}
