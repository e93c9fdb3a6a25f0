/** Owns the unit that travels inside Tideway (semantics M1, M2): headers, content type, octets; and a message's place in a stream. */
import {
  checkJsonDepth,
  decodeUtf8,
  encodeUtf8,
  parseJson,
  RequestError,
} from '../foundation/index.js';
import type { JsonValue, Octets, Owner } from '../foundation/index.js';

/** Ordered name and value pairs; of repeated names the first counts. */
export type MessageHeaders = readonly (readonly [name: string, value: string])[];

export const NO_HEADERS: MessageHeaders = [];
export const JSON_CONTENT_TYPE = 'application/json';
export const TEXT_CONTENT_TYPE = 'text/plain;charset=utf-8';
export const BINARY_CONTENT_TYPE = 'application/octet-stream';

/** Octets with a content type and headers. Immutable: the octets are shared by everyone who is handed them. */
export class Message {
  readonly headers: MessageHeaders;
  readonly contentType: string;
  readonly body: Octets;
  #json: JsonValue | undefined;
  /** Whether the body is known to be valid JSON. */
  #isKnownValid: boolean;
  /** Values that are parsed of what a peer sent. What the program itself makes is its own business. */
  #maxJsonValueCount = Infinity;

  /** `json` is what the body has been parsed to already, where that is known: it is then not parsed again. */
  constructor(
    body: Octets,
    contentType: string,
    headers: MessageHeaders = NO_HEADERS,
    json?: JsonValue,
  ) {
    this.headers = headers;
    this.contentType = contentType;
    this.body = body;
    this.#json = json;
    this.#isKnownValid = json !== undefined;
  }

  /** A JSON message of any value that JSON can say; `undefined` becomes `null`. Throws `message/invalid` or `json/too-deep`. */
  static fromJson(value: unknown, headers?: MessageHeaders): Message {
    const text = jsonTextOf(value);
    checkJsonDepth(text);
    const message = new Message(encodeUtf8(text), JSON_CONTENT_TYPE, headers);
    message.#isKnownValid = true;
    return message;
  }

  /** A message of text that is no JSON, such as a client reads without a parser. */
  static fromText(text: string, headers?: MessageHeaders): Message {
    return new Message(encodeUtf8(text), TEXT_CONTENT_TYPE, headers);
  }

  /**
   * A message as a peer sent it, of whose body no more than `maxJsonValueCount` values are ever parsed: a parser cannot be interrupted.
   * `known` says that its JSON is valid, and what it was parsed to where that is at hand.
   */
  static fromPeer(
    body: Octets,
    contentType: string,
    headers: MessageHeaders,
    maxJsonValueCount: number,
    known?: { readonly json: JsonValue | undefined },
  ): Message {
    const message = new Message(body, contentType, headers, known?.json);
    message.#maxJsonValueCount = maxJsonValueCount;
    message.#isKnownValid = known !== undefined;
    return message;
  }

  /** The same with other headers. */
  withHeaders(headers: MessageHeaders): Message {
    const message = new Message(this.body, this.contentType, headers);
    message.shareKnown(this);
    return message;
  }

  /** Takes over what is known of another message with the same body, but not the parsed value, which no bound counts. */
  protected shareKnown(message: Message): void {
    this.#isKnownValid = message.#isKnownValid;
    this.#maxJsonValueCount = message.#maxJsonValueCount;
  }

  /**
   * Lets go of what the body was parsed to, which may be twenty times as large: whoever keeps a message waiting calls this. That the
   * body is valid stays known, and who asks for the value gets it parsed anew.
   */
  forgetParsed(): void {
    this.#json = undefined;
  }

