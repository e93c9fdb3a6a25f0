/** Owns the door for WebSocket connections on an HTTP server: paths, the Origin gate, subprotocols, and the end of all of them. */
import type * as http from 'node:http';
import type * as https from 'node:https';
import type { Duplex } from 'node:stream';
import {
  HeldTotal,
  NO_METRICS,
  SILENT_LOG,
  newId,
  type Log,
  type Metrics,
  type Random,
  type Time,
  TurnBudget,
} from '../foundation/index.js';
import type { AcceptedUpgrade } from '../protocol/websocket/index.js';
import type { AcceptConnection, Handshake, Peer, Refusal } from '../session/index.js';
import { nodeRandom } from './node-random.js';
import { nodeTime } from './node-time.js';
import { CONTRADICTION, PeerAddresses } from './peer-addresses.js';
import { headersOf, limitReachedBy, queryOf, type HeadLimits } from './request-head.js';
import { WebSocketConnection, type ConnectionTerms } from './websocket-connection.js';
import {
  resolveCompression,
  type CompressionSettings,
  type PerMessageDeflateOptions,
} from './websocket/compression/compression-options.js';
import { answerDeflateOffer } from './websocket/compression/deflate-upgrade.js';
import { EndpointTerms } from './websocket/socket/endpoint-terms.js';
import { EngineLoop } from './websocket/socket/engine-loop.js';
import { asksForWebSocket, handBack } from './websocket/handshakes/foreign-upgrade.js';
import { OwedAnswers } from './websocket/handshakes/owed-answers.js';
import {
  CONNECT_UNITS,
  takeUpgrades,
  type UpgradePath,
} from './websocket/handshakes/own-upgrade-path.js';
import { resolveLimits, type LimitOptions } from './websocket/limits/limits.js';
import { destroyOnError, hasEndpoint } from './websocket/socket/socket-listeners.js';
import {
  acceptanceHeaders,
  judgeUpgrade,
  pathOf,
  refuseUpgrade,
} from './websocket/handshakes/upgrade.js';

const LABELS = { transport: 'websocket' };

export interface AcceptWebSocketOptions {
  /** The server whose upgrade requests are answered; it is neither started nor closed here. */
  readonly server: http.Server | https.Server;
  /** Paths at which connections are accepted, without a query. */
  readonly paths: readonly string[];
  /** Subprotocols that are spoken, at all paths or by path; the first that the client asks for is agreed. None by default. */
  readonly subprotocols?: readonly string[] | ((path: string) => readonly string[]);
  /** The Origin gate (semantics A4): a text refuses the handshake with 403 and is its body. */
  readonly checkOrigin?: (headers: ReadonlyMap<string, string>, path: string) => string | undefined;
  /** Whose connection a socket is. Default: no proxy is trusted. */
  readonly addresses?: PeerAddresses;
  /** Why a peer may not connect now, asked before anything is done for it (`Admission`). Default: every peer may. */
  readonly refusalOf?: (peer: Peer) => Refusal | undefined;
  readonly accept: AcceptConnection;
  readonly limits?: LimitOptions & HeadLimits;
  /** Compression of messages (RFC 7692). Default false. */
  readonly perMessageDeflate?: boolean | DoorDeflateOptions;
  readonly time?: Time;
  readonly random?: Random;
  readonly metrics?: Metrics;
  /** Told who is refused or breaks the protocol, and from where. Default: nobody is. */
  readonly log?: Log;
  /** What the messages of all connections are counted in, and taken by. Default: one of its own. */
  readonly turns?: TurnBudget;
  /** What is kept of messages that have begun and were not handed on, of all connections. Default: no bound. */
  readonly unfinished?: HeldTotal;
  /** Whether plain TCP connections read into one shared buffer where that works. Default true. */
  readonly staticReadBuffer?: boolean;
  /**
   * For a server that nobody else uses as a listener of 'connection': plain upgrade requests go past node:http, which
   * would leave memory behind. A connection that says nothing for so long is answered with 408. As many as `maxWaitingCount` may be
   * silent; one more ends the oldest. None by default.
   */
  readonly ownUpgradePath?: {
    readonly firstOctetTimeoutMs: number;
    readonly maxWaitingCount: number;
  };
  /**
   * Time for the answers to requests that came before an upgrade on its connection, which waits for them; then the connection is
   * dropped. 0: for ever. Default 10,000.
   */
  readonly owedAnswersTimeoutMs?: number;
  /**
   * Whether an upgrade at any other path is answered with 404. Default: while nobody else listens for upgrades of the
   * server; false leaves it to the server's other listeners, one of which must answer.
   */
  readonly refusesOtherPaths?: boolean;
}

/**
 * Options of permessage-deflate at a door. Our end never keeps a window, so that what goes to many is compressed once;
 * clients neither, unless `clientNoContextTakeover` is false. `maxInflateRatio` is 128 by default.
 */
