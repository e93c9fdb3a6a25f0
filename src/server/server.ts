/** Owns the composition root: options become rooms, wired together; it has no logic of its own. */
import type { Server as HttpServer } from 'node:http';
import {
  Cancellation,
  DeadlineWheel,
  Disconnect,
  HeldTotal,
  newId,
  RetainedBudget,
  TurnBudget,
  type Log,
  type Metrics,
  type Time,
} from '../foundation/index.js';
import type { DialectEnvironment } from '../dialect/opening/index.js';
import {
  DialectSelection,
  type OfferedDialect,
  type SelectionEnvironment,
} from '../dialect/selection/index.js';
import type { ForwardOptions } from '../http/index.js';
import { userDestination } from '../message/index.js';
import { AppMount } from '../mounts/app/index.js';
import { ownDestinationOf } from '../mounts/user/index.js';
import { TopicRules, type TopicRule } from '../mounts/topics/index.js';
import { WorkRules, type WorkRule } from '../mounts/work/index.js';
import {
  AccessRules,
  Interceptors,
  OriginGate,
  Router,
  type AccessControl,
  type Interceptor,
  type Mount,
} from '../routing/index.js';
import {
  ANONYMOUS,
  Admission,
  InputFlowBudget,
  SessionEvents,
  SessionRegistry,
  Users,
  type AcceptConnection,
  type Authenticate,
  type SessionEventName,
  type SessionListener,
} from '../session/index.js';
import { MemoryStreamStore, Streams } from '../streams/index.js';
import {
  acceptWebSocketConnections,
  PeerAddresses,
  nodeRandom,
  nodeTime,
  type WebSocketDoor,
} from '../transport/index.js';
import { logEnd } from './client-log.js';
import { watchDescriptors } from './descriptor-watch.js';
import { knownDialects } from './dialects.js';
import { Endpoints, endpointsOf, type Endpoint } from './endpoints.js';
import { Forwards } from './forwards.js';
import {
  bind,
  boundAddress,
  HttpClosing,
  loopbackOrigins,
  urlOf,
  type BoundAddress,
} from './listening.js';
import { checkOptions } from './given-options.js';
import { guardsOf } from './guards.js';
import { mappingPrefixesOf, mountBuiltIn, requireBelow } from './mounts.js';
import { DEFAULT_HOST, limitsOf, type ServerOptions } from './options.js';
import { ownHttpServer } from './own-http-server.js';
import { prefixesOf, type Prefixes } from './prefixes.js';
import { publishByServer, type Published, type PublishOptions } from './publishing.js';
import { drained, settled } from './settling.js';
import { tokenAuthentication } from './tokens.js';

/** Where a server has been told to listen. */
export interface ListenOptions {
  /** 0 lets the system choose. What is no port is a RangeError. */
  readonly port: number;
  /** Default `127.0.0.1`. Anything that is not loopback closes what no access rule allows (semantics A2). */
  readonly host?: string;
}

/** Deadlines of sessions come due up to this much late. */
const DEADLINE_GRANULARITY_MS = 250;

