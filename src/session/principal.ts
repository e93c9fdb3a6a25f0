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
  readonly handshake: Handshake;
}

/**
 * Finds out who is there (semantics A1). Rejects with a RequestError `access/invalid-token` to refuse;
 * any other rejection refuses too, without its words reaching the client.
 */
export type Authenticate = (credentials: Credentials) => Promise<Principal>;

/**
 * Hooks are an application's, and not all are typed: the user that was not found is a frequent `undefined`. Throws a
 * TypeError, so that it is refused, and the log says why.
 */
export function checkedPrincipal(principal: Principal): Principal {
  const given: Partial<Record<keyof Principal, unknown>> | null | undefined = principal;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      'the authenticate hook answered no principal; to refuse, throw a RequestError ' +
        '"access/invalid-token", and for anonymous clients answer ANONYMOUS',
    );
  }
  const { name, expiresAtMs } = given;
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError('the name of a principal is a text, or undefined for anonymous clients');
  }
  if (expiresAtMs !== undefined && (typeof expiresAtMs !== 'number' || Number.isNaN(expiresAtMs))) {
    throw new TypeError('expiresAtMs of a principal is a number of milliseconds, or undefined');
  }
  return principal;
}
