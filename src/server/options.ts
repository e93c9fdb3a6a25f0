/** Owns the options of a server: meaning, unit, default, consequence. */
import type { Server as HttpServer } from 'node:http';
import { DEFAULT_MAX_RETAINED_BYTES } from '../foundation/index.js';
import type { Log, Metrics, Random, Time } from '../foundation/index.js';
import type { MappingPrefixes } from '../mounts/app/index.js';
import type { ForwardOptions } from '../http/index.js';
import type { TopicRule } from '../mounts/topics/index.js';
import type { WorkRule } from '../mounts/work/index.js';
import type { Interceptor } from '../routing/index.js';
import {
  DEFAULT_ADMISSION_LIMITS,
  DEFAULT_SESSION_LIMITS,
  type AdmissionLimits,
  type Authenticate,
  type SessionLimits,
} from '../session/index.js';
import type { MemoryStreamStoreOptions, StreamStore } from '../streams/index.js';
import type { DoorDeflateOptions } from '../transport/index.js';
import type { EndpointOptions } from './endpoints.js';
import type { PrefixOptions } from './prefixes.js';
import type { TokenOptions } from './tokens.js';

/** Limits of a server, each with its default; see also the limits of sessions and of admission. */
export interface ServerLimits extends SessionLimits, AdmissionLimits {
  /**
   * Octets of one message of a client or of the HTTP API. Beyond it the connection closes with 1009,
   * the API answers 413. Default 1,114,112: 1 MiB of body, and 64 KiB for the headers that a dialect says around it.
   */
  readonly maxMessageBytes: number;
  /** Frames of one WebSocket message, empty ones too. Beyond it the connection closes with 1008. Default 131,072. */
  readonly maxFragmentCount: number;
  /** Time for the HTTP upgrade; then the socket is dropped. Default 10,000. */
  readonly handshakeTimeoutMs: number;
  /** HTTP requests of one connection that wait for their answers; one more ends it. Default 10. */
  readonly maxPipelinedRequestCount: number;
  /** Header fields of an upgrade request; one more is refused with 431. Default 500. */
  readonly maxHandshakeHeaderCount: number;
  /** Octets of those fields, names and values; more are refused with 431. Default 16,384. */
  readonly maxHandshakeHeadersBytes: number;
  /** Time for a client's first message; then it ends with `session/connect-timeout`. Default 60,000. */
  readonly connectTimeoutMs: number;
  /** Time for the closing handshake; then the socket is dropped. Default 10,000. */
  readonly closeTimeoutMs: number;
  /** Time for operations that are under way when the server begins to close, such as handlers at work. Default 5,000. */
  readonly drainTimeoutMs: number;
  /** Silence after which a client is asked with a WebSocket Ping. 0 turns it off. Default 25,000. */
  readonly heartbeatIntervalMs: number;
  /** Time for an answer to that Ping; then the connection is dropped. Default 10,000. */
  readonly heartbeatTimeoutMs: number;
  /** Time without a message in either direction; then the connection is closed with 1001. 0 turns it off. Default 0. */
  readonly idleTimeoutMs: number;
  /**
   * Time for a message, from its first octet; then the connection is closed with 1008. A STOMP frame that is spread over
   * many messages has as long; then the connection ends with `session/protocol-error`. 0 turns it off. Default 60,000.
   */
  readonly messageTimeoutMs: number;
  /** Pings and Pongs of a client, with twice that at once; beyond it the connection is closed with 1008. 0 turns it off. Default 100. */
  readonly maxControlFramesPerSecond: number;
  /** The shortest interval of heartbeats that a client may ask for. Default 1,000. */
  readonly minHeartbeatIntervalMs: number;
  /**
   * Octets of operations that are under way, of all sessions; beyond it only those clients are read that have next to nothing
   * under way. Default 128 MiB.
   */
  readonly maxTotalWaitingBytes: number;
  /**
   * Octets of messages that have begun to come and are no operations yet, of all connections: unfinished ones, and those that wait for a
   * token or for their turn. Beyond it the address that has most there loses the connection that began first, with 1013 or
   * `server/overloaded`. Default 128 MiB.
   */
  readonly maxTotalUnfinishedBytes: number;
  /**
   * Octets that wait for slow readers, of all sessions with `maxBufferedBytes` or more. Beyond it the name or address for which most
   * waits loses the session that has been slow for the longest, with `session/slow-consumer`. Default 256 MiB.
   */
  readonly maxTotalOutboundBytes: number;
  /**
   * Octets of all that is kept beyond a turn: histories, live rings, message ids, work queues. Beyond it what stands first goes: rings
   * that nobody reads, then histories that nobody follows. A client may hold as much as is left free, and always an equal part; who
   * would hold more is refused with `stream/unavailable`. Default 512 MiB.
   */
  readonly maxRetainedBytes: number;
  /**
   * Octets that all work queues keep together, with the message ids; a send beyond is refused with `work/full`. A client may hold as
   * much as is left free. Default 256 MiB.
   */
  readonly maxWorkBytes: number;
  /**
   * Work queues at the same time; a send or subscribe that needs one more is refused with `work/full`. A client may have as many as are
   * left free. Default 10,000.
   */
  readonly maxWorkQueueCount: number;
}