  /** Whether the body is JSON by its type and in fact; what is spliced into frames has to be. */
  get isValidJson(): boolean {
    if (!this.isJson) return false;
    if (this.#isKnownValid) return true;
    try {
      parseJson(this.text(), this.#maxJsonValueCount);
      this.#isKnownValid = true;
      return true;
    } catch (error) {
      if (error instanceof RequestError) return false;
      throw error;
    }
  }

  get isJson(): boolean {
    return isJsonContentType(this.contentType);
  }

  /** The body as JSON, parsed when it is first asked for. Throws a RequestError `message/invalid` or `json/…`. */
  json(): JsonValue {
    if (!this.isJson) {
      throw new RequestError('message/invalid', `the body is ${this.contentType}, not JSON`);
    }
    this.#json ??= parseJson(this.text(), this.#maxJsonValueCount);
    this.#isKnownValid = true;
    return this.#json;
  }

  /** The body as text. Throws a RequestError `message/invalid` when it is not UTF-8. */
  text(): string {
    try {
      return decodeUtf8(this.body);
    } catch (cause) {
      throw new RequestError('message/invalid', 'the body is not UTF-8', { cause });
    }
  }

  /** The first value of a header. Names are compared as they stand. */
  header(name: string): string | undefined {
    return this.headers.find(([candidate]) => candidate === name)?.[1];
  }
}

function jsonTextOf(value: unknown): string {
  try {
    return (JSON.stringify(value) as string | undefined) ?? 'null';
  } catch (cause) {
    throw new RequestError('message/invalid', 'JSON cannot say the value: a cycle, or a BigInt', {
      cause,
    });
  }
}

/** `application/json` with or without parameters. */
export function isJsonContentType(contentType: string): boolean {
  if (contentType === JSON_CONTENT_TYPE) return true;
  return /^\s*application\/json\s*(?:;|$)/i.test(contentType);
}

/** Which of a stream's readers a publication is for, where not for all of them. Set by the server, never by a client. */
export interface Audience {
  /** For this session alone. */
  readonly onlySessionId?: string | undefined;
  /** For every session but this one. */
  readonly exceptSessionId?: string | undefined;
}

export function isInAudience(audience: Audience | undefined, sessionId: string): boolean {
  if (audience === undefined) return true;
  const { onlySessionId, exceptSessionId } = audience;
  return (onlySessionId ?? sessionId) === sessionId && exceptSessionId !== sessionId;
}

/** What a publication has beyond its message. */
export interface PublicationFields {
  readonly destination: string;
  /** The incarnation of the stream; absent in an answer of a reply mount. */
  readonly epoch?: string | undefined;
  /** The place within the epoch; absent in an answer of a reply mount. */
  readonly offset?: number | undefined;
  readonly publishedAtMs: number;
  /** What `latest` and `sample` tell apart by; none counts as `''` (semantics P1). */
  readonly key?: string | undefined;
  /** The publisher's own identity of the message, for idempotent publishing (semantics S8). */
  readonly messageId?: string | undefined;
  /** Absent when it is for everyone. */
  readonly audience?: Audience | undefined;
  /** Its publisher, to whose share keeping it is charged. Absent: the server. No client is told. */
  readonly owner?: Owner | undefined;
}

/** A message that was accepted for a destination (semantics M2). */
export class Publication extends Message implements PublicationFields {
  readonly destination: string;
  readonly epoch: string | undefined;
  readonly offset: number | undefined;
  readonly publishedAtMs: number;
  readonly key: string | undefined;
  readonly messageId: string | undefined;
  readonly audience: Audience | undefined;
  readonly owner: Owner | undefined;
  #retainedBytes = 0;

  constructor(message: Message, fields: PublicationFields) {
    super(withoutWaste(message.body), message.contentType, message.headers);
    this.shareKnown(message);
    this.destination = fields.destination;
    this.epoch = fields.epoch;
    this.offset = fields.offset;
    this.publishedAtMs = fields.publishedAtMs;
    this.key = fields.key;
    this.messageId = fields.messageId;
    this.audience = fields.audience;
    this.owner = fields.owner;
  }

  /** The same publication with another destination, key or message: the place in its stream stays. */
  static changed(
    publication: Publication,
    change: {
      readonly destination?: string;
      readonly key?: string | undefined;
      readonly message?: Message;
    },
  ): Publication {
    const { destination, epoch, offset, publishedAtMs, key, messageId, audience, owner } =
      publication;
    const kept = { destination, epoch, offset, publishedAtMs, key, messageId, audience, owner };
    const { message = publication, ...fields } = change;
    return new Publication(message, { ...kept, ...fields });
  }

  /**
   * Octets that keeping this publication costs, bookkeeping included: bounds count them, not the payload alone. Its destination and
   * epoch are those of its stream.
   */
  get retainedBytes(): number {
    if (this.#retainedBytes === 0) this.#retainedBytes = retainedBytesOf(this);
    return this.#retainedBytes;
  }
}

/**
 * Measured on Node 20, as resident memory: 330 of heap for the object, its octets' two and its place in a ring, the rest outside of it
 * for the octets' store.
 */
export const PUBLICATION_OVERHEAD_BYTES = 600;
/** The pair, its place, and the heads of its two strings. */
const HEADER_OVERHEAD_BYTES = 130;
/** The head of a string, rounded up. */
const TEXT_OVERHEAD_BYTES = 32;
/** Octets of a buffer, beyond as many as the body's own, that a body may keep alive. */
const MAX_WASTE_BYTES = 256;
/** Octets up to which V8 keeps them in the object itself; asking for their buffer would move them out. */
const MAX_INLINE_BYTES = 64;

function retainedBytesOf({ body, contentType, headers, key, messageId }: Publication): number {
  let bytes = PUBLICATION_OVERHEAD_BYTES + heldBytes(body);
  for (const text of [contentType, key, messageId]) bytes += textBytes(text);
  for (const [name, value] of headers) {
    bytes += HEADER_OVERHEAD_BYTES + 2 * (name.length + value.length);
  }
  return bytes;
}

/** Strings may take two octets for a character. The few content types that everybody uses are shared. */
function textBytes(text: string | undefined): number {
  if (text === undefined || text === JSON_CONTENT_TYPE) return 0;
  return TEXT_OVERHEAD_BYTES + 2 * text.length;
}

/** Octets that a small view of a large buffer would keep alive are not worth more than a copy. */
function withoutWaste(octets: Octets): Octets {
  return heldBytes(octets) > 2 * octets.length + MAX_WASTE_BYTES ? octets.slice() : octets;
}

/** A view keeps all of its buffer alive. */
function heldBytes(octets: Octets): number {
  if (octets.length <= MAX_INLINE_BYTES && octets.byteOffset === 0) return octets.length;
  return octets.buffer.byteLength;
}
