/** Owns the client's opening handshake: a request through node:http or node:https, and the judgement of its answer. */
import type { EventEmitter } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { Duplex } from 'node:stream';
import type { URL } from 'node:url';
import { Deadline } from '../../../foundation/index.js';
import {
  PERMESSAGE_DEFLATE,
  acceptKey,
  checkUpgradeResponse,
} from '../../../protocol/websocket/index.js';
import { sha1Base64 } from '../handshakes/accept-key.js';
import { checkedSubprotocols, parseAddress, type ClientAddress } from './client-address.js';
import type { ClientOptions } from './client-options.js';
import { DEFAULT_MAX_REDIRECT_COUNT, RedirectLuggage } from './client-redirects.js';
import {
  DEFAULT_PROTOCOL_VERSION,
  checkedVersion,
  credentialsOf,
  requestOptions,
} from './client-request.js';
import {
  resolveCompression,
  type CompressionSettings,
} from '../compression/compression-options.js';
import { checkedDeflateAnswer, deflateOfferHeader } from '../compression/deflate-upgrade.js';
import { EndpointTerms } from '../socket/endpoint-terms.js';
import { EngineLoop, masksFrom } from '../socket/engine-loop.js';
import {
  checkedNumber,
  resolveHandshakeTimeoutMs,
  resolveLimits,
  type ConnectionLimits,
} from '../limits/limits.js';
import { visibleHeaders } from '../handshakes/visible-headers.js';
import type { AcceptedSocket } from './web-socket-types.js';
import type { WebSocket } from './web-socket.js';

/** Who is told how it went; exactly one of `agreed` and `failed` is called, later. */
export interface ClientHandshakeEvents {
  /** The URL in its normal form; called at once, and again for each redirect. */
  opened(url: string): void;
  /** The answer was no good; `failed` follows when its socket is gone. */
  failing(): void;
  agreed(accepted: AcceptedSocket): void;
  failed(error: Error): void;
}

/** A handshake that is under way. */
export interface ClientHandshake {
  /** The request that waits for its answer; after a redirect the latest. */
  readonly request: http.ClientRequest | undefined;
  /** Sends the request. */
  start(): void;
  /** Gives it up; `failed` is called with the error. */
  abort(error: Error): void;
}

/** Prepares a handshake. Throws a SyntaxError for a URL or subprotocols that cannot be used, a RangeError for a version. */
export function openClient(
  address: string | URL,
  protocols: string | readonly string[] | ClientOptions | undefined,
  options: ClientOptions | undefined,
  emitter: WebSocket,
  events: ClientHandshakeEvents,
): ClientHandshake {
  const given = (isOptions(protocols) ? protocols : options) ?? {};
  const version = checkedVersion(given);
  const parsed = parseAddress(address);
  const asked = isOptions(protocols) ? undefined : protocols;
  const subprotocols = checkedSubprotocols(asked === undefined ? given.protocols : asked);
  const limits = resolveLimits(given);
  events.opened(parsed.url.href);
  return new HttpHandshake(parsed, { subprotocols, version, limits }, given, emitter, events);
}

