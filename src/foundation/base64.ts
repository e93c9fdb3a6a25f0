/** Owns base64 and base64url (RFC 4648) without a host. Apart from other octets: its tables would be in every client that needs none. */
import type { Octets } from './bytes.js';

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_URL = `${BASE64.slice(0, 62)}-_`;

/** Base64 with padding (RFC 4648 §4). */
export function encodeBase64(octets: Octets): string {
  const text = encodeSextets(octets, BASE64);
  return text + '='.repeat((4 - (text.length % 4)) % 4);
}

/** Base64url without padding (RFC 4648 §5). */
export function encodeBase64Url(octets: Octets): string {
  return encodeSextets(octets, BASE64_URL);
}

function encodeSextets(octets: Octets, alphabet: string): string {
  let text = '';
  for (let index = 0; index < octets.length; index += 3) {
    const left = octets.length - index;
    const group =
      ((octets[index] ?? 0) << 16) | ((octets[index + 1] ?? 0) << 8) | (octets[index + 2] ?? 0);
    text += alphabet.charAt(group >> 18) + alphabet.charAt((group >> 12) & 63);
    if (left > 1) text += alphabet.charAt((group >> 6) & 63);
    if (left > 2) text += alphabet.charAt(group & 63);
  }
  return text;
}

/** The value of each character of base64 by its code, -1 for any other. */
const SEXTETS: Readonly<Int8Array> = Int8Array.from({ length: 128 }, (_, unit) =>
  BASE64.indexOf(String.fromCharCode(unit)),
);

/** Octets of canonical, padded base64; undefined for anything else. */
export function decodeBase64(text: string): Octets | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const characterCount = text.length - padding;
  const octets = new Uint8Array((text.length / 4) * 3 - padding);
  let written = 0;
  let pending = 0;
  let pendingBits = 0;
  for (let index = 0; index < characterCount; index++) {
    const sextet = SEXTETS[text.charCodeAt(index)] ?? -1;
    if (sextet < 0) return undefined;
    pending = (pending << 6) | sextet;
    pendingBits += 6;
    if (pendingBits < 8) continue;
    pendingBits -= 8;
    octets[written++] = pending >> pendingBits;
    pending &= (1 << pendingBits) - 1;
  }
  // RFC 4648 §3.5: the bits that stand for nothing are zero, so that no two texts mean the same octets.
  return pending === 0 ? octets : undefined;
}
