/** Owns octet arithmetic that every layer needs: concatenation, comparison and UTF-8, without a host. */

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