export type DoorDeflateOptions = Omit<
  PerMessageDeflateOptions,
  'serverNoContextTakeover' | 'serverMaxWindowBits'
>;

const NOT_OWN_PATH =
  'upgrades go through node:http, at a third more memory: it is not as expected here';
const MAX_INFLATE_RATIO = 128;
const MAX_LOGGED_LENGTH = 200;

const DEFAULT_OWED_ANSWERS_TIMEOUT_MS = 10_000;

/** The connections that came through one door. */
export interface WebSocketDoor {
  readonly connections: ReadonlySet<WebSocketConnection>;
  /** Accepts nothing more: upgrades at its paths are answered with 503. */
  stopAccepting(): void;
  /** Stops accepting and closes every connection; resolves when all have ended. */
  close(closeCode: number, reason: string): Promise<void>;
}

/** Accepts WebSocket connections on a server. A refused handshake gets an HTTP error with a text; no socket is left hanging. */
export function acceptWebSocketConnections(options: AcceptWebSocketOptions): WebSocketDoor {
  return new Door(options);
}

class Door implements WebSocketDoor {
  readonly connections = new Set<WebSocketConnection>();
  readonly #options: AcceptWebSocketOptions;
  readonly #metrics: Metrics;
  readonly #log: Log;
  readonly #random: Random;
  readonly #loop: EngineLoop;
  readonly #terms: ConnectionTerms;
  readonly #turns: TurnBudget;
  readonly #addresses: PeerAddresses;
  readonly #compression: CompressionSettings | undefined;
  readonly #owedAnswers: OwedAnswers;
  readonly #listener = (request: http.IncomingMessage, socket: Duplex, head: Buffer): void =>
    this.#take(request, socket, head);
  #isAccepting = true;
  #allEnded: (() => void) | undefined = undefined;
  readonly #upgradePath: UpgradePath | undefined;

