/** Owns the opening handshake (RFC 6455 §4) for both roles: what a request and its answer must say. */
import {
  hasToken,
  parseExtensions,
  parseSubprotocols,
  type ExtensionOffer,
} from './header-grammar.js';

/** RFC 6455 §1.3: appended to the key before it is hashed. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The only version there is (RFC 6455 §4.1). */
export const PROTOCOL_VERSION = '13';

/** The base64 text of the SHA-1 of a text; the host's. */
export type Sha1Base64 = (text: string) => string;

/** The value of Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2, item 5.4). */
export function acceptKey(key: string, sha1Base64: Sha1Base64): string {
  return sha1Base64(key + ACCEPT_GUID);
}

/** Header fields, names in lower case; of a repeated one, all values. */
export type HeaderFields = ReadonlyMap<string, readonly string[]>;

/** Header fields from names and values in turn, as they stood on the wire. */
export function collectHeaders(rawHeaders: readonly string[]): HeaderFields {
  const fields = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [rawHeaders[index + 1]!]);
    else values.push(rawHeaders[index + 1]!);
  }
  return fields;
}

/** What a client sent. */
export interface UpgradeRequest {
  readonly method: string;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  readonly headers: HeaderFields;
  /** Values of Sec-WebSocket-Version that are spoken. Default: 13 alone. */
  readonly versions?: readonly string[];
}

/** A request that may be answered with 101. */
export interface AcceptedUpgrade {
  readonly isAccepted: true;
  readonly key: string;
  readonly subprotocols: readonly string[];
  readonly extensions: readonly ExtensionOffer[];
}