/** All of it is optional: `createServer()` is an embedded server without identity, on its own HTTP server. */
export interface ServerOptions {
  /** Paths that take every dialect and transport: the short form of `endpoints`. Default `/ws`, none where `endpoints` are given. */
  readonly path?: string | readonly string[];
  /** Where clients connect, and what each path takes. Throws a RangeError for a path that stands there twice. */
  readonly endpoints?: readonly EndpointOptions[];
  /** Where the built-in mounts stand. Default `/app`, `/topic` and `/queue`, `/user`, `/work`. Throws a RangeError where two are equal. */
  readonly prefixes?: PrefixOptions;
  /**
   * An HTTP server of yours to listen on: it keeps its requests, Tideway takes upgrades of its paths. Default: one of its own.
   * Upgrades of other paths are left to whoever else listens for them; where nobody does, they get 404.
   */
  readonly server?: HttpServer;
  /** Finds out who a client is. Default: by `tokens` when given, else everybody is anonymous. */
  readonly authenticate?: Authenticate;
  /** Signed tokens (JWT, HMAC). Not together with `authenticate`. */
  readonly tokens?: TokenOptions;
  /** Origins of pages that may connect, beside the server's own: `https://example.com`. Default none. */
  readonly allowedOrigins?: readonly string[];
  /**
   * Proxies whose word about their clients' addresses is taken: IP addresses, CIDRs such as `10.0.0.0/8`, and `unix` for whoever comes
   * through a socket file. Behind one, `handshake.peer` and limits of addresses go by `X-Forwarded-For` or `Forwarded`, read from the right
   * to the first that is none of these. Default none: no such field is read. Throws a RangeError for what is none.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * Keys with which back ends publish over HTTP. Default none: `POST /api/publish` is refused. Throws a TypeError for one that is
   * undefined or empty, as of an environment variable that is not set, a RangeError for one of fewer than 16 characters.
   */
  readonly apiKeys?: readonly string[];
  /**
   * What holds where no access rule says anything. `open-on-loopback`, the default: open while the server listens on loopback
   * alone, else closed. `closed`: only what a rule allows, wherever it listens; say so behind a reverse proxy on the same
   * machine, for which the server listens on loopback and yet everybody can connect.
   */
  readonly defaultAccess?: 'open-on-loopback' | 'closed';
  /** A directory of files to serve over HTTP. Default none. */
  readonly staticDirectory?: string;
  /**
   * The header `Content-Security-Policy` of those files: what their pages may load; `false` sends none. Default: from this
   * server alone, styles inline too. Throws a TypeError for what no header can carry.
   */
  readonly contentSecurityPolicy?: string | false;
  /** Settings of topics by pattern; the first that matches holds. More by `server.topics.rule`. */
  readonly topics?: Readonly<Record<string, TopicRule>>;
  /** Settings of work queues by pattern; the first that matches holds. More by `server.work.rule`. */
  readonly work?: Readonly<Record<string, WorkRule>>;
  /** Where the values of message mappings go that say nothing else. */
  readonly mappings?: MappingPrefixes;
  /** Around what comes in, is kept and goes out, in this order; more by `server.intercept`. Default none. */
  readonly interceptors?: readonly Interceptor[];
  /**
   * Mappings below `/app` whose handlers are elsewhere, by pattern (`/orders/**`): each message becomes one POST to a back end.
   * They are tried before those of `server.app.map`, in this order.
   */
  readonly app?: Readonly<Record<string, ForwardOptions>>;
  readonly limits?: Partial<ServerLimits>;
  /**
   * Compression of WebSocket messages (RFC 7692), for clients that offer it. Default false: it costs CPU, and where a
   * secret and an attacker's words share a message, its length tells of the secret. `true` or options turn it on:
   * messages of 1,024 octets and more are compressed, once for all receivers, and no window is kept between messages.
   */
  readonly perMessageDeflate?: boolean | DoorDeflateOptions;
  /** Where streams are kept. Default: in memory. */
  readonly store?: StreamStore;
  /** Options of the default store. */
  readonly memory?: MemoryStreamStoreOptions;
  /** What went wrong, such as an exception of a handler. Default: warnings and errors as lines on stderr. `false`: silent. */
  readonly log?: Log | false;
  /** Where everything is counted. Default: a `MemoryMetrics`; give one of your own to read its `snapshot()`. */
  readonly metrics?: Metrics;
  /** Default: the process's clock and timers. */
  readonly time?: Time;
  /** Default: the operating system's. */
  readonly random?: Random;
}

