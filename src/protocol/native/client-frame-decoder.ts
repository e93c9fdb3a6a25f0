/** Owns reading what a client says in the native dialect; total: any input gives a frame or an `invalid`. */
import {
  decodeUtf8,
  encodeUtf8,
  MAX_JSON_VALUE_COUNT,
  parseJson,
  parseJsonAndSlice,
  RequestError,
  type JsonValue,
  type Octets,
} from '../../foundation/index.js';
import { FrameBody, type ClientFrame, type HeaderPairs, type InvalidFrame } from './frames.js';
import { splitBinary } from './binary-message.js';

type Members = { readonly [name: string]: JsonValue };

const MAX_HEADER_COUNT = 64;
const MAX_TEXT_FIELD_LENGTH = 65_536;

/** Reads a text message: one JSON object, a JSON body inline. */
export function decodeClientText(
  text: string,
  maxJsonValueCount: number = MAX_JSON_VALUE_COUNT,
): ClientFrame | InvalidFrame {
  let slice: string | undefined;
  return decode(
    () => {
      const { value, slice: body } = parseJsonAndSlice(text, 'body', maxJsonValueCount);
      slice = body;
      return value;
    },
    (members) =>
      new FrameBody(
        // A message without a body says `null`, so that what is spliced into frames is always JSON.
        encodeUtf8(slice ?? 'null'),
        textOf(members, 'contentType'),
        headersOf(members),
        members['body'] ?? null,
      ),
  );
}

/** Reads a binary message: the JSON object, 0x0A, then the body's octets (semantics M4). */
export function decodeClientBinary(
  octets: Octets,
  maxJsonValueCount: number = MAX_JSON_VALUE_COUNT,
): ClientFrame | InvalidFrame {
  const parts = splitBinary(octets);
  if (parts === undefined) {
    return invalid(
      undefined,
      'message/invalid',
      'a binary message is a JSON object, a line feed (0x0A) and the body; it has no line feed',
    );
  }
  return decode(
    () => parseJson(headerText(parts.header), maxJsonValueCount),
    (members) =>
      new FrameBody(
        parts.body,
        textOf(members, 'contentType') ?? 'application/octet-stream',
        headersOf(members),
      ),
  );
}

function headerText(header: Octets): string {
  try {
    return decodeUtf8(header);
  } catch (cause) {
    throw new RequestError('message/invalid', 'the JSON before the line feed is not UTF-8', {
      cause,
    });
  }
}

function decode(
  parse: () => JsonValue,
  bodyOf: (members: Members) => FrameBody,
): ClientFrame | InvalidFrame {
  let id: number | undefined;
  try {
    const members = parse();
    if (members === null || typeof members !== 'object' || Array.isArray(members)) {
      throw new RequestError('message/invalid', 'a message is one JSON object with a "type"');
    }
    id = idOf(members);
    return frameOf(members, id, bodyOf);
  } catch (error) {
    if (error instanceof RequestError) return { type: 'invalid', id, error };
    throw error;
  }
}

function frameOf(
  members: Members,
  id: number | undefined,
  bodyOf: (members: Members) => FrameBody,
): ClientFrame {
  const type = members['type'];
  switch (type) {
    case 'connect':
      return connectOf(members);
    case 'authenticate':
      return { type, id, token: required(members, 'token') };
    case 'subscribe':
      return {
        type,
        id,
        destination: required(members, 'destination'),
        cursor: textOf(members, 'cursor'),
        policy: textOf(members, 'policy'),
        ...acknowledgementOf(members),
      };
    case 'acknowledge':
    case 'reject':
      return {
        type,
        id,
        destination: required(members, 'destination'),
        subscription: textOf(members, 'subscription'),
        epoch: required(members, 'epoch'),
        offset: requiredCount(members, 'offset'),
        cumulative: flagOf(members, 'cumulative'),
      };
    case 'unsubscribe':
      return { type, id, destination: required(members, 'destination') };
    case 'send':
      return { type, id, ...contentOf(members, bodyOf) };
    case 'request':
      return { type, id: requiredId(id, type), ...contentOf(members, bodyOf) };
    case 'cancel':
      return { type, id: requiredId(id, type) };
    case 'ack':
      return { type, received: countOf(members, 'received') ?? 0 };
    case 'heartbeat':
    case 'disconnect':
      return { type };
    default:
      throw new RequestError(
        'frame/unknown-type',
        `"type" is ${shown(type)}; it is one of connect, authenticate, ` +
          'subscribe, acknowledge, reject, unsubscribe, send, request, cancel, ack, heartbeat, disconnect',
      );
  }
}

