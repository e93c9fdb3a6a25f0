/** Owns a native connection before its session: the first message, and who hears the others. */
import { countRequestError, Disconnect, type Octets } from '../../foundation/index.js';
import {
  decodeClientBinary,
  decodeClientText,
  type ClientFrame,
  type InvalidFrame,
} from '../../protocol/native/index.js';
import type { Connection, ConnectionReceiver, Principal } from '../../session/index.js';
import {
  bearerToken,
  Opening,
  type DialectEnvironment,
  type OpeningOutlet,
} from '../opening/index.js';
import { disconnectMessage, frameMessage } from './delivery-encoding.js';
import { NativeSession } from './native-session.js';

type Frame = ClientFrame | InvalidFrame;
/** As it came: decoded it would cost many times its octets while it waits. */
type Arrival = string | Octets;

/** Opens the session at the first message and passes the rest on. */
export class NativeReceiver implements ConnectionReceiver, OpeningOutlet<Arrival> {
  readonly #environment: DialectEnvironment;
  readonly #connection: Connection;
  readonly #opening: Opening<Arrival>;
  #connect: Extract<ClientFrame, { readonly type: 'connect' }> | undefined;
  #session: NativeSession | undefined;
  #isClosed = false;

  constructor(environment: DialectEnvironment, connection: Connection) {
    this.#environment = environment;
    this.#connection = connection;
    this.#opening = new Opening<Arrival>(environment, connection, this);
  }

  textReceived(text: string): void {
    if (this.#session === undefined) {
      this.#arrivedEarly(text, () => decodeClientText(text, this.#maxJsonValueCount));
    } else this.#session.textReceived(text);
  }

  binaryReceived(octets: Octets): void {
    if (this.#session === undefined) {
      this.#arrivedEarly(octets, () => decodeClientBinary(octets, this.#maxJsonValueCount));
    } else this.#session.binaryReceived(octets);
  }

  get #maxJsonValueCount(): number {
    return this.#environment.session.limits.maxJsonValueCount;
  }

  writable(): void {
    this.#session?.writable();
  }

  closed(closeCode: number): void {
    this.#isClosed = true;
    this.#opening.closed();
    this.#session?.closed(closeCode);
  }

  opened(principal: Principal): void {
    this.#session = new NativeSession(this.#environment, this.#connection, principal);
    if (this.#connect !== undefined) this.#session.greet(this.#connect);
    // It has the token in it.
    this.#connect = undefined;
  }

  arrived(arrival: Arrival): void {
    if (typeof arrival === 'string') this.#session?.textReceived(arrival);
    else this.#session?.binaryReceived(arrival);
  }

  refused(error: Disconnect): void {
    this.#isClosed = true;
    this.#session?.session.end(error.closeCode, error);
    this.#connection.send(disconnectMessage(error));
    this.#connection.close(error.closeCode, error.code);
  }

  #arrivedEarly(arrival: Arrival, decode: () => Frame): void {
    if (this.#isClosed) return;
    const { length } = arrival;
    if (this.#opening.isBegun) return this.#opening.wait(arrival, length);
    const frame = decode();
    // A connect that cannot be read opens no anonymous session: its sender may correct it.
    if (frame.type === 'invalid') return this.#answerInvalid(frame);
    if (frame.type === 'connect') this.#connect = frame;
    const inFrame = frame.type === 'connect' ? frame.token : undefined;
    const { headers } = this.#connection.handshake;
    const token = inFrame ?? bearerToken(headers.get('authorization'));
    this.#opening.begin({ token }, length);
    if (frame.type !== 'connect') this.#opening.wait(arrival, 0);
  }

  #answerInvalid({ id, error }: InvalidFrame): void {
    const { code, number, message } = error;
    const answer = {
      type: 'error',
      ...(id !== undefined && { id }),
      code,
      number,
      message,
    } as const;
    countRequestError(this.#environment.session.metrics, error);
    this.#connection.send(frameMessage(answer));
    // It is in no sum yet: what waits for it is bounded as tightly as what a session pulls.
    const { maxBufferedBytes, maxOutboundBytes } = this.#environment.session.limits;
    if (this.#connection.bufferedBytes <= Math.min(maxBufferedBytes, maxOutboundBytes)) return;
    const words = 'too many octets wait for this connection (maxBufferedBytes)';
    this.#opening.refuse(new Disconnect('session/slow-consumer', words));
  }
}
