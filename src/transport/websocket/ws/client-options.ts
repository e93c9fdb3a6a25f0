/** Owns the options of a WebSocket client. */
import type { ClientRequest, ClientRequestArgs, RequestOptions as HttpOptions } from 'node:http';
import type { RequestOptions as HttpsOptions } from 'node:https';
import type { PerMessageDeflateOptions } from '../compression/compression-options.js';
import type { EngineLoop } from '../socket/engine-loop.js';
import type { LimitOptions } from '../limits/limits.js';
import type { WebSocket } from './web-socket.js';

/** What the URL says is not said again: these have no effect, as in `ws`. */
type SaidByUrl =
  'host' | 'hostname' | 'path' | 'port' | 'protocol' | 'socketPath' | 'method' | 'timeout';

/**
 * Options of a client. What is not named here goes to node:http or node:https as it is: `agent`, `auth`,
 * `headers`, `family`, `lookup`, `localAddress`, `ca`, `cert`, `key`, `rejectUnauthorized`, `servername` …
 */
export interface ClientOptions extends Omit<HttpsOptions, SaidByUrl>, LimitOptions {
  /** Subprotocols, when the second argument does not say them. */
  readonly protocols?: string | readonly string[] | undefined;
  /** Value of the header Origin; of Sec-WebSocket-Origin with protocol version 8. None by default. */
  readonly origin?: string | undefined;
  /** How long the opening handshake may take, DNS and TLS included, anew after each redirect. Default 10,000 ms; 0 means no limit. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** The name of `handshakeTimeoutMs` in `ws`. */
  readonly handshakeTimeout?: number | undefined;
  /** Whether a redirect is followed. Default false: it is an unexpected response. */
  readonly followRedirects?: boolean | undefined;
  /** How many redirects are followed at most; one more fails the handshake. Default 10. */
  readonly maxRedirects?: number | undefined;
  /** The name of `maxRedirects` with its unit. */
  readonly maxRedirectCount?: number | undefined;
  /** Value of Sec-WebSocket-Version: 13 (default) or 8, which differs in the name of the Origin header only. */
  readonly protocolVersion?: number | undefined;
  /** Fills the masking key of the next frame, 4 octets, synchronously. By default it is random (RFC 6455 §5.3). */
  readonly generateMask?: ((mask: Buffer) => void) | undefined;
  /** May change each request before it is sent; it must end it. */
  readonly finishRequest?: ((request: ClientRequest, socket: WebSocket) => void) | undefined;
  /** Makes the socket, when there is no agent to do so. */
  readonly createConnection?: HttpOptions['createConnection'];
  /** Port of an agent's URLs that name none; `ws` passes it on. */
  readonly defaultPort?: ClientRequestArgs['defaultPort'];
  /** Compression of messages (RFC 7692). Default true: it is offered, the server decides. */
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
  /** What connections share; each client has its own by default. */
  readonly loop?: EngineLoop | undefined;
}