export const DEFAULT_PORT = 8080;
export const DEFAULT_HOST = '127.0.0.1';

/** What differs from the engine's own defaults differs because a broker's messages are small. */
export const DEFAULT_LIMITS: ServerLimits = {
  ...DEFAULT_SESSION_LIMITS,
  ...DEFAULT_ADMISSION_LIMITS,
  maxMessageBytes: 1_114_112,
  maxFragmentCount: 131_072,
  handshakeTimeoutMs: 10_000,
  maxPipelinedRequestCount: 10,
  maxHandshakeHeaderCount: 500,
  maxHandshakeHeadersBytes: 16_384,
  connectTimeoutMs: 60_000,
  closeTimeoutMs: 10_000,
  drainTimeoutMs: 5_000,
  heartbeatIntervalMs: 25_000,
  heartbeatTimeoutMs: 10_000,
  idleTimeoutMs: 0,
  messageTimeoutMs: 60_000,
  maxControlFramesPerSecond: 100,
  minHeartbeatIntervalMs: 1_000,
  maxTotalWaitingBytes: 134_217_728,
  maxTotalUnfinishedBytes: 134_217_728,
  maxTotalOutboundBytes: 268_435_456,
  maxRetainedBytes: DEFAULT_MAX_RETAINED_BYTES,
  maxWorkBytes: 268_435_456,
  maxWorkQueueCount: 10_000,
};

/** The limits with their defaults. Throws a RangeError for one that is not known or no number from 0 up. */
export function limitsOf(given: Partial<ServerLimits> = {}): ServerLimits {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) {
      throw new RangeError(`limits.${name} is no limit; known: ${Object.keys(limits).join(', ')}`);
    }
    // Compared with NaN or a text, a limit would be none.
    if (typeof value !== 'number' || !(value >= 0)) {
      const shown = typeof value === 'string' ? `"${value as string}"` : String(value);
      throw new RangeError(`limits.${name} must be a number from 0 up; it is ${shown}`);
    }
    limits[name] = value;
  }
  return limits as unknown as ServerLimits;
}
