/** Owns the choice of a connection's dialect: by what its handshake says, else by its first message. */
import {
  Deadline,
  Disconnect,
  type DeadlineWheel,
  type Log,
  type Metrics,
  type Octets,
} from '../../foundation/index.js';
import type {
  Admission,
  Connection,
  ConnectionReceiver,
  Handshake,
  SessionEvents,
} from '../../session/index.js';

/** One language that a path offers. */
export interface OfferedDialect {
  /** As configuration and events call it. */
  readonly name: string;
  /** Tokens of `Sec-WebSocket-Protocol` that name it. */
  readonly subprotocols: readonly string[];
  /**
   * Whether path, query or header fields say that it is this language, whose server may speak first. Asked once, when the connection
   * comes; of several the first in the list gets it. Left out: its subprotocols alone say so.
   */
  claims?(handshake: Handshake): boolean;
  /**
   * Whether the first message of a connection that nobody claims is this language; undefined: it says nothing yet, in this language,
   * and nothing is lost with it. Left out by a language that never begins with its client.
   */
  isFirstMessage?(message: string | Octets): boolean | undefined;
  accept(connection: Connection): ConnectionReceiver;
}

export interface SelectionEnvironment {
  readonly dialects: readonly OfferedDialect[];
  readonly deadlines: DeadlineWheel;
  /** Time for the first message; later it ends with `session/connect-timeout`. */
  readonly connectTimeoutMs: number;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Who is told that a client speaks, and that its connection has ended. Nobody when left out. */
  readonly events?: SessionEvents;
  /** Who counts connections. Nobody when left out. */
  readonly admission?: Admission;
}

/** Waits for the first message, chooses, and hands everything to the chosen dialect. */
export class DialectSelection implements ConnectionReceiver {
  readonly #environment: SelectionEnvironment;
  readonly #connection: Connection;
  readonly #deadline = new Deadline(() => this.#silent());
  #dialect: OfferedDialect | undefined;
  #chosen: ConnectionReceiver | undefined;
  #hasSpoken = false;

  constructor(environment: SelectionEnvironment, connection: Connection) {
    this.#environment = environment;
    this.#connection = connection;
    this.#dialect = environment.dialects.find((dialect) => isClaimed(dialect, connection));
    this.#chosen = this.#dialect?.accept(connection);
    // A dialect that is chosen has a deadline of its own, and words for it.
    if (this.#chosen === undefined) {
      environment.deadlines.set(this.#deadline, environment.connectTimeoutMs);
    }
    environment.admission?.arrived(connection);
  }

  textReceived(text: string): void {
    this.#guarded(() => this.#receiverFor(text)?.textReceived(text));
  }

  binaryReceived(octets: Octets): void {
    this.#guarded(() => this.#receiverFor(octets)?.binaryReceived(octets));
  }

  writable(): void {
    this.#guarded(() => this.#chosen?.writable());
  }

  closed(closeCode: number, reason: string): void {
    this.#environment.deadlines.clear(this.#deadline);
    this.#environment.admission?.ended(this.#connection);
    try {
      this.#chosen?.closed(closeCode, reason);
    } catch (error) {
      this.#environment.log.error('a dialect failed at the end of a connection', { error });
    }
    this.#environment.events?.connectionClosed(this.#connection, closeCode);
  }

  /** A defect of ours in one connection's dialect ends that connection, not the process. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#environment.log.error('a dialect failed', { error });
      this.#end(new Disconnect('server/internal-error', 'the server failed; come back'));
    }
  }

  #receiverFor(message: string | Octets): ConnectionReceiver | undefined {
    if (this.#hasSpoken) return this.#chosen;
    const dialect = this.#dialect ?? this.#dialectOf(message);
    if (dialect === 'unsaid') return undefined;
    this.#dialect = dialect;
    this.#hasSpoken = true;
    this.#environment.deadlines.clear(this.#deadline);
    if (this.#dialect === undefined) {
      this.#end(
        new Disconnect(
          'session/unknown-dialect',
          'the first message is of no dialect that this path offers',
        ),
      );
      return undefined;
    }
    this.#environment.events?.asks(this.#connection, this.#dialect.name);
    return (this.#chosen ??= this.#dialect.accept(this.#connection));
  }

  /** Of which language a first message is: `unsaid` where it says nothing yet, undefined where it is of none. */
  #dialectOf(message: string | Octets): OfferedDialect | 'unsaid' | undefined {
    let isUnsaid = false;
    for (const dialect of this.#environment.dialects) {
      if (dialect.isFirstMessage === undefined) continue;
      const answer = dialect.isFirstMessage(message);
      if (answer === true) return dialect;
      isUnsaid ||= answer === undefined;
    }
    return isUnsaid ? 'unsaid' : undefined;
  }

  #silent(): void {
    this.#end(new Disconnect('session/connect-timeout', 'no message came in time'));
  }

  #end(error: Disconnect): void {
    this.#environment.metrics.count('connections_disconnected', { code: error.code });
    this.#environment.events?.ending(this.#connection, error);
    this.#connection.close(error.closeCode, error.code);
  }
}

function isClaimed(dialect: OfferedDialect, { handshake }: Connection): boolean {
  const { subprotocol } = handshake;
  if (subprotocol !== undefined && dialect.subprotocols.includes(subprotocol)) return true;
  return dialect.claims?.(handshake) === true;
}
