/** Owns signing a token with the secret of a server. */
import { SignJWT } from 'jose';
import { MIN_SECRET_BYTES } from '../server/index.js';
import { isLongEnough } from './config.js';
import { readText } from './config-file.js';
import { wrongUse } from './failure.js';

/** What a token is made of, as the command line says it. */
export interface TokenFlags {
  readonly secretFile: string;
  readonly sub: string;
  readonly ttl: number;
  readonly issuer?: string;
  readonly audience?: string;
}

/** A JWT. Throws a CommandFailure when it cannot be made of these flags. */
export async function signToken(flags: TokenFlags): Promise<string> {
  const { secretFile, sub, ttl, issuer, audience } = flags;
  if (sub === '') throw wrongUse('--sub: a name has at least one character');
  const secret = readText(secretFile, 'the secret').trim();
  if (!isLongEnough(secret)) {
    throw wrongUse(`the secret in ${secretFile} has fewer than ${MIN_SECRET_BYTES} octets`);
  }
  const nowSeconds = Math.floor(Date.now() / 1000);
  const token = new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + Math.max(1, Math.round(ttl / 1000)));
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(new TextEncoder().encode(secret));
}
