/** Owns the choice of a connection's dialect: by its subprotocol, else by its first message. */
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
  SessionEvents,
} from '../../session/index.js';

/** One language that a path offers. */
export interface OfferedDialect {
  /** As configuration and events call it. */
  readonly name: string;
  /** Tokens of `Sec-WebSocket-Protocol` that name it. */
  readonly subprotocols: readonly string[];
  /** Whether a first message without a subprotocol is this language. */
  isFirstMessage(message: string | Octets): boolean;
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
    const { subprotocol } = connection.handshake;
    this.#dialect = environment.dialects.find(
      (dialect) => subprotocol !== undefined && dialect.subprotocols.includes(subprotocol),
    );
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
    // A heartbeat of STOMP says nothing yet, and nothing is lost with it.
    if (this.#chosen === undefined && hasLineEndsOnly(message)) return undefined;
    this.#hasSpoken = true;
    this.#environment.deadlines.clear(this.#deadline);
    this.#dialect ??= this.#environment.dialects.find((dialect) => dialect.isFirstMessage(message));
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

  #silent(): void {
    this.#end(new Disconnect('session/connect-timeout', 'no message came in time'));
  }

  #end(error: Disconnect): void {
    this.#environment.metrics.count('connections_disconnected', { code: error.code });
    this.#environment.events?.ending(this.#connection, error);
    this.#connection.close(error.closeCode, error.code);
  }
}

function hasLineEndsOnly(message: string | Octets): boolean {
  if (typeof message === 'string') return /^[\r\n]*$/.test(message);
  return message.every((octet) => octet === 0x0a || octet === 0x0d);
}
