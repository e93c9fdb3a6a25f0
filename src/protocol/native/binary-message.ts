/** Owns the binary form of the native dialect: header JSON, one line feed, the body's octets (semantics M4). */
import { encodeUtf8, type Octets } from '../../foundation/index.js';

const LINE_FEED = 0x0a;

/** Header and body of a binary message; undefined when it has no line feed. JSON never needs a raw one. */
export function splitBinary(
  message: Octets,
): { readonly header: Octets; readonly body: Octets } | undefined {
  const end = message.indexOf(LINE_FEED);
  if (end < 0) return undefined;
  return { header: message.subarray(0, end), body: message.subarray(end + 1) };
}

/** A binary message of header JSON without line feeds and a body. */
export function joinBinary(header: string, body: Octets): Octets {
  const head = encodeUtf8(header);
  const message = new Uint8Array(head.length + 1 + body.length);
  message.set(head);
  message[head.length] = LINE_FEED;
  message.set(body, head.length + 1);
  return message;
}
