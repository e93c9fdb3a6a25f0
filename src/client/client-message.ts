/** Owns writing what the client says in the native dialect. */
import { encodeUtf8, octetsOfBody, type Octets } from '../foundation/index.js';
import { isJsonContentType, type MessageHeaders } from '../message/index.js';
import { joinBinary } from '../protocol/native/index.js';
import { ClientError } from './client-error.js';

/** Octets that no worker shares: `Uint8Array<ArrayBuffer>`, in words that compilers before 5.7 know. */
export type OwnOctets = ReturnType<Uint8ArrayConstructor['of']>;

/** A text message or a binary one. */
export type OutgoingMessage = string | OwnOctets;

export interface OutgoingFields {
  readonly type: string;
  readonly id?: number;
  readonly contentType?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | MessageHeaders | undefined;
  readonly [name: string]: unknown;
}

/**
 * A message without a body, or with one: octets (a typed array, a DataView, an ArrayBuffer, of any realm) travel as they are, a string
 * whose content type is not JSON as UTF-8, anything else as JSON. Throws a ClientError `client/invalid-body` for what JSON cannot say, a
 * promise and a Blob among it.
 */
export function encodeMessage(fields: OutgoingFields, body?: unknown): OutgoingMessage {
  try {
    const octets = octetsIn(body, fields.contentType);
    if (octets === undefined) return JSON.stringify({ ...fields, body });
    return joinBinary(JSON.stringify(fields), octets) as OwnOctets;
  } catch (cause) {
    throw new ClientError('client/invalid-body', `the body cannot be sent: ${String(cause)}`, {
      cause,
    });
  }
}

function octetsIn(body: unknown, contentType: string | undefined): Octets | undefined {
  const isText =
    typeof body === 'string' && contentType !== undefined && !isJsonContentType(contentType);
  return isText ? encodeUtf8(body) : octetsOfBody(body);
}
