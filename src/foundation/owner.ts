/** Owns what is known of whom something belongs to that is kept: whose message ids it has, and whose share it takes (semantics Q1). */

/** Two strings and no more, so that what is kept keeps nothing else of a client. They are keys: equal or not, and not to be read. */
export interface Owner {
  /** Message ids of one `id` are one owner's (semantics S8): a name's, an anonymous session's, or the server's. */
  readonly id: string;
  /** What is kept is charged to it (semantics Q2). Owners may share one: the anonymous sessions of an address do. */
  readonly share: string;
}

/** The share of the server itself, which is bound by none. No client's share or id is this string. */
export const SERVER_SHARE = 'server';

/** The server itself: its program and its HTTP API. */
export const SERVER_OWNER: Owner = Object.freeze({ id: SERVER_SHARE, share: SERVER_SHARE });
