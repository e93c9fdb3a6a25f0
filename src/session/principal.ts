/** Owns who somebody is, and the port that finds it out. */
import type { Handshake } from './connection.js';

/** The authenticated other end of a session. */
export interface Principal {
  /** Unique name; undefined when anonymous. */
  readonly name: string | undefined;
  /** What the token said beside the name. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Wall-clock instant after which nothing may be sent to it any more; undefined when it does not end. */
  readonly expiresAtMs: number | undefined;
}

export const ANONYMOUS: Principal = { name: undefined, claims: {}, expiresAtMs: undefined };

/** What there is to authenticate by. */
export interface Credentials {
  /** From the dialect's connect message or the Authorization header; never from a URL. */
  readonly token: string | undefined;
  /** STOMP's `login`; its `passcode` is the token, unless an `Authorization` header gave one. */
  readonly login?: string | undefined;
  /** All headers of STOMP's CONNECT, as the client wrote them. */
  readonly connectHeaders?: ReadonlyMap<string, string> | undefined;
  readonly handshake: Handshake;
}

/**
 * Finds out who is there (semantics A1). Rejects with a RequestError `access/invalid-token` to refuse;
 * any other rejection refuses too, without its words reaching the client.
 */
export type Authenticate = (credentials: Credentials) => Promise<Principal>;