/** One server: mounts, rules, an HTTP server, and every connection to it. */
export class TidewayServer {
  /** Who may do what. */
  readonly access: AccessControl;
  /** Where the built-in mounts stand. */
  readonly prefixes: Prefixes;
  /** Where clients connect. */
  readonly endpoints: readonly Endpoint[];
  /** Settings of topics by pattern: `topics.rule('/topic/chat', { historySize: 100 })`. */
  readonly topics: { rule: (pattern: string, rule: TopicRule) => void };
  /** Settings of work queues by pattern: `work.rule('/work/mail', { acknowledgeTimeoutMs: 300_000 })`. */
  readonly work: { rule: (pattern: string, rule: WorkRule) => void };
  /** Message mappings, below `/app` by default. */
  readonly app: AppMount;
  /** Who is connected: names, their sessions, and what these are subscribed to. */
  readonly users: Users;
  /** What everything is counted in: the option `metrics`, or a `MemoryMetrics`. */
  readonly metrics: Metrics;
  /**
   * Takes a connection that some other transport made, and answers who receives its messages: for transports of one's own,
   * and for tests without sockets (`ConnectionPair` of `tideway/testing`).
   */
  readonly accept: AcceptConnection;
  readonly #router: Router;
  readonly #originGate: OriginGate;
  readonly #accessRules: AccessRules;
  readonly #endpoints: Endpoints;
  readonly #streams: Streams;
  readonly #forwards: Forwards;
  /** Where `sendToUser` sends, as in handlers. */
  readonly #userPrefix: string;
  readonly #sessions = new SessionRegistry();
  readonly #events: SessionEvents;
  readonly #deadlines: DeadlineWheel;
  readonly #turns: TurnBudget;
  readonly #inputFlow: InputFlowBudget;
  readonly #http: HttpServer;
  /** Undefined when the HTTP server is the application's. */
  readonly #httpClosing: HttpClosing | undefined;
  readonly #time: Time;
  readonly #log: Log;
  readonly #flushLog: () => void;
  readonly #defaultAccess: NonNullable<ServerOptions['defaultAccess']>;
  readonly #closeTimeoutMs: number;
  readonly #drainTimeoutMs: number;
  readonly #closing = new Cancellation();
  readonly #admission: Admission;
  readonly #door: WebSocketDoor;
  #closed: Promise<void> | undefined;
  readonly #onListening = (): void => this.#listening();

