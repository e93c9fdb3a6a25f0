/** Owns the options of one forward: meaning, unit, default, and what is wrong with them. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { MAX_TIMER_MS } from '../foundation/index.js';
import type { MappingOptions } from '../mounts/app/index.js';

/** Where a mapping's messages and answers go, and what that may cost: `sendTo`, `sendToUser`, `concurrency` as of any mapping. */
export interface ForwardOptions extends Pick<
  MappingOptions,
  'sendTo' | 'sendToUser' | 'concurrency'
> {
  /** `https:` or `http:`, without user and password. Every message is a POST to it. */
  readonly url: string;
  /** Time from the message's turn to the last octet of the answer, waiting included; then `forward/timeout`. Default 10,000. */
  readonly timeoutMs?: number;
  /** Exchanges at a time; further messages wait. Default 64. */
  readonly maxConcurrency?: number;
  /** Messages that wait for an exchange; one more is refused with `app/busy`. Default 256. */
  readonly maxWaitingCount?: number;
  /**
   * Whether loopback and private addresses may be connected to. Default false. Link-local, metadata, multicast and
   * reserved ones never are.
   */
  readonly allowPrivate?: boolean;
  /** Sent along each time, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** At least 32 octets, for the header `tideway-signature`. Left out: nothing is signed; `undefined` is refused. */
  readonly secret?: string | undefined;
}

export const DEFAULT_FORWARD_OPTIONS = {
  timeoutMs: 10_000,
  maxConcurrency: 64,
  maxWaitingCount: 256,
  allowPrivate: false,
} as const;

/** As long as what HMAC-SHA-256 makes of it (RFC 2104 §3). */
export const MIN_FORWARD_SECRET_BYTES = 32;

const OPTION_NAMES: Readonly<Record<keyof ForwardOptions, true>> = {
  url: true,
  timeoutMs: true,
  maxConcurrency: true,
  maxWaitingCount: true,
  allowPrivate: true,
  headers: true,
  secret: true,
  sendTo: true,
  sendToUser: true,
  concurrency: true,
};

/** Options that have been looked at. */
export interface ForwardTarget {
  readonly url: URL;
  readonly timeoutMs: number;
  readonly maxConcurrency: number;
  readonly maxWaitingCount: number;
  readonly allowPrivate: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret: string | undefined;
}

/** Headers that the forwarder writes, and those that are about the connection. */
const RESERVED_HEADERS = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The options with their defaults. Throws a RangeError that says what is wrong with them. */
export function forwardTargetOf(options: ForwardOptions): ForwardTarget {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTION_NAMES, name));
  if (unknown !== undefined) {
    const known = Object.keys(OPTION_NAMES).join(', ');
    throw new RangeError(`${unknown} is no option of a forward; known: ${known}`);
  }
  const { url, headers = {}, secret } = options;
  // Left out it is meant; undefined it is a variable that nobody has set, and nothing would be signed.
  if (Object.hasOwn(options, 'secret') && secret === undefined) {
    throw new RangeError(
      'secret is undefined; is the environment variable set that it comes from?',
    );
  }
  const { timeoutMs, maxConcurrency, maxWaitingCount, allowPrivate } = {
    ...DEFAULT_FORWARD_OPTIONS,
    ...withoutUndefined(options),
  };
  requireWhole('timeoutMs', timeoutMs, 1, MAX_TIMER_MS);
  requireWhole('maxConcurrency', maxConcurrency, 1);
  requireWhole('maxWaitingCount', maxWaitingCount, 0);
  // A text would be true, whatever it says.
  if (typeof allowPrivate !== 'boolean') throw new RangeError('allowPrivate is true or false');
  if (secret !== undefined && Buffer.byteLength(secret) < MIN_FORWARD_SECRET_BYTES) {
    throw new RangeError(`secret has fewer than ${MIN_FORWARD_SECRET_BYTES} octets`);
  }
  for (const [name, value] of Object.entries(headers)) requireHeader(name, value);
  const target = { timeoutMs, maxConcurrency, maxWaitingCount, allowPrivate, headers, secret };
  return { ...target, url: urlOf(url) };
}

function withoutUndefined<T extends object>(options: T): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as T;
}

function urlOf(text: string): URL {
  if (!URL.canParse(text)) throw new RangeError('url is none; one looks like https://example.com/');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new RangeError(`url begins with https: or http:, not with ${url.protocol}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new RangeError('url has a user or a password in it; send the header authorization');
  }
  return url;
}

function requireWhole(
  name: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`${name} must be a whole number from ${min} up; it is ${String(value)}`);
}

/** Never with the value: it may be a key. */
function requireHeader(name: string, value: string): void {
  const lowerCase = name.toLowerCase();
  if (RESERVED_HEADERS.has(lowerCase) || lowerCase.startsWith('tideway-')) {
    throw new RangeError(`the header ${name} is the forwarder's own`);
  }
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch (cause) {
    throw new RangeError(`${JSON.stringify(name)} is no header of HTTP, or its value is none`, {
      cause,
    });
  }
}
