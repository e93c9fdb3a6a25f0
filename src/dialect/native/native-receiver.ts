/** Owns a native connection before its session: the first message, authentication, and what arrives meanwhile. */
import { Disconnect, RequestError, type Octets, Deadline } from '../../foundation/index.js';
import {
  decodeClientBinary,
  decodeClientText,
  type ClientFrame,
  type InvalidFrame,
} from '../../protocol/native/index.js';
import type {
  Connection,
  ConnectionReceiver,
  Credentials,
  Principal,
} from '../../session/index.js';
import { frameMessage } from './delivery-encoding.js';
import type { NativeEnvironment } from './environment.js';
import { NativeSession } from './native-session.js';

type Frame = ClientFrame | InvalidFrame;

/** Opens the session at the first message and passes the rest on. */
export class NativeReceiver implements ConnectionReceiver {
  readonly #environment: NativeEnvironment;
  readonly #connection: Connection;
  #session: NativeSession | undefined;
  #waiting: Frame[] | undefined;
  #waitingBytes = 0;
  #isClosed = false;
  readonly #deadline = new Deadline(() => this.#late());

  constructor(environment: NativeEnvironment, connection: Connection) {
    this.#environment = environment;
    this.#connection = connection;
    environment.session.deadlines.set(this.#deadline, environment.connectTimeoutMs);
  }

  textReceived(text: string): void {
    if (this.#session === undefined) this.#frameReceived(decodeClientText(text), text.length);
    else this.#session.textReceived(text);
  }

  binaryReceived(octets: Octets): void {
    if (this.#session === undefined) {
      this.#frameReceived(decodeClientBinary(octets), octets.length);
    } else this.#session.binaryReceived(octets);
  }

  writable(): void {
    this.#session?.writable();
  }

  closed(closeCode: number): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#environment.session.deadlines.clear(this.#deadline);
    this.#session?.closed(closeCode);
  }

  #frameReceived(frame: Frame, byteLength: number): void {
    if (this.#isClosed) return;
    this.#waitingBytes += byteLength;
    if (this.#waiting === undefined) {
      // A connect that cannot be read opens no anonymous session: its sender may correct it.
      if (frame.type === 'invalid') return this.#refuse(frame);
      this.#waiting = [];
      if (frame.type !== 'connect') this.#waiting.push(frame);
      this.#open(frame).catch((error: unknown) => this.#failed(error));
      return;
    }
    const reached = this.#limitReached(this.#waiting.length);
    if (reached === undefined) {
      this.#waiting.push(frame);
      return;
    }
    this.#environment.session.metrics.count('limit_reached', { limit: reached });
    this.#disconnect(
      new Disconnect(
        'session/too-many-operations',
        `too much came before authentication was over (${reached})`,
      ),
    );
  }

  #limitReached(waitingCount: number): string | undefined {
    const { maxUnauthenticatedCount, maxUnauthenticatedBytes } = this.#environment.session.limits;
    if (waitingCount >= maxUnauthenticatedCount) return 'maxUnauthenticatedCount';
    return this.#waitingBytes > maxUnauthenticatedBytes ? 'maxUnauthenticatedBytes' : undefined;
  }

  async #open(first: Frame): Promise<void> {
    const { handshake } = this.#connection;
    const inFrame = first.type === 'connect' ? first.token : undefined;
    const token = inFrame ?? bearerToken(handshake.headers.get('authorization'));
    const principal = await this.#authenticate({ token, handshake });
    if (principal === undefined || this.#isClosed) return;
    const session = new NativeSession(this.#environment, this.#connection, principal);
    this.#session = session;
    this.#environment.session.deadlines.clear(this.#deadline);
    if (first.type === 'connect') session.greet(first);
    const waiting = this.#waiting ?? [];
    this.#waiting = [];
    for (const frame of waiting) session.frameReceived(frame);
  }

  #refuse({ id, error }: InvalidFrame): void {
    const { code, number, message } = error;
    const answer = {
      type: 'error',
      ...(id !== undefined && { id }),
      code,
      number,
      message,
    } as const;
    this.#environment.session.metrics.count('request_errors', { number: String(number) });
    this.#connection.send(frameMessage(answer));
  }

  /** The session is not open in time: nothing that can be read came, or authentication hangs. */
  #late(): void {
    this.#environment.session.metrics.count('limit_reached', { limit: 'connectTimeoutMs' });
    this.#disconnect(new Disconnect('session/connect-timeout', 'no session was open in time'));
  }

  /** A defect of ours, or of an application's part, ends this connection and not the process. */
  #failed(error: unknown): void {
    this.#environment.log.error('a session failed to open', { error });
    const internal = new Disconnect('server/internal-error', 'the server failed; come back');
    if (this.#session === undefined) this.#disconnect(internal);
    else this.#session.session.disconnect(internal);
  }

  async #authenticate(credentials: Credentials): Promise<Principal | undefined> {
    const { authenticate, log, session } = this.#environment;
    try {
      return checkedPrincipal(await authenticate(credentials));
    } catch (error) {
      session.metrics.count('authentication_failed', { transport: this.#connection.transport });
      const isExpected = error instanceof RequestError;
      if (!isExpected) log.error('the authenticate hook failed', { error });
      const why = isExpected ? error.message : 'authentication failed';
      this.#disconnect(new Disconnect('session/invalid-token', why));
      return undefined;
    }
  }

  #disconnect(error: Disconnect): void {
    this.#environment.session.deadlines.clear(this.#deadline);
    this.#isClosed = true;
    this.#waiting = [];
    this.#environment.session.events?.refused(this.#connection, error);
    const { code, closeCode, mayReconnect, message } = error;
    this.#connection.send(
      frameMessage({ type: 'disconnect', code, closeCode, mayReconnect, message }),
    );
    this.#connection.close(closeCode, code);
  }
}

/** A hook in JavaScript may forget to answer, or name nobody: that is no anonymous principal, and no silence. */
function checkedPrincipal(principal: Principal): Principal {
  const given: Partial<Record<keyof Principal, unknown>> | null | undefined = principal;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('the authenticate hook answered no principal');
  }
  const { name, expiresAtMs } = given;
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError('the name of a principal is a text, or undefined for anonymous clients');
  }
  if (expiresAtMs !== undefined && (typeof expiresAtMs !== 'number' || Number.isNaN(expiresAtMs))) {
    throw new TypeError('expiresAtMs of a principal is a number of milliseconds, or undefined');
  }
  return principal;
}

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1). */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || !/^bearer\b/i.test(authorization)) return undefined;
  // A malformed one is no token rather than none: nobody becomes anonymous by a slip.
  return /^bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(authorization)?.[1] ?? '';
}
