/** Owns writing what a server says in the native dialect. */
import { encodeUtf8, type Octets } from '../../foundation/index.js';
import { joinBinary } from './binary-message.js';
import type { BodyFrameFields, ServerFrame } from './frames.js';

/** The text of a frame without a body. */
export function encodeServerFrame(frame: ServerFrame): string {
  return JSON.stringify(frame);
}

const CLOSE_BRACE = 0x7d;

/**
 * A frame whose JSON body stands inline: the octets are spliced in, not serialised anew (semantics M4).
 * `body` must be known to be valid JSON, or a publisher could write frames into its readers' connections.
 */
export function encodeInlineBody(fields: BodyFrameFields, body: Octets): Octets {
  const head = encodeUtf8(`${JSON.stringify(fields).slice(0, -1)},"body":`);
  const text = new Uint8Array(head.length + body.length + 1);
  text.set(head);
  text.set(body, head.length);
  text[text.length - 1] = CLOSE_BRACE;
  return text;
}

/** A frame with any other body: one binary message. */
export function encodeBinaryBody(fields: BodyFrameFields, body: Octets): Octets {
  return joinBinary(JSON.stringify(fields), body);
}