function isOptions(value: unknown): value is ClientOptions {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const KEY_BYTES = 16;

/** What does not change when a redirect is followed. */
interface Terms {
  readonly subprotocols: readonly string[];
  readonly version: number;
  readonly limits: ConnectionLimits;
}

class HttpHandshake implements ClientHandshake {
  readonly #loop: EngineLoop;
  readonly #terms: Terms;
  readonly #options: ClientOptions;
  readonly #emitter: WebSocket;
  readonly #events: ClientHandshakeEvents;
  readonly #deadline: Deadline;
  readonly #handshakeTimeoutMs: number;
  readonly #maxRedirectCount: number;
  readonly #luggage: RedirectLuggage;
  #address: ClientAddress;
  #key = '';
  #request: http.ClientRequest | undefined = undefined;
  #redirectCount = 0;
  readonly #compression: CompressionSettings | undefined;
  #isOver = false;

  constructor(
    address: ClientAddress,
    terms: Terms,
    options: ClientOptions,
    emitter: WebSocket,
    events: ClientHandshakeEvents,
  ) {
    this.#loop = options.loop ?? new EngineLoop();
    this.#address = address;
    this.#terms = terms;
    this.#options = options;
    this.#emitter = emitter;
    this.#events = events;
    this.#compression = resolveCompression(
      options.perMessageDeflate ?? true,
      'client',
      this.#loop.zlibJobs,
    );
    this.#deadline = new Deadline(() => this.abort(new Error('Opening handshake has timed out')));
    this.#handshakeTimeoutMs = resolveHandshakeTimeoutMs(options);
    const { maxRedirectCount, maxRedirects = DEFAULT_MAX_REDIRECT_COUNT } = options;
    this.#maxRedirectCount = checkedNumber('maxRedirectCount', maxRedirectCount ?? maxRedirects);
    this.#luggage = new RedirectLuggage(
      address,
      options.headers as http.OutgoingHttpHeaders | undefined,
    );
  }

  start(): void {
    this.#open();
  }

  /** Sends the request to the present address. */
  #open(): void {
    const { deadlines } = this.#loop;
    if (this.#handshakeTimeoutMs > 0) deadlines.set(this.#deadline, this.#handshakeTimeoutMs);
    const emitter: EventEmitter = this.#emitter;
    const isRedirect = this.#redirectCount > 0;
    const luggage = this.#luggage.packFor(
      this.#address,
      credentialsOf(this.#address.url, this.#options),
      isRedirect && emitter.listenerCount('redirect') > 0,
    );
    const headers = this.#handshakeHeaders();
    const options = requestOptions(this.#address, this.#options, luggage, headers);
    const request = this.#address.isSecure ? https.request(options) : http.request(options);
    this.#request = request;
    request.on('error', (error) => {
      if (request === this.#request) this.#fail(error);
    });
    if (isRedirect) emitter.emit('redirect', this.#address.url.href, request);
    request.on('response', (response) => this.#refused(request, response));
    request.on('upgrade', (response, socket, head) => this.#answered(response, socket, head));
    if (this.#options.finishRequest !== undefined) {
      this.#options.finishRequest(request, this.#emitter);
    } else request.end();
  }

  /** RFC 6455 §4.1, request items 5 to 10. */
  #handshakeHeaders(): http.OutgoingHttpHeaders {
    const { subprotocols, version } = this.#terms;
    // RFC 6455 §4.1, request item 7: a nonce of 16 random octets, new for each connection.
    const nonce = Buffer.alloc(KEY_BYTES);
    this.#loop.fillRandom(nonce);
    this.#key = nonce.toString('base64');
    const headers: http.OutgoingHttpHeaders = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': this.#key,
      'Sec-WebSocket-Version': String(version),
    };
    if (subprotocols.length > 0) headers['Sec-WebSocket-Protocol'] = subprotocols.join(',');
    if (this.#compression !== undefined) {
      headers['Sec-WebSocket-Extensions'] = deflateOfferHeader(this.#compression);
    }
    const { origin = '' } = this.#options;
    if (origin !== '') {
      headers[version < DEFAULT_PROTOCOL_VERSION ? 'Sec-WebSocket-Origin' : 'Origin'] = origin;
    }
    return headers;
  }

  get request(): http.ClientRequest | undefined {
    return this.#request;
  }

  abort(error: Error): void {
    if (!this.#finish()) return;
    this.#dropRequest();
    // Later, so that whoever closes is not called back before the call returns.
    process.nextTick(() => this.#events.failed(error));
  }

  /** RFC 6455 §4.1, items 1, 4 and 5, and §7.2.1: what goes wrong before the agreement fails the connection. */
  #fail(error: Error): void {
    if (!this.#finish()) return;
    this.#dropRequest();
    this.#events.failed(error);
  }

  /** True for the first who ends the handshake. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#loop.deadlines.clear(this.#deadline);
    return true;
  }

  #dropRequest(): void {
    const socket = this.#request?.socket;
    this.#request?.destroy();
    // A request that has its answer leaves its socket open.
    socket?.destroy();
  }

  /** RFC 6455 §4.1: any status but 101 is HTTP's to handle; unless the application does, it is an error. */
  #refused(request: http.ClientRequest, response: http.IncomingMessage): void {
    if (this.#isOver || request !== this.#request) return;
    const { location } = response.headers;
    const status = response.statusCode ?? 0;
    if (
      this.#options.followRedirects === true &&
      location !== undefined &&
      location !== '' &&
      status >= 300 &&
      status < 400
    ) {
      this.#redirect(location);
      return;
    }
    const emitter: EventEmitter = this.#emitter;
    if (emitter.listenerCount('unexpected-response') > 0) {
      // The answer is in time, and what becomes of it is for the application to say.
      this.#loop.deadlines.clear(this.#deadline);
      emitter.emit('unexpected-response', request, response);
      return;
    }
    this.abort(new Error(`Unexpected server response: ${status}`));
  }

  #redirect(location: string): void {
    if (this.#redirectCount >= this.#maxRedirectCount) {
      this.abort(new Error('Maximum redirects exceeded'));
      return;
    }
    this.#redirectCount += 1;
    this.#dropRequest();
    try {
      this.#address = parseAddress(location, this.#address.url);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#events.opened(this.#address.url.href);
    this.#open();
  }

  #answered(response: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!this.#isOver) this.#emitter.emit('upgrade', response);
    // A listener of 'upgrade' may have closed the connection.
    if (this.#isOver) {
      socket.destroy();
      return;
    }
    // RFC 6455 §4.1: the client MUST validate the answer before it sends anything further.
    const outcome = checkUpgradeResponse(visibleHeaders(response), {
      accept: acceptKey(this.#key, sha1Base64),
      subprotocols: this.#terms.subprotocols,
      extensionNames: this.#compression === undefined ? [] : [PERMESSAGE_DEFLATE],
    });
    this.#finish();
    if (!outcome.isAgreed) {
      this.#refuse(outcome.message, socket);
      return;
    }
    const compression = checkedDeflateAnswer(outcome.extensions, this.#compression);
    if (typeof compression === 'string') {
      this.#refuse(compression, socket);
      return;
    }
    this.#events.agreed({
      socket,
      head,
      terms: new EndpointTerms('client', this.#loop, this.#terms.limits, {
        checksUtf8: this.#options.skipUTF8Validation !== true,
        masks: masksFrom(this.#options.generateMask),
      }),
      subprotocol: outcome.subprotocol,
      options: this.#options,
      compression,
    });
  }

  #refuse(message: string, socket: Duplex): void {
    this.#events.failing();
    socket.once('close', () => this.#events.failed(new Error(message)));
    socket.destroy();
  }
}
