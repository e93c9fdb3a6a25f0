/** Owns what is common to all dialects in finding out who is there: the bearer token, and an answer of the hook that can be relied on. */
import type { Principal } from '../../session/index.js';

/** A hook in JavaScript may forget to answer, or name nobody: that is no anonymous principal, and no silence. */
export function checkedPrincipal(principal: Principal): Principal {
  const given: Partial<Record<keyof Principal, unknown>> | null | undefined = principal;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('the authenticate hook answered no principal');
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

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1). */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || !/^bearer\b/i.test(authorization)) return undefined;
  // A malformed one is no token rather than none: nobody becomes anonymous by a slip.
  return /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization)?.[1] ?? '';
}
