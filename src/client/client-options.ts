/** Owns the client's options and their defaults. */
import { randomFraction, type Random } from '../foundation/index.js';
import type { BackoffOptions } from './backoff.js';
import { ClientError } from './client-error.js';
import { SYSTEM_TIME, type ClientTime } from './system-time.js';
import type { ReceivedPublication } from './subscription.js';
import type { ClientSocketConstructor } from './web-socket.js';

/** A token, or a function that is asked for one before every connection. */
export type Token = string | (() => string | undefined | Promise<string | undefined>);

export interface ClientOptions {
  /** `ws:`, `wss:`, `http:` or `https:`; in a page also relative to it, such as `/ws`. */
  readonly url: string;
  /** Sent in the first message, never in the URL. None: the session is anonymous or has what the handshake said. */
  readonly token?: Token | undefined;
  /** The WebSocket class. Default: the global one. */
  readonly WebSocket?: ClientSocketConstructor | undefined;
  /**
   * Asks the server to break its silence this often; after three of them without a word the connection
   * counts as dead. Default 10,000; 0: never.
   */
  readonly heartbeatIntervalMs?: number;
  /** From the start of an attempt to the server's `connected`, the token included. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** How long an operation may go without an answer, waiting for a connection included. Default 30,000; 0: for ever. */
  readonly requestTimeoutMs?: number;
  /** Operations that may wait for a connection; one more is refused with `client/queue-full`. Default 256. */
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

/** Throws a ClientError `client/no-websocket` or `client/invalid-url`. */
export function settingsOf(options: ClientOptions): ClientSettings {
  const { random } = options;
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
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 10_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    maxQueuedCount: options.maxQueuedCount ?? 256,
    backoff: { minMs: 500, maxMs: 30_000, stableAfterMs: 5000, ...options.backoff },
    time: options.time ?? SYSTEM_TIME,
    onServerPublication: options.onServerPublication,
    fraction: random === undefined ? Math.random : () => randomFraction(random),
  };
}

function absoluteUrl(url: string): string {
  try {
    return new URL(url, globalThis.location?.href).href.replace(/^http/, 'ws');
  } catch (cause) {
    throw new ClientError('client/invalid-url', `"${url}" is not a URL of a WebSocket server`, {
      cause,
    });
  }
}