function contentOf(
  members: Members,
  bodyOf: (members: Members) => FrameBody,
): {
  destination: string;
  body: FrameBody;
  key: string | undefined;
  messageId: string | undefined;
} {
  return {
    destination: required(members, 'destination'),
    body: bodyOf(members),
    key: textOf(members, 'key'),
    messageId: textOf(members, 'messageId'),
  };
}

function connectOf(members: Members): ClientFrame {
  const resume = members['resume'];
  return {
    type: 'connect',
    token: textOf(members, 'token'),
    heartbeatIntervalMs: countOf(members, 'heartbeatIntervalMs') ?? 0,
    resume:
      resume === undefined || resume === null
        ? undefined
        : {
            sessionId: required(membersOf(resume, 'resume'), 'sessionId'),
            resumeToken: required(membersOf(resume, 'resume'), 'resumeToken'),
            received: countOf(membersOf(resume, 'resume'), 'received') ?? 0,
          },
  };
}

/** Whether the client acknowledges, and how much may be on its way meanwhile. */
function acknowledgementOf(members: Members): {
  acknowledge: boolean;
  maxUnacknowledged: number | undefined;
} {
  const acknowledge = flagOf(members, 'acknowledge');
  const maxUnacknowledged = countOf(members, 'maxUnacknowledged');
  if (maxUnacknowledged === undefined || (acknowledge && maxUnacknowledged > 0)) {
    return { acknowledge, maxUnacknowledged };
  }
  throw invalidField(
    'maxUnacknowledged',
    'a whole number from 1, beside "acknowledge":true',
    maxUnacknowledged,
  );
}

function membersOf(value: JsonValue, name: string): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalidField(name, 'a JSON object', value);
  }
  return value;
}

function idOf(members: Members): number | undefined {
  return countOf(members, 'id');
}

function requiredId(id: number | undefined, type: string): number {
  if (id === undefined) {
    throw new RequestError('frame/invalid-field', `"${type}" needs an "id", a whole number`);
  }
  return id;
}

function countOf(members: Members, name: string): number | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalidField(name, 'a whole number from 0 to 2^53-1', value);
  }
  return value;
}

function requiredCount(members: Members, name: string): number {
  const value = countOf(members, name);
  if (value === undefined) throw invalidField(name, 'given, as a whole number', undefined);
  return value;
}

function flagOf(members: Members, name: string): boolean {
  const value = members[name];
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw invalidField(name, 'true or false', value);
  return value;
}

function textOf(members: Members, name: string): string | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalidField(name, 'a string', value);
  if (value.length > MAX_TEXT_FIELD_LENGTH) {
    throw invalidField(name, `at most ${MAX_TEXT_FIELD_LENGTH} characters long`, '…');
  }
  return value;
}

function required(members: Members, name: string): string {
  const value = textOf(members, name);
  if (value === undefined) throw invalidField(name, 'given, as a string', undefined);
  return value;
}

function headersOf(members: Members): HeaderPairs {
  const value = members['headers'];
  if (value === undefined || value === null) return [];
  const pairs: unknown = Array.isArray(value) ? value : Object.entries(membersOf(value, 'headers'));
  const isPair = (pair: unknown): pair is readonly [string, string] =>
    Array.isArray(pair) &&
    pair.length === 2 &&
    typeof pair[0] === 'string' &&
    pair[0] !== '' &&
    typeof pair[1] === 'string';
  if (!Array.isArray(pairs) || pairs.length > MAX_HEADER_COUNT || !pairs.every(isPair)) {
    throw invalidField(
      'headers',
      `an object of strings, or a list of [name, value] strings, at most ${MAX_HEADER_COUNT} of them`,
      value,
    );
  }
  return pairs;
}

function invalidField(name: string, expected: string, value: JsonValue | undefined): RequestError {
  return new RequestError(
    'frame/invalid-field',
    `"${name}" must be ${expected}; it is ${shown(value)}`,
  );
}

/** The beginning of a value of a stranger, for an error message. */
function shown(value: JsonValue | undefined): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);
}

function invalid(id: number | undefined, code: 'message/invalid', message: string): InvalidFrame {
  return { type: 'invalid', id, error: new RequestError(code, message) };
}
