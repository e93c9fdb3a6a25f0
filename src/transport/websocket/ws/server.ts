/** Owns the class WebSocketServer: connections accepted from an HTTP server of its own, from a given one, or by hand. */
import { EventEmitter } from 'node:events';
import * as http from 'node:http';
import type * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { Deadline } from '../../../foundation/index.js';
import type { AcceptedUpgrade, RefusedUpgrade } from '../../../protocol/websocket/index.js';
import {
  resolveCompression,
  type CompressionSettings,
} from '../compression/compression-options.js';
import {
  UNACCEPTABLE_EXTENSIONS,
  answerDeflateOffer,
  hasMalformedDeflateOffer,
} from '../compression/deflate-upgrade.js';
import { destroyOnError, hasEndpoint } from '../socket/socket-listeners.js';
import { kAccept } from './emitting-handler.js';
import { EndpointTerms } from '../socket/endpoint-terms.js';
import { EngineLoop } from '../socket/engine-loop.js';
import { resolveHandshakeTimeoutMs, resolveLimits } from '../limits/limits.js';
import { OwedAnswers } from '../handshakes/owed-answers.js';
import { takeUpgrades, type UpgradePath } from '../handshakes/own-upgrade-path.js';
import type { ServerOptions, UpgradeCallback, WebSocketClass } from './server-options.js';
import { acceptanceHeaders, judgeUpgrade, pathOf, refuseUpgrade } from '../handshakes/upgrade.js';
import { WebSocket } from './web-socket.js';

export interface WebSocketServerEvents<T extends WebSocket> {
  listening: [];
  connection: [socket: T, request: http.IncomingMessage];
  headers: [headers: string[], request: http.IncomingMessage];
  error: [error: Error];
  close: [];
  wsClientError: [error: Error, socket: Duplex, request: http.IncomingMessage];
}

/** 8 is a late draft of RFC 6455 with the same frames; `ws` speaks it too. */
const SPOKEN_VERSIONS = ['13', '8'];

/** What `options` shows when it is not given. */
const DEFAULTS = {
  allowSynchronousEvents: true,
  autoPong: true,
  clientTracking: true,
  noServer: false,
  perMessageDeflate: false,
  skipUTF8Validation: false,
};

type State = 'running' | 'closing' | 'closed';

export class WebSocketServer<T extends WebSocket = WebSocket> extends EventEmitter<
  WebSocketServerEvents<T>
