/** Owns the client's opening handshake: a request through node:http or node:https, and the judgement of its answer. */
import { createHash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { URL } from 'node:url';
import { Deadline } from '../../foundation/index.js';
import {
  PERMESSAGE_DEFLATE,
  PROTOCOL_VERSION,
  acceptKey,
  checkUpgradeResponse,
  collectHeaders,
  isToken,
} from '../../protocol/websocket/index.js';
import {
  resolveCompression,
  type CompressionSettings,
  type PerMessageDeflateOptions,
} from './compression-options.js';
import { checkedDeflateAnswer, deflateOfferHeader } from './deflate-upgrade.js';
import { EngineLoop } from './engine-loop.js';
import { DEFAULT_HANDSHAKE_TIMEOUT_MS, resolveLimits, type LimitOptions } from './limits.js';
import type { AcceptedSocket, WebSocket } from './web-socket.js';

/** Options of a client; what is not named here goes to node:http or node:https, TLS options among them. */
export interface ClientOptions extends Omit<https.RequestOptions, 'timeout'>, LimitOptions {
  readonly protocols?: string | readonly string[] | undefined;
  /** Value of the Origin header. None by default. */
  readonly origin?: string | undefined;
  /** How long the opening handshake may take, DNS and TLS included. Default 10,000 ms; 0 means no limit. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** The name of `handshakeTimeoutMs` in `ws`. */
  readonly handshakeTimeout?: number | undefined;
  /** Compression of messages (RFC 7692). Default true: it is offered, the server decides. */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** Whether a Ping is answered by itself. Default true. */
  readonly autoPong?: boolean | undefined;
  /** May change the request before it is sent; it must end it. */
  readonly finishRequest?: ((request: http.ClientRequest, socket: WebSocket) => void) | undefined;
  /** What connections share; each client has its own by default. */
  readonly loop?: EngineLoop | undefined;
}

/** Who is told how it went; exactly one of `agreed` and `failed` is called, later. */
export interface ClientHandshakeEvents {
  /** The URL in its normal form; called at once. */
  opened(url: string): void;
  agreed(accepted: AcceptedSocket): void;
  failed(error: Error): void;
}

/** A handshake that is under way. */
export interface ClientHandshake {
  /** Gives it up; `failed` is called with the error. */
  abort(error: Error): void;
}

/** Starts a handshake. Throws a SyntaxError for a URL or subprotocols that cannot be used. */
export function openClient(
  address: string | URL,
  protocols: string | readonly string[] | ClientOptions | undefined,
  options: ClientOptions | undefined,
  emitter: WebSocket,
  events: ClientHandshakeEvents,
): ClientHandshake {
  const given = isOptions(protocols) ? protocols : options;
  const asked = isOptions(protocols) ? undefined : protocols;
  const url = parseAddress(address);
  events.opened(url.href);
  const subprotocols = checkedSubprotocols(asked ?? given?.protocols);
  return new HttpHandshake(url, subprotocols, given ?? {}, emitter, events);
}

function isOptions(
  value: string | readonly string[] | ClientOptions | undefined,
): value is ClientOptions {
  return typeof value === 'object' && !Array.isArray(value);
}

function parseAddress(address: string | URL): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new SyntaxError(`Invalid URL: ${String(address)}`);
  }
  if (url.protocol === 'http:') url.protocol = 'ws:';
  else if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new SyntaxError('The URL\'s protocol must be one of "ws:", "wss:", "http:", or "https:"');
  }
  // RFC 6455 §3: fragment identifiers MUST NOT be used on a WebSocket URI.
  if (url.hash !== '') throw new SyntaxError('The URL contains a fragment identifier');
  return url;
}

function checkedSubprotocols(protocols: string | readonly string[] | undefined): readonly string[] {
  const names =
    protocols === undefined ? [] : typeof protocols === 'string' ? [protocols] : protocols;
  // RFC 6455 §4.1, request item 10: tokens, all of them unique.
  const areTokens = names.every((name) => typeof name === 'string' && isToken(name));
  if (!areTokens || new Set(names).size !== names.length) {
    throw new SyntaxError('An invalid or duplicated subprotocol was specified');
  }
  return names;
}

const KEY_BYTES = 16;

class HttpHandshake implements ClientHandshake {
  readonly #loop: EngineLoop;
  readonly #options: ClientOptions;
  readonly #emitter: WebSocket;
  readonly #events: ClientHandshakeEvents;
  readonly #subprotocols: readonly string[];
  readonly #key: string;
  readonly #request: http.ClientRequest;
  readonly #deadline: Deadline;
  readonly #compression: CompressionSettings | undefined;
  #isOver = false;

