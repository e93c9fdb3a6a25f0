/** Owns the options of WebSocketServer. */
import type * as http from 'node:http';
import type * as https from 'node:https';
import type { PerMessageDeflateOptions } from '../compression/compression-options.js';
import type { EngineLoop } from '../socket/engine-loop.js';
import type { LimitOptions } from '../limits/limits.js';
import type { WebSocket } from './web-socket.js';

export type UpgradeCallback<T extends WebSocket> = (
  client: T,
  request: http.IncomingMessage,
) => void;

/** What a `verifyClient` hook is told. */
export interface ClientInfo {
  readonly origin: string | undefined;
  /** Whether the connection is TLS. */
  readonly secure: boolean;
  readonly req: http.IncomingMessage;
}

/** Answers `verifyClient`: whether to accept, and if not the HTTP status (default 401), text and headers. */
export type VerifyCallback = (
  isVerified: boolean,
  status?: number,
  message?: string,
  headers?: http.OutgoingHttpHeaders,
) => void;

/** With one parameter its answer decides at once; with two, the callback does, once. */
export type VerifyClient = (info: ClientInfo, callback: VerifyCallback) => boolean | void;

/** WebSocket, or a class that extends it and passes on what its constructor is given. */
export type WebSocketClass<T extends WebSocket> = new (
  address: null,
  protocols?: undefined,
  options?: never,
) => T;

/** Exactly one of `port`, `server` and `noServer` is to be given. */
export interface ServerOptions<T extends WebSocket = WebSocket> extends LimitOptions {
  /** Port of an HTTP server of its own; 0 lets the system choose. */
  readonly port?: number | null | undefined;
  readonly host?: string | null | undefined;
  /** Length of the queue of connections that wait to be accepted. Default that of Node, 511. */
  readonly backlog?: number | null | undefined;
  /** An HTTP or HTTPS server whose upgrade requests are answered. */
  readonly server?: http.Server | https.Server | null | undefined;
  /** No server: `handleUpgrade` is called by hand. */
  readonly noServer?: boolean | undefined;
  /** Accept only this path; another is answered with 400. */
  readonly path?: string | null | undefined;
  /** Whether `clients` is kept. Default true. */
  readonly clientTracking?: boolean | undefined;
  /** Chooses a subprotocol of those offered, or false for none. By default the first offered. */
  readonly handleProtocols?:
    | ((protocols: Set<string>, request: http.IncomingMessage) => string | false | undefined)
    | null
    | undefined;
  /** Accepts or refuses a client, at once or by its callback. */
  readonly verifyClient?: VerifyClient | null | undefined;
  /** Compression of messages (RFC 7692). Default false; `true` agrees without context takeover, an object as `ws` does. */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** Whether a Ping is answered by itself. Default true. */
  readonly autoPong?: boolean | undefined;
  /** Whether several of 'message', 'ping' and 'pong' may be emitted in one turn of the event loop. Default true. */
  readonly allowSynchronousEvents?: boolean | undefined;
  /** Whether text and close reasons are taken without a test of their UTF-8. Default false. */
  readonly skipUTF8Validation?: boolean | undefined;
  /** Accepted and without effect: octets of one message stand in one buffer, never in a list of chunks. */
  readonly maxBufferedChunks?: number | undefined;
  /** Accepted and without effect: of several unanswered Pings the newest is answered, so at most one Pong is pending. */
  readonly maxPendingAutoPongs?: number | undefined;
  /** How long the opening handshake may take. Default 10,000 ms; 0 means no limit. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Another name of `handshakeTimeoutMs`. */
  readonly handshakeTimeout?: number | undefined;
  /** The class of the connections, WebSocket or one that extends it. It is given null, undefined and these options. */
  readonly WebSocket?: WebSocketClass<T> | undefined;
  /**
   * Whether plain TCP connections read into one shared buffer, which costs less CPU. Default true. It uses private API of
   * node:net, so it is tried out first, on a connection of the server to itself; where that fails, and with false,
   * reading is as Node has it.
   */
  readonly staticReadBuffer?: boolean | undefined;
  /**
   * Whether a server with `port` takes plain upgrade requests off the socket itself, which saves the memory that node:http
   * leaves behind; every other request goes to node:http as ever. Default true.
   */
  readonly ownUpgradePath?: boolean | undefined;
  /** What connections share; each server has its own by default. */
  readonly loop?: EngineLoop | undefined;
}
