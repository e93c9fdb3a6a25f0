/** Owns randomness as a port and the making of identifiers from it. */
import { encodeBase64Url } from './base64.js';
import type { Octets } from './bytes.js';

/** A source of unpredictable octets. Cryptographic in production, seeded in tests. */
export interface Random {
  /** Fills `target` whole. */
  fill(target: Octets): void;
}

/** Octets of an identifier: 128 bits, so that ids neither collide nor can be guessed. */
export const ID_BYTES = 16;

/** A base64url identifier of 128 random bits. An id is never a credential by itself. */
export function newId(random: Random, byteLength: number = ID_BYTES): string {
  const octets = new Uint8Array(byteLength);
  random.fill(octets);
  return encodeBase64Url(octets);
}

/** A number in [0, 1) with 32 random bits. */
export function randomFraction(random: Random): number {
  const octets = new Uint8Array(4);
  random.fill(octets);
  return new DataView(octets.buffer).getUint32(0) / 2 ** 32;
}