> {
  readonly options: ServerOptions<T>;
  /** Open connections; undefined when `clientTracking` is false. */
  readonly clients: Set<T>;
  readonly #clients: Set<T> | undefined;
  readonly #terms: EndpointTerms;
  readonly #handshakeTimeoutMs: number;
  readonly #loop: EngineLoop;
  readonly #owedAnswers: OwedAnswers;
  readonly #compression: CompressionSettings | undefined;
  #server: http.Server | https.Server | undefined = undefined;
  #removeListeners: () => void = () => {};
  #upgradePath: UpgradePath | undefined = undefined;
  /** One for all clients. */
  readonly #clientClosed = (client: WebSocket): void => {
    this.#clients?.delete(client as T);
    if (this.#closesWhenEmpty && this.#clients?.size === 0) {
      process.nextTick(() => this.#emitClose());
    }
  };
  #state: State = 'running';
  #closesWhenEmpty = false;

  /** Throws a TypeError unless exactly one of `port`, `server` and `noServer` is given. */
  constructor(options: ServerOptions<T> = {}, listening?: () => void) {
    super();
    const { port, server, noServer = false } = options;
    const places = [
      port !== undefined && port !== null,
      server !== undefined && server !== null,
      noServer,
    ];
    if (places.filter(Boolean).length !== 1) {
      throw new TypeError(
        'One and only one of the "port", "server", or "noServer" options must be specified',
      );
    }
    this.options = { ...DEFAULTS, ...options };
    this.#handshakeTimeoutMs = resolveHandshakeTimeoutMs(options);
    this.#loop = options.loop ?? new EngineLoop();
    this.#owedAnswers = new OwedAnswers(this.#loop.deadlines, this.#handshakeTimeoutMs);
    const checksUtf8 = options.skipUTF8Validation !== true;
    this.#terms = new EndpointTerms('server', this.#loop, resolveLimits(options), { checksUtf8 });
    if (options.staticReadBuffer !== false) void this.#loop.staticRead.prepare();
    this.#compression = resolveCompression(
      options.perMessageDeflate ?? false,
      'server',
      this.#loop.zlibJobs,
    );
    this.#clients = options.clientTracking === false ? undefined : new Set();
    // Typed as by `ws`, whose programs iterate over it without a question.
    this.clients = this.#clients as Set<T>;
    if (server !== undefined && server !== null) this.#listenTo(server);
    else if (!noServer) this.#listenOn(listening);
  }

  #listenOn(listening: (() => void) | undefined): void {
    const server = http.createServer(
      {
        // Node takes whole numbers alone.
        headersTimeout: Math.ceil(this.#handshakeTimeoutMs),
        requestTimeout: Math.ceil(this.#handshakeTimeoutMs),
        connectionsCheckingInterval: checkingIntervalMs(this.#handshakeTimeoutMs),
      },
      answerUpgradeRequired,
    );
    if (this.options.ownUpgradePath !== false) {
      this.#upgradePath = takeUpgrades(server, this.#loop, {
        firstOctetTimeoutMs: this.#handshakeTimeoutMs,
      });
    }
    this.#listenTo(server);
    const { port, host, backlog } = this.options;
    server.listen(
      { port: port ?? 0, host: host ?? undefined, backlog: backlog ?? undefined },
      listening,
    );
  }

  #listenTo(server: http.Server | https.Server): void {
    const onListening = (): void => void this.emit('listening');
    const onError = (error: Error): void => void this.emit('error', error);
    const onUpgrade = (request: http.IncomingMessage, socket: Duplex, head: Buffer): void => {
      this.handleUpgrade(request, socket, head, (client, accepted) => {
        this.emit('connection', client, accepted);
      });
    };
    server.on('listening', onListening).on('error', onError).on('upgrade', onUpgrade);
    this.#server = server;
    this.#removeListeners = () => {
      server.off('listening', onListening).off('error', onError).off('upgrade', onUpgrade);
    };
  }

  /** The HTTP server whose upgrades are answered, null when there is none or it was let go by `close`. */
  get _server(): http.Server | https.Server | null {
    return this.#server ?? null;
  }

  /** Where the server listens; null when it does not. Throws with `noServer`. */
  address(): AddressInfo | string | null {
    if (this.options.noServer === true) {
      throw new Error('The server is operating in "noServer" mode');
    }
    return this.#server?.address() ?? null;
  }

  /** Stops accepting. Open connections stay; 'close' and the callback come when the last has ended. */
  close(callback?: (error?: Error) => void): void {
    if (this.#state === 'closed') {
      if (callback !== undefined) {
        this.once('close', () => callback(new Error('The server is not running')));
      }
      process.nextTick(() => this.#emitClose());
      return;
    }
    if (callback !== undefined) this.once('close', () => callback());
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#owedAnswers.close();
    const server = this.#server;
    this.#removeListeners();
    this.#server = undefined;
    if (server !== undefined && this.options.server !== server) {
      this.#upgradePath?.close();
      server.close(() => this.#closeWhenEmpty());
    } else process.nextTick(() => this.#closeWhenEmpty());
  }

  /** The last socket may be gone a moment before its connection has told so. */
  #closeWhenEmpty(): void {
    if (this.#clients !== undefined && this.#clients.size > 0) this.#closesWhenEmpty = true;
    else this.#emitClose();
  }

  #emitClose(): void {
    this.#state = 'closed';
    this.emit('close');
  }

  /** Whether a request is for this server; override it to decide by more than the path. */
  shouldHandle(request: http.IncomingMessage): boolean {
    const { path } = this.options;
    return path === undefined || path === null || path === '' || pathOf(request) === path;
  }

  /**
   * Answers an upgrade request. `callback` gets the open connection; a request that is refused is answered here.
   * Throws when the socket already carries a connection.
   */
  handleUpgrade(
    request: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: UpgradeCallback<T>,
  ): void {
    if (hasEndpoint(socket)) {
      throw new Error(
        'server.handleUpgrade() was called more than once with the same socket, ' +
          'possibly due to a misconfiguration',
      );
    }
    destroyOnError(socket);
    this.#owedAnswers.after(socket, request, () => this.#judge(request, socket, head, callback));
  }

  /**
   * Answers a request that was judged elsewhere, as in `ws`: no check but that the socket can be used. `key` is the
   * request's Sec-WebSocket-Key, `protocols` are the subprotocols it offers; of `extensions` none is agreed upon.
   */
  completeUpgrade(
    _extensions: unknown,
    key: string,
    protocols: Iterable<string>,
    request: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: UpgradeCallback<T>,
  ): void {
    const upgrade = {
      isAccepted: true,
      key,
      subprotocols: [...protocols],
      extensions: [],
    } as const;
    this.#complete(upgrade, request, socket, head, callback);
  }

  #judge(
    request: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: UpgradeCallback<T>,
  ): void {
    const judged = judgeUpgrade(request, SPOKEN_VERSIONS);
    if (!judged.isAccepted) {
      this.#refuse(judged, request, socket);
      return;
    }
    if (!this.shouldHandle(request)) {
      refuseUpgrade(socket, 400);
      return;
    }
    if (hasMalformedDeflateOffer(judged, this.#compression)) {
      this.#refuse(UNACCEPTABLE_EXTENSIONS, request, socket);
      return;
    }
    this.#verify(request, socket, () => this.#complete(judged, request, socket, head, callback));
  }

  #refuse(refused: RefusedUpgrade, request: http.IncomingMessage, socket: Duplex): void {
    if (this.listenerCount('wsClientError') > 0) {
      this.emit('wsClientError', new Error(refused.message), socket, request);
      return;
    }
    // RFC 6455 §4.4 leaves the status open; clients of `ws` know 400, with the versions that are spoken.
    const status = refused.status === 426 ? 400 : refused.status;
    refuseUpgrade(socket, status, refused.message, refused.headers);
  }

  #verify(request: http.IncomingMessage, socket: Duplex, accept: () => void): void {
    const { verifyClient } = this.options;
    if (verifyClient === undefined || verifyClient === null) {
      accept();
      return;
    }
    const { headers } = request;
    const version = headers['sec-websocket-version'];
    const origin = version === '8' ? headers['sec-websocket-origin'] : headers.origin;
    // A request that was made by hand has no socket of its own.
    const tls = ((request.socket as Duplex | undefined) ?? socket) as Partial<TLSSocket>;
    const secure = tls.authorized === true || tls.encrypted === true;
    const info = { origin: origin as string, secure, req: request };
    if (verifyClient.length !== 2) {
      const isVerified: unknown = verifyClient(info, () => {});
      if (isVerified) accept();
      else refuseUpgrade(socket, 401);
      return;
    }
    const deadline = new Deadline(() =>
      refuseUpgrade(socket, 503, 'verifyClient did not answer in time'),
    );
    if (this.#handshakeTimeoutMs > 0) this.#loop.deadlines.set(deadline, this.#handshakeTimeoutMs);
    let isAnswered = false;
    verifyClient(info, (isVerified, status = 401, message, headers) => {
      this.#loop.deadlines.clear(deadline);
      if (isAnswered || socket.writableEnded) return;
      isAnswered = true;
      if (isVerified) accept();
      else refuseUpgrade(socket, status, message, headers);
    });
  }

  #complete(
    upgrade: AcceptedUpgrade,
    request: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: UpgradeCallback<T>,
  ): void {
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return;
    }
    if (this.#state !== 'running') {
      refuseUpgrade(socket, 503);
      return;
    }
    const subprotocol = this.#chooseSubprotocol(upgrade.subprotocols, request);
    const lines = acceptanceHeaders(upgrade.key, subprotocol);
    const compression = answerDeflateOffer(upgrade, this.#compression, lines);
    this.emit('headers', lines, request);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const client = this.#newClient();
    this.#clients?.add(client);
    client[kAccept]({
      socket,
      head,
      terms: this.#terms,
      subprotocol,
      options: this.options,
      compression,
      closed: this.#clientClosed,
    });
    callback(client, request);
  }

  #newClient(): T {
    const Class = this.options.WebSocket ?? (WebSocket as unknown as WebSocketClass<T>);
    return new Class(null, undefined, this.options as never);
  }

  #chooseSubprotocol(offered: readonly string[], request: http.IncomingMessage): string {
    if (offered.length === 0) return '';
    const { handleProtocols } = this.options;
    // RFC 6455 §4.2.2, item 5.5: one of those that the client offered, or none.
    if (handleProtocols === undefined || handleProtocols === null) return offered[0]!;
    const chosen = handleProtocols(new Set(offered), request);
    return chosen === false || chosen === undefined ? '' : chosen;
  }
}

/** How often node:http looks for connections whose handshake takes too long. */
function checkingIntervalMs(handshakeTimeoutMs: number): number {
  const NODE_DEFAULT_MS = 30_000;
  if (handshakeTimeoutMs === 0) return NODE_DEFAULT_MS;
  return Math.min(NODE_DEFAULT_MS, Math.ceil(handshakeTimeoutMs / 4));
}

/** Answers a request that is no upgrade (RFC 7231 §6.5.15). */
function answerUpgradeRequired(_: http.IncomingMessage, response: http.ServerResponse): void {
  const body = 'Upgrade Required';
  response.writeHead(426, {
    'Content-Length': body.length,
    'Content-Type': 'text/plain',
    Upgrade: 'websocket',
  });
  response.end(body);
}
