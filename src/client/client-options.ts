/** Owns the client's options and their defaults. */
import { MAX_TIMER_MS, randomFraction, type Random } from '../foundation/index.js';
import type { BackoffOptions } from './backoff.js';
import { ClientError } from './client-error.js';
import { SYSTEM_TIME, type ClientTime } from './system-time.js';
import type { ReceivedPublication } from './subscription.js';
import type { ClientSocketConstructor } from './web-socket.js';

/** A token, or a function that is asked for one before every connection. */
export type Token = string | (() => string | undefined | Promise<string | undefined>);

/**
 * Every number is from 0 to 2,147,483,647 (24 days, what a timer can hold) or Infinity; anything else is a ClientError
 * `client/invalid-option`.
 */
export interface ClientOptions {
  /** `ws:`, `wss:`, `http:` or `https:`; in a page also relative to it, such as `/ws`. */
  readonly url: string;
  /** Sent in the first message, never in the URL. None: the session is anonymous or has what the handshake said. */
  readonly token?: Token | undefined;
  /** The WebSocket class. Default: the global one. */
  readonly WebSocket?: ClientSocketConstructor | undefined;
  /**
   * Asks the server to break its silence this often; after three of them without a word the connection
   * counts as dead. Default 10,000; 0 and Infinity: never.
   */
  readonly heartbeatIntervalMs?: number;
  /** From the start of an attempt to the server's `connected`, the token included. Default 10,000; 0 and Infinity: for ever. */
  readonly connectTimeoutMs?: number;
  /** How long an operation may go without an answer, waiting for a connection included. Default 30,000; 0 and Infinity: for ever. */
  readonly requestTimeoutMs?: number;
  /** Operations that may wait for a connection; one more is refused with `client/queue-full`. Default 256; Infinity: no bound. */
  readonly maxQueuedCount?: number;
  readonly backoff?: BackoffOptions;
  /**
   * Told what has no other place: an exception of one of the application's callbacks, a message of the server that could not be
   * understood, the error of a subscription without `onError`. Without it, the application's exceptions are thrown again
   * asynchronously, and the others are printed with `console.error`.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Takes what comes by subscriptions that the server made for this session. They end with the connection: after a reconnect it
   * is the server's to make them again.
   */
  readonly onServerPublication?: ((publication: ReceivedPublication) => void) | undefined;
  /** For tests. Default: the system's. */
  readonly time?: ClientTime;
  /** For tests. Default: `Math.random`, which is enough for jitter. */
  readonly random?: Random;
}

/** The options with nothing left open. */
export interface ClientSettings {
  readonly url: string;
  readonly WebSocket: ClientSocketConstructor;
  readonly heartbeatIntervalMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxQueuedCount: number;
  readonly backoff: Required<BackoffOptions>;
  readonly time: ClientTime;
  readonly fraction: () => number;
  readonly onServerPublication: ((publication: ReceivedPublication) => void) | undefined;
}

/** Throws a ClientError `client/no-websocket`, `client/invalid-url` or `client/invalid-option`. */
export function settingsOf(options: ClientOptions): ClientSettings {
  const { random, backoff = {} } = options;
  const WebSocketClass = options.WebSocket ?? globalThis.WebSocket;
  if (WebSocketClass === undefined) {
    throw new ClientError(
      'client/no-websocket',
      'there is no global WebSocket here; pass a class as the option "WebSocket"',
    );
  }
  return {
    url: absoluteUrl(options.url),
    WebSocket: WebSocketClass,
    heartbeatIntervalMs: numberOf(options, 'heartbeatIntervalMs', 10_000),
    connectTimeoutMs: numberOf(options, 'connectTimeoutMs', 10_000),
    requestTimeoutMs: numberOf(options, 'requestTimeoutMs', 30_000),
    maxQueuedCount: numberOf(options, 'maxQueuedCount', 256),
    backoff: {
      minMs: numberOf(backoff, 'minMs', 500),
      maxMs: numberOf(backoff, 'maxMs', 30_000),
      stableAfterMs: numberOf(backoff, 'stableAfterMs', 5_000),
    },
    time: options.time ?? SYSTEM_TIME,
    onServerPublication: options.onServerPublication,
    fraction: random === undefined ? Math.random : () => randomFraction(random),
  };
}

/**
 * A time in milliseconds, or a count: what stands in `options`, or the default. Infinity is no limit. Throws a ClientError
 * `client/invalid-option` for anything else: a timer that is set for NaN or for more than it can hold fires at once.
 */
export function numberOf<Name extends string>(
  options: { readonly [name in Name]?: number | undefined },
  name: Name,
  defaultNumber: number,
  min: number = 0,
): number {
  const given: unknown = options[name] ?? defaultNumber;
  const isNumber = typeof given === 'number' && given >= min;
  if (isNumber && (given <= MAX_TIMER_MS || given === Infinity)) return given;
  throw new ClientError(
    'client/invalid-option',
    `${name} is ${String(given)}, not a number from ${min} to ${MAX_TIMER_MS} or Infinity`,
  );
}

function absoluteUrl(url: string): string {
  try {
    const { href } = new URL(url, globalThis.location?.href);
    // An option that is not set would be a path below the page.
    if (url && /^(ws|http)s?:/.test(href)) return href.replace(/^http/, 'ws');
  } catch {
    // As below.
  }
  throw new ClientError(
    'client/invalid-url',
    `url is "${url}", not a URL with ws:, wss:, http: or https:`,
  );
}
