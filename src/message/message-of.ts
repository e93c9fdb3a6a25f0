/** Owns making a message of any value that an application gives. */
import {
  encodeUtf8,
  octetsOfBody,
  RequestError,
  wordsOf,
  type Octets,
} from '../foundation/index.js';
import { quoted } from './destination.js';
import {
  BINARY_CONTENT_TYPE,
  isJsonContentType,
  JSON_CONTENT_TYPE,
  Message,
  type MessageHeaders,
} from './message.js';

/** What may accompany a value. */
export interface MessageOptions {
  readonly headers?: MessageHeaders;
  /** Default `application/json`, and `application/octet-stream` for octets. Of any other type than JSON, a string is sent as it is. */
  readonly contentType?: string;
}

/**
 * A Message stands as it is; octets (a typed array, a DataView, an ArrayBuffer, of any realm) are copied; anything else is JSON. Throws a
 * RequestError `message/invalid`, also for a promise and for a Blob, which JSON would call `{}`.
 */
export function messageOf(body: unknown, options: MessageOptions = {}): Message {
  if (body instanceof Message) return body;
  const { contentType, headers } = options;
  const octets = octetsIn(body);
  if (octets !== undefined) {
    return new Message(octets.slice(), contentType ?? BINARY_CONTENT_TYPE, headers);
  }
  if (contentType === undefined || contentType === JSON_CONTENT_TYPE) {
    return Message.fromJson(body, headers);
  }
  if (isJsonContentType(contentType)) {
    return new Message(Message.fromJson(body).body, contentType, headers);
  }
  if (typeof body === 'string') return new Message(encodeUtf8(body), contentType, headers);
  throw new RequestError(
    'message/invalid',
    `a body of type ${quoted(contentType)} is given as a string or as octets`,
  );
}

function octetsIn(body: unknown): Octets | undefined {
  try {
    return octetsOfBody(body);
  } catch (cause) {
    throw new RequestError('message/invalid', `no body: ${wordsOf(cause)}`, { cause });
  }
}
