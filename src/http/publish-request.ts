/** Owns reading the body of `POST /api/publish`. */
import {
  decodeBase64,
  encodeUtf8,
  parseJsonAndSlice,
  RequestError,
  type JsonValue,
} from '../foundation/index.js';
import { isJsonContentType, JSON_CONTENT_TYPE, Message } from '../message/index.js';
import type { MessageHeaders } from '../message/index.js';
import type { Submission } from '../routing/index.js';

export interface PublishRequest {
  readonly destination: string;
  readonly submission: Submission;
}

const KNOWN_MEMBERS = new Set([
  'destination',
  'body',
  'contentType',
  'encoding',
  'headers',
  'key',
  'messageId',
]);

type Members = { readonly [name: string]: JsonValue };

/** Throws a RequestError that names the member that is wrong. */
export function parsePublishRequest(text: string, maxJsonValueCount: number): PublishRequest {
  const { value: members, slice } = parseJsonAndSlice(text, 'body', maxJsonValueCount);
  if (members === null || typeof members !== 'object' || Array.isArray(members)) {
    throw new RequestError(
      'message/invalid',
      'the request is one JSON object with a "destination"',
    );
  }
  const unknown = Object.keys(members).find((name) => !KNOWN_MEMBERS.has(name));
  if (unknown !== undefined) {
    throw new RequestError(
      'frame/invalid-field',
      `${JSON.stringify(unknown.slice(0, 40))} is no member of a publish request; ` +
        `it has ${[...KNOWN_MEMBERS].join(', ')}`,
    );
  }
  const destination = textOf(members, 'destination');
  if (destination === undefined) throw invalidMember('destination', 'given, as a string');
  return {
    destination,
    submission: {
      message: messageOf(members, slice, maxJsonValueCount),
      key: textOf(members, 'key'),
      messageId: textOf(members, 'messageId'),
    },
  };
}

function messageOf(
  members: Members,
  slice: string | undefined,
  maxJsonValueCount: number,
): Message {
  const contentType = textOf(members, 'contentType') ?? JSON_CONTENT_TYPE;
  const headers = headersOf(members['headers']);
  const body = members['body'] ?? null;
  if (members['encoding'] !== undefined) {
    const octets = typeof body === 'string' ? decodeBase64(body) : undefined;
    if (members['encoding'] !== 'base64') throw invalidMember('encoding', '"base64" or left out');
    if (octets === undefined) throw invalidMember('body', 'base64 when "encoding" says so');
    return Message.fromPeer(octets, contentType, headers, maxJsonValueCount);
  }
  if (isJsonContentType(contentType)) {
    // As it was written, not serialised anew (semantics M4).
    const octets = encodeUtf8(slice ?? 'null');
    return Message.fromPeer(octets, contentType, headers, maxJsonValueCount, { json: body });
  }
  if (typeof body !== 'string') throw invalidMember('body', `a string, for ${contentType}`);
  return Message.fromPeer(encodeUtf8(body), contentType, headers, maxJsonValueCount);
}

function textOf(members: Members, name: string): string | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalidMember(name, 'a string');
  return value;
}

function headersOf(value: JsonValue | undefined): MessageHeaders {
  if (value === undefined || value === null) return [];
  const pairs = typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : [];
  const strings = pairs.flatMap(([name, text]) =>
    typeof text === 'string' && name !== '' ? [[name, text] as const] : [],
  );
  if (strings.length === pairs.length && typeof value === 'object' && !Array.isArray(value)) {
    return strings;
  }
  throw invalidMember('headers', 'an object of strings');
}

function invalidMember(name: string, expected: string): RequestError {
  return new RequestError('frame/invalid-field', `"${name}" must be ${expected}`);
}
