/** Owns what a server tells of its sessions' lives: five events, each exactly once and in order (semantics L). */
import type { Disconnect, DisconnectCode, ErrorCode, Log } from '../foundation/index.js';
import type { Connection, Handshake } from './connection.js';
import type { Principal } from './principal.js';

interface OfConnection {
  readonly connectionId: string;
  /** `websocket` … */
  readonly transport: string;
  /** The language that it speaks, such as `native`; undefined where nobody chose one. */
  readonly dialect: string | undefined;
  readonly handshake: Handshake;
}

/** A client asks to open a session; who it is, is not known yet. */
export type ConnectEvent = OfConnection;

/** Its session is open. */
export interface ConnectedEvent extends OfConnection {
  readonly sessionId: string;
  readonly principal: Principal;
}

/** A subscription is acknowledged. */
export interface SubscribeEvent {
  readonly sessionId: string;
  readonly principal: Principal;
  /** What the client tells it from its others by. */
  readonly id: string;
  /** The destination or pattern. */
  readonly destination: string;
}

/**
 * `unsubscribed`: somebody asked for it. `ended`: nothing follows from its source. `refused`: the right to it is gone, or it failed;
 * `code` says which.
 */
export type UnsubscribeReason = 'unsubscribed' | 'ended' | 'refused';

/** A subscription has ended while its session lives. */
export interface UnsubscribeEvent extends SubscribeEvent {
  readonly reason: UnsubscribeReason;
  readonly code: ErrorCode | undefined;
}

/**
 * `clean`: the client said goodbye. `lost`: the link broke, or the client broke the rules of its transport.
 * `disconnected`: the server ended it; `code` says why.
 */
export type DisconnectReason = 'clean' | 'lost' | 'disconnected';

/** What began with a connect has ended. */
export interface DisconnectEvent {
  readonly connectionId: string;
  /** Undefined when no session was opened. */
  readonly sessionId: string | undefined;
  readonly principal: Principal | undefined;
  readonly reason: DisconnectReason;
  /** As WebSocket numbers them; 1006 when there was no goodbye. */
  readonly closeCode: number;
  readonly code: DisconnectCode | undefined;
}

/** What listeners are told, by the name of the event. */
export interface SessionEventMap {
  readonly connect: ConnectEvent;
  readonly connected: ConnectedEvent;
  readonly subscribe: SubscribeEvent;
  readonly unsubscribe: UnsubscribeEvent;
  readonly disconnect: DisconnectEvent;
}

export type SessionEventName = keyof SessionEventMap;

/** A promise is waited for only to log its rejection. */
export type SessionListener<N extends SessionEventName> = (event: SessionEventMap[N]) => unknown;

/** What is told of a session. */
export interface ToldSession {
  readonly sessionId: string;
  readonly principal: Principal;
  readonly connection: Connection;
}

/** What is told of a subscription. */
export interface ToldSubscription {
  readonly id: string;
  readonly name: string;
}

/** Whose session a connection had. */
export type EndedClient = Pick<ToldSession, 'sessionId' | 'principal'>;

/** Told of every connection that the server ends, at once and whether or not it had a session. */
export type EndObserver = (
  connection: Connection,
  error: Disconnect,
  client: EndedClient | undefined,
) => void;

const NAMES: readonly SessionEventName[] = [
  'connect',
  'connected',
  'subscribe',
  'unsubscribe',
  'disconnect',
];

type Listeners = { [N in SessionEventName]: readonly SessionListener<N>[] };