/** A request that is answered with an HTTP error. */
export interface RefusedUpgrade {
  readonly isAccepted: false;
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Judges a client's request (RFC 6455 §4.2.1); never throws. */
export function checkUpgradeRequest(request: UpgradeRequest): AcceptedUpgrade | RefusedUpgrade {
  const { headers, versions = [PROTOCOL_VERSION] } = request;
  // RFC 6455 §4.2.1, item 1: an HTTP/1.1 or higher GET request.
  if (request.method !== 'GET') {
    return refuse(405, 'Invalid HTTP method', { Allow: 'GET' });
  }
  const { httpVersionMajor: major, httpVersionMinor: minor } = request;
  if (major < 1 || (major === 1 && minor < 1)) {
    return refuse(400, 'A WebSocket handshake needs HTTP/1.1 or higher');
  }
  const problem = checkFields(headers);
  if (problem !== undefined) return refuse(400, problem);
  const key = only(headers, 'sec-websocket-key');
  if (key === undefined || !isHandshakeKey(key)) {
    return refuse(400, 'Missing or invalid Sec-WebSocket-Key header');
  }
  // RFC 6455 §4.2.2, item 4 and §4.4: another version is answered with those that are spoken.
  if (!versions.includes(only(headers, 'sec-websocket-version') ?? '')) {
    return refuse(426, 'Missing or invalid Sec-WebSocket-Version header', {
      'Sec-WebSocket-Version': versions.join(', '),
      Upgrade: 'websocket',
    });
  }
  // RFC 6455 §11.3.4 and §11.3.2: these two may be repeated, which means one list.
  const protocolHeader = joined(headers, 'sec-websocket-protocol');
  const subprotocols = protocolHeader === undefined ? [] : parseSubprotocols(protocolHeader);
  if (subprotocols === undefined) return refuse(400, 'Invalid Sec-WebSocket-Protocol header');
  const extensionHeader = joined(headers, 'sec-websocket-extensions');
  const extensions = extensionHeader === undefined ? [] : parseExtensions(extensionHeader);
  if (extensions === undefined) return refuse(400, 'Invalid Sec-WebSocket-Extensions header');
  return { isAccepted: true, key, subprotocols, extensions };
}

function checkFields(headers: HeaderFields): string | undefined {
  // RFC 6455 §4.2.1, item 2: a Host header field.
  if (only(headers, 'host') === undefined) return 'Missing or repeated Host header';
  // RFC 6455 §4.2.1, item 3: Upgrade has "websocket" in any case; other protocols beside it are not ours to choose.
  if (joined(headers, 'upgrade')?.toLowerCase() !== 'websocket') return 'Invalid Upgrade header';
  // RFC 6455 §4.2.1, item 4: Connection includes the token "Upgrade" in any case.
  if (!hasToken(joined(headers, 'connection') ?? '', 'upgrade')) return 'Invalid Connection header';
  // RFC 6455 §11.3.1 and §11.3.5: the key and the version MUST NOT appear more than once.
  for (const name of ['sec-websocket-key', 'sec-websocket-version', 'origin']) {
    if ((headers.get(name)?.length ?? 0) > 1) return `Repeated ${name} header`;
  }
  // What follows the head of the request is WebSocket frames; a body would be read as such.
  if (headers.has('transfer-encoding') || (joined(headers, 'content-length') ?? '0') !== '0') {
    return 'A WebSocket handshake has no body';
  }
  return undefined;
}

const KEY_LENGTH = 24;
const KEY_DIGITS = 22;

/** RFC 6455 §4.2.1, item 5: base64 which decodes to 16 octets. */
function isHandshakeKey(key: string): boolean {
  if (key.length !== KEY_LENGTH || !key.endsWith('==')) return false;
  for (let index = 0; index < KEY_DIGITS; index++) {
    const unit = key.charCodeAt(index);
    const isLetter = (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a);
    const isDigit = unit >= 0x30 && unit <= 0x39;
    if (!isLetter && !isDigit && unit !== 0x2b && unit !== 0x2f) return false;
  }
  return true;
}

/** What a client asked for, to judge the answer by. */
export interface UpgradeExpectation {
  /** The accept value that belongs to the key sent. */
  readonly accept: string;
  readonly subprotocols: readonly string[];
  /** Names of the extensions offered. */
  readonly extensionNames: readonly string[];
}

/** A server's answer that opens the connection. */
export interface AgreedUpgrade {
  readonly isAgreed: true;
  /** The subprotocol agreed upon, `''` when none. */
  readonly subprotocol: string;
  readonly extensions: readonly ExtensionOffer[];
}

export interface BrokenUpgrade {
  readonly isAgreed: false;
  readonly message: string;
}

/** Judges a server's 101 answer (RFC 6455 §4.1); what breaks a rule MUST fail the connection. */
export function checkUpgradeResponse(
  headers: HeaderFields,
  expected: UpgradeExpectation,
): AgreedUpgrade | BrokenUpgrade {
  // RFC 6455 §4.1, response items 2 and 3.
  if (joined(headers, 'upgrade')?.toLowerCase() !== 'websocket') {
    return broken('Invalid Upgrade header');
  }
  if (!hasToken(joined(headers, 'connection') ?? '', 'upgrade')) {
    return broken('Invalid Connection header');
  }
  // RFC 6455 §4.1, response item 4.
  if (only(headers, 'sec-websocket-accept') !== expected.accept) {
    return broken('Invalid Sec-WebSocket-Accept header');
  }
  // RFC 6455 §4.1, response item 6: only what was asked for, and §11.3.4: at most once.
  const subprotocols = headers.get('sec-websocket-protocol');
  const subprotocol = subprotocols?.[0] ?? '';
  if (subprotocols === undefined) {
    if (expected.subprotocols.length > 0) return broken('Server sent no subprotocol');
  } else if (expected.subprotocols.length === 0) {
    return broken('Server sent a subprotocol but none was requested');
  } else if (subprotocols.length > 1 || !expected.subprotocols.includes(subprotocol)) {
    return broken('Server sent an invalid subprotocol');
  }
  return agreeExtensions(joined(headers, 'sec-websocket-extensions'), expected, subprotocol);
}

function agreeExtensions(
  header: string | undefined,
  expected: UpgradeExpectation,
  subprotocol: string,
): AgreedUpgrade | BrokenUpgrade {
  if (header === undefined) return { isAgreed: true, subprotocol, extensions: [] };
  // RFC 6455 §4.1, response item 5: no extension that was not offered.
  if (expected.extensionNames.length === 0) {
    return broken('Server sent a Sec-WebSocket-Extensions header but no extension was requested');
  }
  const extensions = parseExtensions(header);
  if (extensions === undefined) return broken('Invalid Sec-WebSocket-Extensions header');
  const areOffered = extensions.every(({ name }) => expected.extensionNames.includes(name));
  if (!areOffered) return broken('Server indicated an extension that was not requested');
  return { isAgreed: true, subprotocol, extensions };
}

/** The value of a field that stands exactly once. */
function only(headers: HeaderFields, name: string): string | undefined {
  const values = headers.get(name);
  return values?.length === 1 ? values[0]!.trim() : undefined;
}

/** All values of a list field as one. */
function joined(headers: HeaderFields, name: string): string | undefined {
  return headers.get(name)?.join(',').trim();
}

function refuse(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): RefusedUpgrade {
  return { isAccepted: false, status, message, headers };
}

function broken(message: string): BrokenUpgrade {
  return { isAgreed: false, message };
}
