/** Owns reading what the server says in the native dialect; total: any input gives a checked message or undefined. */
import { decodeUtf8, type ErrorCode } from '../foundation/index.js';
import {
  BINARY_CONTENT_TYPE,
  JSON_CONTENT_TYPE,
  NO_HEADERS,
  type MessageHeaders,
} from '../message/index.js';
import { splitBinary } from '../protocol/native/index.js';
import { ClientError } from './client-error.js';

/** One message of the server. What a member is has been checked, whether it is there has not. */
export interface ServerMessage {
  readonly type: string;
  readonly id?: number;
  readonly destination?: string;
  readonly subscription?: string;
  readonly epoch?: string;
  readonly offset?: number;
  readonly publishedAtMs?: number;
  readonly key?: string;
  readonly messageId?: string;
  readonly cursor?: string;
  readonly recovered?: boolean;
  readonly isDuplicate?: boolean;
  readonly reason?: string;
  readonly more?: boolean;
  readonly code?: ErrorCode;
  readonly number?: number;
  readonly message?: string;
  readonly closeCode?: number;
  readonly mayReconnect?: boolean;
  readonly sessionId?: string;
  readonly principal?: string | null;
  readonly heartbeatIntervalMs?: number;
  readonly maxMessageBytes?: number;
  readonly contentType?: string;
  readonly headers?: MessageHeaders;
  readonly body?: unknown;
}

/** A body as the application gets it. `T` is what the application says of it: nobody has checked it. */
export interface Content<T = unknown> {
  /** The JSON value of a text message, the octets (a Uint8Array) of a binary one. */
  readonly body: T;
  readonly contentType: string;
  /** Name and value pairs in order. */
  readonly headers: MessageHeaders;
}

const STRINGS =
  'destination subscription epoch key messageId cursor reason code message sessionId contentType';
const NUMBERS = 'id offset publishedAtMs number closeCode heartbeatIntervalMs maxMessageBytes';

/** What each member must be where it is present. */
const MEMBER_KINDS: readonly (readonly [kind: string, names: readonly string[]])[] = [
  ['string', STRINGS.split(' ')],
  ['number', NUMBERS.split(' ')],
  ['boolean', ['recovered', 'more', 'mayReconnect', 'isDuplicate']],
];

/** Reads the data of a WebSocket message, text or ArrayBuffer; undefined when it is no message of this dialect. */
export function readMessage(data: unknown): ServerMessage | undefined {
  try {
    if (typeof data === 'string') return checked(JSON.parse(data));
    const parts = splitBinary(new Uint8Array(data as ArrayBuffer));
    if (parts === undefined) return undefined;
    const members = JSON.parse(decodeUtf8(parts.header)) as object;
    return checked({ contentType: BINARY_CONTENT_TYPE, ...members, body: parts.body });
  } catch {
    return undefined;
  }
}

function checked(message: unknown): ServerMessage | undefined {
  const members = message as Readonly<Record<string, unknown>>;
  if (typeof members['type'] !== 'string') return undefined;
  for (const [kind, names] of MEMBER_KINDS) {
    for (const name of names) {
      const value = members[name];
      if (value !== undefined && typeof value !== kind) return undefined;
    }
  }
  return isHeaders(members['headers']) ? (message as ServerMessage) : undefined;
}

function isHeaders(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    Array.isArray(value) &&
    value.every(
      (pair) => Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string',
    )
  );
}

/** The body of a message with its defaults: JSON, no headers, `null`. */
export function contentOf(message: ServerMessage): Content {
  return {
    body: message.body ?? null,
    contentType: message.contentType ?? JSON_CONTENT_TYPE,
    headers: message.headers ?? NO_HEADERS,
  };
}

/** The failure that an `error` or `ended` tells. */
export function errorOf(message: ServerMessage): ClientError {
  const { code = 'server/failed', number } = message;
  return new ClientError(code, message.message ?? code, { number });
}