/** Told by dialects and sessions; tells its listeners after the step that they hear of, so that none of them is in its way. */
export class SessionEvents {
  readonly #log: Log;
  readonly #onEnd: EndObserver;
  readonly #listeners: Listeners = {
    connect: [],
    connected: [],
    subscribe: [],
    unsubscribe: [],
    disconnect: [],
  };
  /** Connections between their connect and what comes of it, with their dialects. */
  readonly #asking = new Map<Connection, string>();
  /** What the server ends connections with, where it is no session that ends. */
  readonly #endings = new WeakMap<Connection, Disconnect>();
  #untold: (() => void)[] = [];
  #goodbye: Disconnect | undefined = undefined;

  constructor(log: Log, onEnd: EndObserver = () => {}) {
    this.#log = log;
    this.#onEnd = onEnd;
  }

  /** Runs `listener` for each such event; answers a way to withdraw it. Throws a TypeError for an event that there is not. */
  on<N extends SessionEventName>(name: N, listener: SessionListener<N>): () => void {
    if (!NAMES.includes(name)) {
      throw new TypeError(`there is no event "${String(name)}"; there are ${NAMES.join(', ')}`);
    }
    if (typeof listener !== 'function') throw new TypeError(`no listener was given for "${name}"`);
    let isWithdrawn = false;
    const own: SessionListener<N> = (event) => (isWithdrawn ? undefined : listener(event));
    this.#setListeners(name, [...this.#listenersOf(name), own]);
    return () => {
      isWithdrawn = true;
      const others = this.#listenersOf(name).filter((candidate) => candidate !== own);
      this.#setListeners(name, others);
    };
  }

  /** A connection has said its first word, in a dialect. */
  asks(connection: Connection, dialect: string): void {
    this.#asking.set(connection, dialect);
    this.#tell('connect', ofConnection(connection, dialect));
  }

  /** No session opens for it. */
  refused(connection: Connection, error: Disconnect): void {
    this.#onEnd(connection, error, undefined);
    this.#gone(connection, error.closeCode, error);
  }

  /** The server is about to close the connection, whoever has it. */
  ending(connection: Connection, error: Disconnect): void {
    this.#onEnd(connection, error, undefined);
    this.#endings.set(connection, error);
  }

  /** The connection has ended, whatever came of it. */
  connectionClosed(connection: Connection, closeCode: number): void {
    this.#gone(connection, closeCode);
  }

  opened(session: ToldSession): void {
    const { sessionId, principal, connection } = session;
    const dialect = this.#asking.get(connection);
    if (!this.#asking.delete(connection)) this.#tell('connect', ofConnection(connection, dialect));
    this.#tell('connected', { ...ofConnection(connection, dialect), sessionId, principal });
  }

  subscribed({ sessionId, principal }: ToldSession, { id, name }: ToldSubscription): void {
    this.#tell('subscribe', { sessionId, principal, id, destination: name });
  }

  unsubscribed(
    { sessionId, principal }: ToldSession,
    { id, name }: ToldSubscription,
    reason: UnsubscribeReason,
    code?: ErrorCode,
  ): void {
    this.#tell('unsubscribe', { sessionId, principal, id, destination: name, reason, code });
  }

  /** To be told once of each session that was opened; `error` where the server ended it. */
  ended(session: ToldSession, closeCode: number, error?: Disconnect): void {
    const { sessionId, principal, connection } = session;
    if (error !== undefined) this.#onEnd(connection, error, session);
    this.#tellDisconnect(connection, { sessionId, principal }, closeCode, error);
  }

  /** From now on, a connection that closes with this code was closed by the server. */
  shutdown(goodbye: Disconnect): void {
    this.#goodbye = goodbye;
  }

  #gone(connection: Connection, closeCode: number, error?: Disconnect): void {
    if (!this.#asking.delete(connection)) return;
    const nobody = { sessionId: undefined, principal: undefined };
    this.#tellDisconnect(connection, nobody, closeCode, error);
  }

  #tellDisconnect(
    connection: Connection,
    whose: Pick<DisconnectEvent, 'sessionId' | 'principal'>,
    closeCode: number,
    given: Disconnect | undefined,
  ): void {
    const { connectionId } = connection;
    const goodbye = closeCode === this.#goodbye?.closeCode ? this.#goodbye : undefined;
    const error = given ?? this.#endings.get(connection) ?? goodbye;
    const reason = error === undefined ? reasonOf(closeCode) : 'disconnected';
    this.#tell('disconnect', { connectionId, ...whose, reason, closeCode, code: error?.code });
  }

  #tell<N extends SessionEventName>(name: N, event: SessionEventMap[N]): void {
    const listeners = this.#listenersOf(name);
    if (listeners.length === 0) return;
    if (this.#untold.length === 0) void Promise.resolve().then(() => this.#tellAll());
    this.#untold.push(() => {
      for (const listener of listeners) this.#run(name, listener, event);
    });
  }

  #tellAll(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const tell of untold) tell();
  }

  #run<N extends SessionEventName>(
    name: N,
    listener: SessionListener<N>,
    event: SessionEventMap[N],
  ): void {
    const failed = (error: unknown): void =>
      this.#log.error('a listener of session events failed', { event: name, error });
    try {
      Promise.resolve(listener(event)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #listenersOf<N extends SessionEventName>(name: N): readonly SessionListener<N>[] {
    return this.#listeners[name];
  }

  #setListeners<N extends SessionEventName>(
    name: N,
    listeners: readonly SessionListener<N>[],
  ): void {
    (this.#listeners as Record<N, readonly SessionListener<N>[]>)[name] = listeners;
  }
}

function ofConnection(connection: Connection, dialect: string | undefined): ConnectEvent {
  const { connectionId, transport, handshake } = connection;
  return { connectionId, transport, dialect, handshake };
}

/** RFC 6455 §7.4: 1000, 1001, 1005 and the codes of applications come from a peer that says goodbye; the others tell of a fault. */
function reasonOf(closeCode: number): DisconnectReason {
  const isGoodbye = closeCode === 1000 || closeCode === 1001 || closeCode === 1005;
  return isGoodbye || closeCode >= 3000 ? 'clean' : 'lost';
}
