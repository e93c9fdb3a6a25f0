/** Owns a connection between its acceptance and its open session: the deadline, authentication, and what arrives meanwhile. */
import { Deadline, Disconnect, RequestError } from '../../foundation/index.js';
import { checkedPrincipal } from '../../session/index.js';
import type { Connection, Credentials, InputGate, Principal } from '../../session/index.js';
import type { DialectEnvironment } from './environment.js';
import { KeptInput } from './kept-input.js';

/** What a dialect does when its opening has come to something. */
export interface OpeningOutlet<Arrival> {
  /** The principal is known: makes the session, and greets. */
  opened(principal: Principal): void;
  /** What waited for that, in its order. */
  arrived(arrival: Arrival): void;
  /** No session opens, or it failed to: ends one that was made, says why and closes the connection. */
  refused(error: Disconnect): void;
}

/** Ends with `opened` or `refused`, or in silence when the connection is closed. */
export class Opening<Arrival> {
  readonly #environment: DialectEnvironment;
  readonly #connection: Connection;
  readonly #outlet: OpeningOutlet<Arrival>;
  readonly #deadline = new Deadline(() => this.#late());
  readonly #gate: InputGate;
  #isPaused = false;
  #waiting: Arrival[] = [];
  #waitingBytes = 0;
  /** While something is kept: this lives as long as the connection. */
  #kept: KeptInput | undefined = undefined;
  #isBegun = false;
  #isOver = false;

  constructor(
    environment: DialectEnvironment,
    connection: Connection,
    outlet: OpeningOutlet<Arrival>,
    gate: InputGate = connection,
  ) {
    this.#gate = gate;
    this.#environment = environment;
    this.#connection = connection;
    this.#outlet = outlet;
    environment.session.deadlines.set(this.#deadline, environment.connectTimeoutMs);
  }

  /** Whether a principal is being looked for. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /**
   * Looks for the principal; at most once. `byteLength` is what the client said until now. Meanwhile the connection is not read, so that
   * a stranger leaves nothing here.
   */
  begin(credentials: Omit<Credentials, 'handshake'>, byteLength: number): void {
    this.#isBegun = true;
    this.#environment.admission?.asks(this.#connection);
    this.#waitingBytes += byteLength;
    this.#isPaused = true;
    this.#gate.pauseInput();
    this.#keep();
    if (this.#isOver) return;
    this.#open(credentials).catch((error: unknown) => this.#failed(error));
  }

  /** Keeps what comes all the same, of a transport that cannot be made to wait, within limits. */
  wait(arrival: Arrival, byteLength: number): void {
    if (this.#isOver) return;
    this.#waitingBytes += byteLength;
    const reached = this.#limitReached();
    if (reached === undefined) {
      this.#waiting.push(arrival);
      this.#keep();
      return;
    }
    this.#environment.session.metrics.count('limit_reached', { limit: reached });
    this.refuse(
      new Disconnect(
        'session/too-many-operations',
        `too much came before authentication was over (${reached})`,
      ),
    );
  }

  /** Gives the opening up. */
  refuse(error: Disconnect): void {
    if (this.#isOver) return;
    this.closed();
    this.#environment.session.events?.refused(this.#connection, error);
    this.#outlet.refused(error);
  }

  /** The connection is gone. */
  closed(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#kept?.keepsNothing();
    this.#kept = undefined;
    this.#environment.session.deadlines.clear(this.#deadline);
    if (this.#isPaused) this.#gate.resumeInput();
    this.#isPaused = false;
  }

  #keep(): void {
    const refuse = (error: Disconnect): void => this.refuse(error);
    this.#kept ??= new KeptInput(this.#environment, this.#connection, refuse);
    this.#kept.keeps(this.#waitingBytes);
  }

  #limitReached(): string | undefined {
    const { maxUnauthenticatedCount, maxUnauthenticatedBytes } = this.#environment.session.limits;
    if (this.#waiting.length >= maxUnauthenticatedCount) return 'maxUnauthenticatedCount';
    return this.#waitingBytes > maxUnauthenticatedBytes ? 'maxUnauthenticatedBytes' : undefined;
  }

  async #open(given: Omit<Credentials, 'handshake'>): Promise<void> {
    const { handshake } = this.#connection;
    const principal = await this.#authenticate({ ...given, handshake });
    if (principal === undefined || this.#isOver) return;
    if (this.#isNamedAsSession(principal) || this.#hasTooManySessions(principal)) return;
    this.#outlet.opened(principal);
    this.#environment.admission?.opened(this.#connection);
    this.#connection.forgetHandshake?.();
    const waiting = this.#waiting;
    this.closed();
    for (const arrival of waiting) this.#outlet.arrived(arrival);
  }

  /** Refuses a name that is the id of somebody's session: what is for that name would go there (semantics U2). */
  #isNamedAsSession({ name }: Principal): boolean {
    const { metrics, registry } = this.#environment.session;
    if (name === undefined || registry.session(name) === undefined) return false;
    metrics.count('authentication_failed', { transport: this.#connection.transport });
    this.refuse(
      new Disconnect(
        'session/invalid-token',
        'a principal has the id of a live session for its name',
      ),
    );
    return true;
  }

  /** Refuses one more session of a name that has as many as it may. */
  #hasTooManySessions({ name }: Principal): boolean {
    const { limits, metrics, registry } = this.#environment.session;
    const { maxSessionsPerPrincipal } = limits;
    if (name === undefined || registry.countOf(name) < maxSessionsPerPrincipal) return false;
    metrics.count('limit_reached', { limit: 'maxSessionsPerPrincipal' });
    this.refuse(
      new Disconnect(
        'session/too-many',
        `one principal has at most ${maxSessionsPerPrincipal} sessions (maxSessionsPerPrincipal)`,
      ),
    );
    return true;
  }

  async #authenticate(credentials: Credentials): Promise<Principal | undefined> {
    const { authenticate, log, session } = this.#environment;
    try {
      return checkedPrincipal(await authenticate(credentials));
    } catch (error) {
      session.metrics.count('authentication_failed', { transport: this.#connection.transport });
      const isExpected = error instanceof RequestError;
      if (!isExpected) log.error('the authenticate hook failed', { error });
      this.refuse(refusalFor(isExpected ? error : undefined));
      return undefined;
    }
  }

  /** The session is not open in time: nothing that can be read came, or authentication hangs. */
  #late(): void {
    this.#environment.session.metrics.count('limit_reached', { limit: 'connectTimeoutMs' });
    this.refuse(new Disconnect('session/connect-timeout', 'no session was open in time'));
  }

  /** A defect of ours, or of an application's part, ends this connection and not the process. */
  #failed(error: unknown): void {
    this.#environment.log.error('a session failed to open', { error });
    this.closed();
    const internal = new Disconnect('server/internal-error', 'the server failed; come back');
    this.#environment.session.events?.refused(this.#connection, internal);
    try {
      this.#outlet.refused(internal);
    } catch (cause) {
      // To say so may be what fails.
      this.#environment.log.error('a connection could not be refused', { error: cause });
      this.#connection.close(internal.closeCode, internal.code);
    }
  }
}

/** Only what is the client's own fault keeps it away for good: a hook that fails, or says "try again", has it come back. */
function refusalFor(error: RequestError | undefined): Disconnect {
  if (error === undefined) {
    return new Disconnect('server/internal-error', 'authentication failed; come back');
  }
  return new Disconnect(
    error.mayTryAgain ? 'session/operation-failed' : 'session/invalid-token',
    error.message,
  );
}
