/** Owns what becomes of a SEND: destination, message, and which headers travel on. */
import { decodeUtf8, parseJson, type JsonValue, type Octets } from '../../foundation/index.js';
import {
  BINARY_CONTENT_TYPE,
  JSON_CONTENT_TYPE,
  Message,
  TEXT_CONTENT_TYPE,
  type MessageHeaders,
} from '../../message/index.js';
import type { StompFrame } from '../../protocol/stomp/index.js';
import type { Submission } from '../../routing/index.js';

/** Headers of a SEND that speak to the server, or that only a server may say. All others are the user's. */
const NOT_OF_THE_USER = new Set([
  'destination',
  'content-type',
  'content-length',
  'receipt',
  'transaction',
  'message-id',
  'subscription',
  'ack',
  'redelivered',
]);
/** Begins the name of every header of ours. */
export const OWN_HEADER_PREFIX = 'tideway-';

/** The body's octets stay as they are, whatever they are taken for. */
export function submissionOf({ headers, body }: StompFrame, maxJsonValueCount: number): Submission {
  return {
    message: messageOf(body, headers.get('content-type'), userHeaders(headers), maxJsonValueCount),
    key: headers.get('tideway-key'),
    messageId: headers.get('tideway-message-id'),
  };
}

function userHeaders(headers: ReadonlyMap<string, string>): MessageHeaders {
  const found: [string, string][] = [];
  for (const header of headers) {
    const [name] = header;
    if (!NOT_OF_THE_USER.has(name) && !name.startsWith(OWN_HEADER_PREFIX)) found.push(header);
  }
  return found;
}

/**
 * Clients of Spring's say JSON without a content type, and Spring takes it for JSON. So a body without one is
 * JSON when it is, text when it is UTF-8, and octets otherwise.
 */
function messageOf(
  body: Octets,
  contentType: string | undefined,
  headers: MessageHeaders,
  maxJsonValueCount: number,
): Message {
  const messageOfType = (type: string, known?: { json: JsonValue }): Message =>
    Message.fromPeer(body, type, headers, maxJsonValueCount, known);
  if (contentType !== undefined) return messageOfType(contentType);
  let text: string;
  try {
    text = decodeUtf8(body);
  } catch {
    return messageOfType(BINARY_CONTENT_TYPE);
  }
  const json = jsonOf(text, maxJsonValueCount);
  if (json === undefined) return messageOfType(TEXT_CONTENT_TYPE);
  return messageOfType(JSON_CONTENT_TYPE, { json });
}

function jsonOf(text: string, maxJsonValueCount: number): JsonValue | undefined {
  // Most texts that are not JSON are told by how they begin.
  if (!/^[\s]*[[{"\-\dtfn]/.test(text)) return undefined;
  try {
    return parseJson(text, maxJsonValueCount);
  } catch {
    return undefined;
  }
}
