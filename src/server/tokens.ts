/** Owns principals from signed tokens: JWT with an HMAC (RFC 7519, RFC 7518 §3.2). */
import { jwtVerify, errors } from 'jose';
import { RequestError } from '../foundation/index.js';
import { ANONYMOUS, type Authenticate, type Principal } from '../session/index.js';

export interface TokenOptions {
  /** The shared secret of HS256, HS384 and HS512: at least 32 octets of UTF-8. */
  readonly hmacSecret: string;
  /** Required value of `iss`. Default: not looked at. */
  readonly issuer?: string;
  /** Required value of `aud`. Default: not looked at. */
  readonly audience?: string;
  /** How far the clocks of issuer and server may differ, for `exp` and `nbf`. Default 0. */
  readonly clockToleranceMs?: number;
  /** Whether a client without a token gets in as anonymous. Default true: the access rules decide what it may do. */
  readonly allowAnonymous?: boolean;
}

export const MIN_SECRET_BYTES = 32;
/** Characters of a token that are looked at; a longer one is refused unread. */
const MAX_TOKEN_LENGTH = 16_384;
const EXPIRED = 'the token has expired';

const EMPTY =
  'there is no token where one was announced: it is empty, or the Authorization header is no "Bearer <token>"';

/** `sub` is the principal's name, `exp` the end of its session. Throws a RangeError for a secret that is too short. */
export function tokenAuthentication(options: TokenOptions, nowMs: () => number): Authenticate {
  const secret = new TextEncoder().encode(options.hmacSecret);
  if (secret.length < MIN_SECRET_BYTES) {
    throw new RangeError(`tokens.hmacSecret has fewer than ${MIN_SECRET_BYTES} octets`);
  }
  const clockToleranceMs = options.clockToleranceMs ?? 0;
  return async ({ token }): Promise<Principal> => {
    if (token === undefined) {
      if (options.allowAnonymous ?? true) return ANONYMOUS;
      throw new RequestError('access/invalid-token', 'a token is required');
    }
    // What the dialects make of a malformed header, and what an unset variable is.
    if (token === '') throw new RequestError('access/invalid-token', EMPTY);
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new RequestError('access/invalid-token', 'the token is too long');
    }
    const { payload } = await verify(token, secret, {
      // Named one by one: neither `none` nor a public-key algorithm is ever accepted for a shared secret.
      algorithms: ['HS256', 'HS384', 'HS512'],
      clockTolerance: clockToleranceMs / 1000,
      currentDate: new Date(nowMs()),
      ...(options.issuer !== undefined && { issuer: options.issuer }),
      ...(options.audience !== undefined && { audience: options.audience }),
    });
    const { sub, exp } = payload;
    if (typeof sub !== 'string' || sub === '') {
      throw new RequestError('access/invalid-token', 'the token has no "sub", the name it is for');
    }
    const expiresAtMs = exp === undefined ? undefined : exp * 1000 + clockToleranceMs;
    // `jose` counts whole seconds: one that ended within this second would get in again, and be sent away at once.
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs()) {
      throw new RequestError('access/invalid-token', EXPIRED);
    }
    return { name: sub, claims: payload, expiresAtMs };
  };
}

async function verify(token: string, secret: Uint8Array, options: Parameters<typeof jwtVerify>[2]) {
  try {
    return await jwtVerify(token, secret, options);
  } catch (cause) {
    const why =
      cause instanceof errors.JWTExpired
        ? EXPIRED
        : cause instanceof errors.JWTClaimValidationFailed
          ? `the token's "${cause.claim}" is not accepted`
          : 'the token is not valid';
    throw new RequestError('access/invalid-token', why, { cause });
  }
}