  constructor(
    url: URL,
    subprotocols: readonly string[],
    options: ClientOptions,
    emitter: WebSocket,
    events: ClientHandshakeEvents,
  ) {
    this.#loop = options.loop ?? new EngineLoop();
    this.#options = options;
    this.#emitter = emitter;
    this.#events = events;
    this.#subprotocols = subprotocols;
    this.#compression = resolveCompression(
      options.perMessageDeflate ?? true,
      'client',
      this.#loop.zlibJobs,
    );
    // RFC 6455 §4.1, request item 7: a nonce of 16 random octets, new for each connection.
    const nonce = Buffer.alloc(KEY_BYTES);
    this.#loop.fillRandom(nonce);
    this.#key = nonce.toString('base64');
    this.#deadline = new Deadline(() => this.abort(new Error('Opening handshake has timed out')));
    const { handshakeTimeoutMs = options.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT_MS } =
      options;
    if (handshakeTimeoutMs > 0) this.#loop.deadlines.set(this.#deadline, handshakeTimeoutMs);
    this.#request = this.#open(url);
  }

  #open(url: URL): http.ClientRequest {
    const options = requestOptions(url, this.#options, this.#subprotocols, this.#key);
    if (this.#compression !== undefined) {
      const headers = options.headers as http.OutgoingHttpHeaders;
      headers['Sec-WebSocket-Extensions'] = deflateOfferHeader(this.#compression);
    }
    const request = url.protocol === 'wss:' ? https.request(options) : http.request(options);
    request.on('error', (error) => this.#fail(error));
    request.on('response', (response) => this.#refused(response));
    request.on('upgrade', (response, socket, head) => this.#answered(response, socket, head));
    if (this.#options.finishRequest !== undefined) {
      this.#options.finishRequest(request, this.#emitter);
    } else request.end();
    return request;
  }

  abort(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#loop.deadlines.clear(this.#deadline);
    this.#request.destroy();
    // Later, so that whoever closes is not called back before the call returns.
    process.nextTick(() => this.#events.failed(error));
  }

  /** RFC 6455 §4.1, items 1, 4 and 5, and §7.2.1: what goes wrong before the agreement fails the connection. */
  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#loop.deadlines.clear(this.#deadline);
    this.#request.destroy();
    this.#events.failed(error);
  }

  /** RFC 6455 §4.1: any status but 101 is HTTP's to handle; unless the application does, it is an error. */
  #refused(response: http.IncomingMessage): void {
    const emitter: EventEmitter = this.#emitter;
    if (emitter.emit('unexpected-response', this.#request, response)) return;
    this.abort(new Error(`Unexpected server response: ${response.statusCode ?? 0}`));
  }

  #answered(response: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isOver) {
      socket.destroy();
      return;
    }
    this.#emitter.emit('upgrade', response);
    // RFC 6455 §4.1: the client MUST validate the answer before it sends anything further.
    const outcome = checkUpgradeResponse(collectHeaders(response.rawHeaders), {
      accept: acceptKey(this.#key, sha1Base64),
      subprotocols: this.#subprotocols,
      extensionNames: this.#compression === undefined ? [] : [PERMESSAGE_DEFLATE],
    });
    if (!outcome.isAgreed) {
      socket.destroy();
      this.#fail(new Error(outcome.message));
      return;
    }
    const compression = checkedDeflateAnswer(outcome.extensions, this.#compression);
    if (typeof compression === 'string') {
      socket.destroy();
      this.#fail(new Error(compression));
      return;
    }
    // A listener of 'upgrade' may have closed the connection.
    if (this.#isOver) return;
    this.#isOver = true;
    this.#loop.deadlines.clear(this.#deadline);
    this.#events.agreed({
      socket,
      head,
      loop: this.#loop,
      limits: resolveLimits(this.#options),
      subprotocol: outcome.subprotocol,
      autoPong: this.#options.autoPong ?? true,
      compression,
    });
  }
}

/** The base64 of the SHA-1 of a text. */
export function sha1Base64(text: string): string {
  return createHash('sha1').update(text).digest('base64');
}

function requestOptions(
  url: URL,
  options: ClientOptions,
  subprotocols: readonly string[],
  key: string,
): https.RequestOptions {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const isSecure = url.protocol === 'wss:';
  const headers: http.OutgoingHttpHeaders = {
    ...(options.headers as http.OutgoingHttpHeaders | undefined),
    // RFC 6455 §4.1, request items 5, 6, 7 and 9: MUST be there, so they win over the caller's.
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': PROTOCOL_VERSION,
  };
  if (subprotocols.length > 0) headers['Sec-WebSocket-Protocol'] = subprotocols.join(',');
  if (options.origin !== undefined) headers['Origin'] = options.origin;
  const { auth = credentialsOf(url), servername = isIP(host) === 0 ? host : '' } = options;
  return {
    ...options,
    // RFC 6455 §4.1, request items 2 to 4: GET with the resource name; node:http adds HTTP/1.1 and Host.
    method: 'GET',
    host,
    hostname: host,
    protocol: isSecure ? 'https:' : 'http:',
    port: url.port === '' ? (isSecure ? 443 : 80) : url.port,
    path: url.pathname + url.search,
    headers,
    // RFC 6455 §4.1, item 5: Server Name Indication MUST be used; a certificate that does not verify
    // fails the handshake, which is Node's default.
    ...(isSecure ? { servername } : {}),
    ...(auth === undefined ? {} : { auth }),
    // One connection is one socket: an agent that keeps sockets for later has no part in it.
    agent: options.agent ?? false,
  };
}

function credentialsOf(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  return `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
}
