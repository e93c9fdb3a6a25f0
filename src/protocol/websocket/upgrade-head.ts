/** Owns the recognition of plain upgrade requests: the head of one that no HTTP parser could read in two ways, or nothing. */
import type { Octets } from '../../foundation/index.js';

/** A request that asks for WebSocket beyond doubt. */
export interface UpgradeHead {
  readonly target: string;
  /** Names and values in turn, as they stood on the wire. */
  readonly rawHeaders: string[];
  /** The offset behind the empty line. */
  readonly end: number;
}

/** The text of `octets[start, end)`, all of it ASCII; the host's. */
export type AsciiText = (octets: Octets, start: number, end: number) => string;

/** Far below what HTTP servers allow, so that no limit of theirs is ever at stake. */
const MAX_HEAD_BYTES = 8_192;
const MAX_FIELD_COUNT = 64;

const SPACE = 0x20;
const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;

const START = asciiCodes('GET ');
const VERSION = asciiCodes(' HTTP/1.1\r\n');

/** RFC 7230 §3.2.6. */
const TOKEN = asciiTable("!#$%&'*+-.^_`|~");
/** RFC 3986 §2, without the fragment, which a target does not have. */
const TARGET = asciiTable("-._~:/?[]@!$&'()*+,;=%");

/** Fields that may stand at most once here. */
const ONCE = ['host', 'upgrade', 'connection'];
/** Fields with which a request has a body, or may have one. */
const WITH_BODY = ['content-length', 'transfer-encoding', 'expect', 'trailer', 'te'];
/** What clients say; another list is for a parser that knows all of them. */
const CONNECTIONS = ['upgrade', 'keep-alive, upgrade', 'keep-alive,upgrade'];

/**
 * The head of a GET for HTTP/1.1 with one Host, `Upgrade: websocket` and `Connection: Upgrade`, without a body, which is
 * there as a whole. Undefined for everything else, good or bad: that is for an ordinary HTTP server to say.
 */
export function readUpgradeHead(octets: Octets, text: AsciiText): UpgradeHead | undefined {
  if (!standsAt(octets, 0, START) || octets[START.length] !== 0x2f) return undefined;
  const limit = Math.min(octets.length, MAX_HEAD_BYTES);
  let at = START.length;
  while (at < limit && TARGET[octets[at]!] === 1) at += 1;
  const target = text(octets, START.length, at);
  if (!standsAt(octets, at, VERSION)) return undefined;
  at += VERSION.length;
  const rawHeaders: string[] = [];
  while (at + 1 < limit && octets[at] !== CR) {
    at = readField(octets, at, limit, rawHeaders, text);
    if (at < 0 || rawHeaders.length > MAX_FIELD_COUNT * 2) return undefined;
  }
  if (at + 1 >= limit || octets[at + 1] !== LF) return undefined;
  return asksForWebSocket(rawHeaders) ? { target, rawHeaders, end: at + 2 } : undefined;
}

/** Reads one field and answers the offset behind it, -1 for what is not plain. */
function readField(
  octets: Octets,
  start: number,
  limit: number,
  rawHeaders: string[],
  text: AsciiText,
): number {
  let at = start;
  while (at < limit && TOKEN[octets[at]!] === 1) at += 1;
  // RFC 7230 §3.2.4: no whitespace before the colon, and no line that goes on with the one before.
  if (at === start || at >= limit || octets[at] !== COLON) return -1;
  const nameEnd = at;
  at += 1;
  while (at < limit && octets[at] === SPACE) at += 1;
  const valueStart = at;
  while (at < limit && isVisible(octets[at]!)) at += 1;
  if (at + 1 >= limit || octets[at] !== CR || octets[at + 1] !== LF) return -1;
  // Behind a value whitespace means nothing, but not to every version of every parser.
  if (octets[at - 1] === SPACE && at > valueStart) return -1;
  rawHeaders.push(text(octets, start, nameEnd), text(octets, valueStart, at));
  return at + 2;
}

function asksForWebSocket(rawHeaders: readonly string[]): boolean {
  const once = new Map<string, string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (WITH_BODY.includes(name) || once.has(name)) return false;
    if (ONCE.includes(name)) once.set(name, rawHeaders[index + 1]!.toLowerCase());
  }
  return (
    (once.get('host') ?? '') !== '' &&
    once.get('upgrade') === 'websocket' &&
    CONNECTIONS.includes(once.get('connection') ?? '')
  );
}

function standsAt(octets: Octets, at: number, expected: readonly number[]): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (octets[at + index] !== expected[index]) return false;
  }
  return true;
}

/** Visible ASCII and spaces; tabs and what lies beyond ASCII are left to others. */
function isVisible(octet: number): boolean {
  return octet >= SPACE && octet < 0x7f;
}

function asciiCodes(text: string): readonly number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

/** 1 at the codes of letters, digits and the marks. */
function asciiTable(marks: string): Readonly<Uint8Array> {
  const table = new Uint8Array(256);
  const digits = '0123456789';
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  for (const code of asciiCodes(marks + digits + letters + letters.toUpperCase())) table[code] = 1;
  return table;
}
