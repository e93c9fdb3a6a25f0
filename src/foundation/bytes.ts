/** Owns octet arithmetic that every layer needs: concatenation, comparison, UTF-8 and base64, without a host. */

/** Octets in a buffer of their own; what the project keeps and hands on. */
export type Octets = Uint8Array;

export const NO_OCTETS: Octets = new Uint8Array(0);

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 octets of a string; a lone surrogate becomes U+FFFD, as the encoding standard says. */
export function encodeUtf8(text: string): Octets {
  return encoder.encode(text);
}

/** The text of valid UTF-8 octets; throws a TypeError when they are not valid. */
export function decodeUtf8(octets: Octets): string {
  return decoder.decode(octets);
}

/** Octets that a string needs in UTF-8, without encoding it. */
export function utf8ByteLength(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      length += 2;
      index += 1;
    } else length += 2;
  }
  return length;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** One buffer with all parts, in order. */
export function concatOctets(parts: readonly Octets[]): Octets {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function equalOctets(left: Octets, right: Octets): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

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
