/** Owns who somebody is, and the port that finds it out. */
import { RequestError } from '../foundation/index.js';
import { nameFault, quoted } from '../message/index.js';
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
  /**
   * Whose session it is, where its token is renewed. `handshake` has neither headers nor query then: what is needed of them later
   * belongs in the claims. Undefined where a session is about to open.
   */
  readonly renews?: Principal | undefined;
}

/**
 * Finds out who is there (semantics A1). Rejects with a RequestError `access/invalid-token` to refuse;
 * any other rejection refuses too, without its words reaching the client.
 */
export type Authenticate = (credentials: Credentials) => Promise<Principal>;

/**
 * What a hook answered, wherever a principal comes in. One in JavaScript may forget to answer, or name nobody: that is no anonymous
 * principal, and no silence. Throws a TypeError for what is none, `access/invalid-token` for a name that has no user destination.
 */
export function checkedPrincipal(principal: Principal): Principal {
  const given: Partial<Record<keyof Principal, unknown>> | null | undefined = principal;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('the authenticate hook answered no principal');
  }
  const { name, expiresAtMs } = given;
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError('the name of a principal is a text, or undefined for anonymous clients');
  }
  const fault = name === undefined ? undefined : nameFault(name);
  if (fault !== undefined) {
    // It may be the client's own word, so the client is told what is wrong with it.
    throw new RequestError(
      'access/invalid-token',
      `nothing could be sent to ${quoted(String(name))}: as a segment of a destination ${fault}`,
    );
  }
  if (expiresAtMs !== undefined && (typeof expiresAtMs !== 'number' || Number.isNaN(expiresAtMs))) {
    throw new TypeError('expiresAtMs of a principal is a number of milliseconds, or undefined');
  }
  return principal;
}
