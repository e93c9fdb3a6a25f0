/** Owns writing frames as octets. */
import { encodeUtf8, NO_OCTETS, type Octets } from '../../foundation/index.js';
import type { StompHeaders } from './frames.js';
import { headerLine, isEscapedIn } from './header-escaping.js';
import type { StompVersion } from './version.js';

/**
 * One frame. Headers that the version cannot say are left out; what stands in a name or a value never becomes another header.
 * `content-length` is the caller's to give.
 */
export function encodeStompFrame(
  version: StompVersion,
  command: string,
  headers: StompHeaders,
  body: Octets = NO_OCTETS,
): Octets {
  const isEscaped = isEscapedIn(version, command);
  let head = `${command}\n`;
  for (const [name, value] of headers) {
    const line = headerLine(name, value, version, isEscaped);
    if (line !== undefined) head += `${line}\n`;
  }
  const headOctets = encodeUtf8(`${head}\n`);
  // The last octet stays 0: the NUL that ends a frame.
  const frame = new Uint8Array(headOctets.length + body.length + 1);
  frame.set(headOctets);
  frame.set(body, headOctets.length);
  return frame;
}