  constructor(options: AcceptWebSocketOptions) {
    this.#options = options;
    this.#metrics = options.metrics ?? NO_METRICS;
    this.#log = options.log ?? SILENT_LOG;
    this.#random = options.random ?? nodeRandom();
    const time = options.time ?? nodeTime();
    this.#turns = options.turns ?? new TurnBudget(time);
    this.#loop = new EngineLoop(time, this.#random, this.#turns);
    this.#addresses = options.addresses ?? new PeerAddresses();
    if (options.staticReadBuffer !== false) void this.#loop.staticRead.prepare();
    const { ownUpgradePath: path } = options;
    this.#upgradePath =
      path &&
      takeUpgrades(options.server as http.Server, this.#loop, {
        ...path,
        turns: this.#turns,
        overflowed: () => this.#reached('maxUnauthenticatedConnectionCount'),
      });
    if (path !== undefined && this.#upgradePath === undefined) this.#log.warn(NOT_OWN_PATH);
    // What waits for a connection is its session's to judge: it ends with a code that the client knows.
    const limits = resolveLimits({ ...options.limits, maxOutboundBytes: 0 });
    this.#owedAnswers = new OwedAnswers(
      this.#loop.deadlines,
      options.owedAnswersTimeoutMs ?? DEFAULT_OWED_ANSWERS_TIMEOUT_MS,
    );
    this.#terms = {
      endpoint: new EndpointTerms('server', this.#loop, limits),
      metrics: this.#metrics,
      log: this.#log,
      turns: this.#turns,
      unfinished: options.unfinished ?? new HeldTotal(Infinity),
      ended: (connection) => this.#ended(connection),
    };
    this.#compression = resolveCompression(
      doorDeflateOptions(options.perMessageDeflate ?? false),
      'server',
      this.#loop.zlibJobs,
    );
    options.server.on('upgrade', this.#listener);
  }

  stopAccepting(): void {
    this.#isAccepting = false;
  }

  close(closeCode: number, reason: string): Promise<void> {
    this.stopAccepting();
    this.#owedAnswers.close();
    const ended = new Promise<void>((resolve) => {
      this.#allEnded = resolve;
      if (this.connections.size === 0) resolve();
    });
    const closed = this.#turns.inSlices(this.connections, (connection) =>
      connection.close(closeCode, reason),
    );
    // The server may be the application's and live on: until here its clients were told 503.
    return Promise.all([ended, closed]).then(() => {
      this.#options.server.off('upgrade', this.#listener);
      this.#upgradePath?.close();
    });
  }

  /** What is not ours is somebody else's at once. */
  #take(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const { server, paths, refusesOtherPaths } = this.#options;
    const isOurs = paths.includes(pathOf(request));
    // Another listener may have taken the socket already, and what is written to it now would be a frame.
    if (!isOurs && !(refusesOtherPaths ?? server.listenerCount('upgrade') === 1)) return;
    this.#owedAnswers.after(socket, request, () => {
      if (asksForWebSocket(request)) this.#inTurn(request, socket, head);
      else handBack(server, request, socket, head);
    });
  }

  #inTurn(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const upgrade = (): void => {
      this.#upgrade(request, socket, head);
      this.#turns.spend(CONNECT_UNITS);
    };
    if (this.#turns.hasRoom) return upgrade();
    // Nobody else listens to it any more, and it may fail while it waits.
    destroyOnError(socket);
    this.#turns.later(upgrade, 'arrival');
  }

  #upgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    // It may have gone, or another listener for upgrades have taken it, while it waited.
    if (socket.destroyed || hasEndpoint(socket)) return;
    const { paths, checkOrigin } = this.#options;
    // The one that was given: a part of the target would keep all of it alive.
    const path = paths[paths.indexOf(pathOf(request))];
    if (path === undefined) {
      const others = paths.length === 0 ? '' : `; try ${paths.join(', ')}`;
      return this.#refuse(request, socket, 404, `No WebSocket is served at this path${others}`);
    }
    if (!this.#isAccepting) return this.#refuse(request, socket, 503, 'The server is closing');
    const peer = this.#addresses.peerOf(socket, request.rawHeaders);
    if (peer === CONTRADICTION) {
      const words = 'Forwarded and X-Forwarded-For name different clients; the proxy must drop one';
      return this.#refuse(request, socket, 400, words);
    }
    const turnedAway = this.#options.refusalOf?.(peer);
    if (turnedAway !== undefined) {
      const { status, message, retryAfterSeconds } = turnedAway;
      return this.#refuse(request, socket, status, message, {
        'Retry-After': String(retryAfterSeconds),
      });
    }
    const limit = limitReachedBy(request.rawHeaders, this.#options.limits ?? {});
    if (limit !== undefined) {
      this.#reached(limit);
      return this.#refuse(
        request,
        socket,
        431,
        `The header fields are too many or too long (${limit})`,
      );
    }
    const judged = judgeUpgrade(request);
    if (!judged.isAccepted) {
      return this.#refuse(request, socket, judged.status, judged.message, judged.headers);
    }
    const headers = headersOf(request);
    const refusal = checkOrigin?.(headers, path);
    if (refusal !== undefined) this.#refuse(request, socket, 403, refusal);
    else this.#open(judged, { path, query: queryOf(request), headers, peer }, socket, head);
  }

  #reached(limit: string): void {
    this.#metrics.count('limit_reached', { limit });
  }

  #refuse(
    request: http.IncomingMessage,
    socket: Duplex,
    status: number,
    message: string,
    headers?: Readonly<Record<string, string>>,
  ): void {
    this.#metrics.count('websocket_handshakes_refused', { code: String(status) });
    const peer = this.#addresses.peerOf(socket, request.rawHeaders);
    const { origin } = request.headers;
    this.#log.info(`a WebSocket handshake was refused: ${status}`, {
      reason: message,
      address: peer === CONTRADICTION ? undefined : peer.address,
      path: clipped(pathOf(request)),
      ...(origin !== undefined && { origin: clipped(origin) }),
    });
    refuseUpgrade(socket, status, message, headers);
  }

  #open(
    upgrade: AcceptedUpgrade,
    request: Omit<Handshake, 'subprotocol'>,
    socket: Duplex,
    head: Buffer,
  ): void {
    const { accept, subprotocols = [] } = this.#options;
    const spoken = typeof subprotocols === 'function' ? subprotocols(request.path) : subprotocols;
    // RFC 6455 §4.2.2, item 5.5: one of those asked for, or none; the first message then tells the dialect.
    const asked = upgrade.subprotocols.find((name) => spoken.includes(name));
    // The one that was given: what was asked for is a part of a header field, and would keep all of it alive.
    const subprotocol = asked === undefined ? undefined : spoken[spoken.indexOf(asked)];
    const lines = acceptanceHeaders(upgrade.key, subprotocol ?? '');
    const compression = answerDeflateOffer(upgrade, this.#compression, lines);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const connection = new WebSocketConnection({
      connectionId: newId(this.#random),
      handshake: { ...request, subprotocol },
      socket,
      terms: this.#terms,
      compression,
    });
    this.connections.add(connection);
    this.#metrics.count('connections_opened', LABELS);
    this.#metrics.gauge('connections_open', this.connections.size, LABELS);
    connection.start(head, accept);
  }

  #ended(connection: WebSocketConnection): void {
    this.connections.delete(connection);
    this.#metrics.gauge('connections_open', this.connections.size, LABELS);
    if (this.connections.size === 0) this.#allEnded?.();
  }
}

/** What a stranger says, no longer than a line of a log should be. */
function clipped(text: string): string {
  return text.length <= MAX_LOGGED_LENGTH ? text : `${text.slice(0, MAX_LOGGED_LENGTH)}…`;
}

function doorDeflateOptions(given: boolean | DoorDeflateOptions): PerMessageDeflateOptions | false {
  if (given === false) return false;
  return {
    clientNoContextTakeover: true,
    maxInflateRatio: MAX_INFLATE_RATIO,
    ...(given === true ? {} : given),
    serverNoContextTakeover: true,
  };
}