  constructor(options: ServerOptions = {}) {
    checkOptions(options);
    this.#defaultAccess = options.defaultAccess ?? 'open-on-loopback';
    const time = options.time ?? nodeTime();
    const random = options.random ?? nodeRandom();
    const { log, metrics, givenMetrics, flush } = guardsOf(options, time);
    const limits = limitsOf(options.limits);
    this.metrics = givenMetrics;
    this.#flushLog = flush;
    this.prefixes = prefixesOf(options.prefixes);
    this.endpoints = endpointsOf(options);
    this.#accessRules = new AccessRules(this.prefixes.user, (operation, scope) =>
      log.warn(`refused: ${this.#whyClosed()}, so only what a rule allows is open`, {
        operation,
        destination: scope,
      }),
    );
    this.access = this.#accessRules;
    const turns = new TurnBudget(time, (error) => log.error('a step of work failed', { error }));
    this.#turns = turns;
    this.#deadlines = new DeadlineWheel(time, DEADLINE_GRANULARITY_MS, {
      turns,
      onError: (error) => log.error('what a deadline was set for failed', { error }),
    });
    this.#router = new Router(
      this.#accessRules,
      metrics,
      new Interceptors(log, metrics, limits.maxWaitingInterceptionCount, {
        deadlines: this.#deadlines,
        timeoutMs: limits.interceptorTimeoutMs,
      }),
    );
    for (const interceptor of options.interceptors ?? []) this.intercept(interceptor);
    this.#originGate = new OriginGate({ allowedOrigins: options.allowedOrigins ?? [] });
    this.#events = new SessionEvents(log, (...end) => logEnd(log, ...end));
    this.#admission = new Admission({
      limits,
      clock: time,
      random,
      metrics,
      events: this.#events,
    });
    this.users = new Users(this.#sessions);
    const rules = new TopicRules();
    this.topics = {
      rule: (pattern, rule) => {
        const { topic, user } = this.prefixes;
        requireBelow(`topic rule ${pattern}`, pattern, [...topic, ...user]);
        rules.add(pattern, rule);
      },
    };
    for (const [pattern, rule] of Object.entries(options.topics ?? {})) {
      this.topics.rule(pattern, rule);
    }
    const retained = new RetainedBudget(limits.maxRetainedBytes, metrics);
    const store = options.store ?? new MemoryStreamStore(time, random, options.memory, retained);
    this.#streams = new Streams(store, time, metrics, {
      liveRingBytes: (stream) => rules.settingsOf(ownDestinationOf(stream)).liveRingBytes,
      turns,
      retained,
    });
    const mappingPrefixes = mappingPrefixesOf(this.prefixes, options.mappings);
    this.#userPrefix = mappingPrefixes.userPrefix ?? '/user';
    const { maxMessageBytes } = limits;
    this.app = new AppMount(
      time,
      log,
      this.#router,
      mappingPrefixes,
      this.prefixes.app,
      maxMessageBytes,
      turns,
    );
    const forwarding = { time, metrics, log, maxMessageBytes };
    this.#forwards = new Forwards(this.app, forwarding);
    for (const [pattern, to] of Object.entries(options.app ?? {})) this.forward(pattern, to);
    const workRules = new WorkRules();
    this.work = {
      rule: (pattern, rule) => {
        requireBelow(`work rule ${pattern}`, pattern, this.prefixes.work);
        workRules.add(pattern, rule);
      },
    };
    for (const [pattern, rule] of Object.entries(options.work ?? {})) this.work.rule(pattern, rule);
    const { maxWorkBytes, maxWorkQueueCount } = limits;
    const bounds = { maxWorkBytes, maxWorkQueueCount };
    mountBuiltIn(this.#router, this.prefixes, {
      streams: this.#streams,
      rules,
      app: this.app,
      work: {
        time,
        random,
        deadlines: this.#deadlines,
        turns,
        metrics,
        log,
        rules: workRules,
        retained,
        ...bounds,
      },
      sessions: this.#sessions,
    });

    this.#inputFlow = new InputFlowBudget(limits.maxTotalWaitingBytes, turns, metrics);
    const unfinished = new HeldTotal(limits.maxTotalUnfinishedBytes);
    const environment: DialectEnvironment = {
      session: {
        clock: time,
        deadlines: this.#deadlines,
        limits,
        metrics,
        log,
        turns,
        inputFlow: this.#inputFlow,
        outbound: new HeldTotal(limits.maxTotalOutboundBytes),
        registry: this.#sessions,
        events: this.#events,
      },
      router: this.#router,
      authenticate: this.#router.interceptors.around(authenticationOf(options, time)),
      admission: this.#admission,
      unfinished,
      newSessionId: () => newId(random),
      maxMessageBytes: limits.maxMessageBytes,
      connectTimeoutMs: limits.connectTimeoutMs,
      messageTimeoutMs: limits.messageTimeoutMs,
      minHeartbeatIntervalMs: limits.minHeartbeatIntervalMs,
      log,
    };
    this.#endpoints = new Endpoints(this.endpoints, (refusals) =>
      knownDialects(environment, this.#userPrefix, refusals),
    );
    this.#log = log;
    this.accept = this.#acceptor(limits.connectTimeoutMs, metrics);
    const httpParts = { router: this.#router, originGate: this.#originGate, metrics, log, turns };
    this.#http = options.server ?? ownHttpServer(options, limits, httpParts);
    this.#httpClosing = options.server === undefined ? new HttpClosing(this.#http) : undefined;
    this.onClose(watchDescriptors(this.#http, time, log, metrics));
    this.#time = time;
    this.#closeTimeoutMs = limits.closeTimeoutMs;
    this.#drainTimeoutMs = limits.drainTimeoutMs;
    this.#door = acceptWebSocketConnections({
      server: this.#http,
      paths: this.#endpoints.paths,
      subprotocols: (path) =>
        this.#endpoints.dialectsOf(path).flatMap(({ subprotocols }) => subprotocols),
      checkOrigin: (headers, path) => this.#endpoints.refusalOf(path, headers),
      accept: this.accept,
      addresses: new PeerAddresses(options.trustedProxies),
      refusalOf: (peer) => this.#admission.refusalOf(peer),
      limits,
      perMessageDeflate: options.perMessageDeflate ?? false,
      ...(options.server === undefined && {
        ownUpgradePath: {
          firstOctetTimeoutMs: limits.handshakeTimeoutMs,
          maxWaitingCount: limits.maxUnauthenticatedConnectionCount,
        },
      }),
      owedAnswersTimeoutMs: limits.handshakeTimeoutMs,
      time,
      random,
      metrics,
      log,
      turns,
      unfinished,
    });
    // Each time: a server of the application's may be told to listen again, at another address.
    this.#http.on('listening', this.#onListening);
    if (this.#http.listening) this.#listening();
  }

  /** Gives a prefix to a mount of yours. Throws when the prefix is taken. */
  mount(prefix: string, mount: Mount): this {
    this.#router.mount(prefix, mount);
    return this;
  }

  /**
   * Maps a pattern below `/app`, such as `/orders/**`, to an HTTP back end: each message becomes one POST, its answer the handler's
   * value. Throws a RangeError for options that cannot be meant, a RequestError for a pattern that is none.
   */
  forward(pattern: string, options: ForwardOptions): this {
    this.#forwards.map(pattern, options);
    return this;
  }

  /**
   * Adds an interceptor behind those that there are; answers a way to take it out again. One of `outbound` concerns subscriptions
   * that are opened from now on. Throws a TypeError for what is none.
   */
  intercept(interceptor: Interceptor): () => void {
    return this.#router.interceptors.add(interceptor);
  }

  /**
   * Publishes in the server's own name, past the access rules. `body` is any JSON value, or octets (a typed array, a DataView, an
   * ArrayBuffer).
   * Answers the position, for destinations that have one, and whether the `messageId` was known. Rejects with a RequestError. One whose
   * number is 500 or more (`server/draining`, `stream/unavailable`) is logged, and ends no process that does not handle it.
   */
  publish(
    destination: string,
    body: unknown,
    options: PublishOptions = {},
  ): Promise<Published | undefined> {
    return publishByServer(this.#router, destination, body, options, ({ code }) =>
      this.#log.warn('a publication of the program was refused', { destination, code }),
    );
  }

  /**
   * Publishes to a destination of a user, such as `/queue/notices`, which its sessions know as `/user/queue/notices`: `name` as the
   * principal has it, or the id of a session for that one alone. Rejects with a RequestError, `destination/invalid` where the
   * destination has no leading `/`, or a TypeError for a name that is none.
   */
  sendToUser(
    name: string,
    destination: string,
    body: unknown,
    options: PublishOptions = {},
  ): Promise<Published | undefined> {
    try {
      return this.publish(userDestination(this.#userPrefix, name, destination), body, options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Listens. Rejects with the system's error, whose `code` is `EADDRINUSE` for a taken port, or an Error when it is closed. */
  async listen(options: ListenOptions): Promise<BoundAddress> {
    if (this.#closed !== undefined) throw new Error('the server is closed; make another one');
    await bind(this.#http, options, DEFAULT_HOST);
    if (this.#closed !== undefined) await this.#closeHttp();
    const address = this.address;
    if (address === undefined) throw new Error('the server was closed while it began to listen');
    // Without a listener, a system out of file descriptors would end the process.
    this.#http.on('error', (error) => this.#log.error('the HTTP server failed', { error }));
    return address;
  }

  /** Where it listens; undefined while it does not. */
  get address(): BoundAddress | undefined {
    return boundAddress(this.#http);
  }

  /** The address as a URL to open; undefined while it does not listen. */
  get url(): string | undefined {
    const { address } = this;
    return address === undefined ? undefined : urlOf(address);
  }

  /** Sessions that are live now. */
  get sessionCount(): number {
    return this.#sessions.count;
  }

  /**
   * Runs `listener` for each `connect`, `connected`, `subscribe`, `unsubscribe` or `disconnect` of a session, exactly once and in order;
   * answers a way to withdraw it. What it throws is logged. Throws a TypeError for an event that there is not.
   */
  on<N extends SessionEventName>(name: N, listener: SessionListener<N>): () => void {
    return this.#events.on(name, listener);
  }

  /** Runs `listener` when the server begins to close: for timers and the like. */
  onClose(listener: () => void): void {
    this.#closing.onCancelled(listener);
  }

  /**
   * Takes no new operations, waits `drainTimeoutMs` at most for those under way, tells every client to come back later
   * (`server/shutdown`), closes, and resolves when all is gone. Meanwhile `/health` answers 503.
   * Called again, it answers with the same promise.
   */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    try {
      this.#closing.cancel();
    } catch (error) {
      this.#log.error('a listener of onClose failed', { error });
    }
    this.#door.stopAccepting();
    const goodbye = new Disconnect('server/shutdown', 'the server is shutting down; come back');
    this.#events.shutdown(goodbye);
    this.#router.drain();
    const underWay = [this.#streams, this.#turns, this.#inputFlow] as const;
    await drained(this.#drainTimeoutMs, this.#log, ...underWay);
    this.#router.stop();
    // What handlers published last.
    await settled(0, ...underWay);
    await this.#sessions.disconnectAll(goodbye, this.#turns);
    await this.#door.close(goodbye.closeCode, goodbye.code);
    this.#http.off('listening', this.#onListening);
    await this.#closeHttp();
    this.#deadlines.stop();
    this.#router.close();
    this.#forwards.close();
    this.#streams.close();
    this.#flushLog();
  }

  async #closeHttp(): Promise<void> {
    if (this.#http.listening) await this.#httpClosing?.close(this.#time, this.#closeTimeoutMs);
  }

  #acceptor(connectTimeoutMs: number, metrics: Metrics): AcceptConnection {
    const shared = {
      deadlines: this.#deadlines,
      connectTimeoutMs,
      metrics,
      log: this.#log,
      events: this.#events,
      admission: this.#admission,
    };
    // One for each list of dialects: a connection keeps it for as long as it lives.
    const selections = new Map<readonly OfferedDialect[], SelectionEnvironment>();
    return (connection) => {
      const dialects = this.#endpoints.dialectsOf(connection.handshake.path);
      const selection = selections.get(dialects) ?? { ...shared, dialects };
      selections.set(dialects, selection);
      return new DialectSelection(selection, connection);
    };
  }

  #whyClosed(): string {
    if (this.#defaultAccess === 'closed') return 'the option defaultAccess is "closed"';
    if (this.address === undefined) return 'this server does not listen yet';
    return 'this server listens on more than loopback';
  }

  /** Decided once (semantics A2, A4): only on loopback is anything allowed that no rule allows. */
  #listening(): void {
    const { address } = this;
    if (address === undefined) return;
    const isOpen = address.isLoopback && this.#defaultAccess === 'open-on-loopback';
    this.#accessRules.setDefault(isOpen ? 'open' : 'closed');
    const own = address.isLoopback ? { origins: loopbackOrigins(address.port) } : 'host';
    this.#originGate.setOwn(own);
    this.#endpoints.setOwn(own);
  }
}

/** A server with these options. Nothing listens until `listen` is called, or until the HTTP server given to it does. */
export function createServer(options: ServerOptions = {}): TidewayServer {
  return new TidewayServer(options);
}

function authenticationOf(options: ServerOptions, time: Time): Authenticate {
  const { authenticate, tokens } = options;
  if (authenticate !== undefined && tokens !== undefined) {
    throw new RangeError('give either "authenticate" or "tokens", not both');
  }
  if (tokens !== undefined) return tokenAuthentication(tokens, () => time.nowMs());
  return authenticate ?? (() => Promise.resolve(ANONYMOUS));
}
