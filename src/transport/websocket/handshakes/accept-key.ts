/** Owns the hash behind Sec-WebSocket-Accept, which both ends of a handshake make (RFC 6455 §4.2.2, item 5.4). */
import { createHash } from 'node:crypto';

/** The base64 of the SHA-1 of a text. */
export function sha1Base64(text: string): string {
  return createHash('sha1').update(text).digest('base64');
}
