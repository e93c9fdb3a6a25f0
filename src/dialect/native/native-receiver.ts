/** Owns a native connection before its session: the first message, and who hears the others. */
import { countRequestError, type Disconnect, type Octets } from '../../foundation/index.js';
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

/** Opens the session at the first message and passes the rest on. */
export class NativeReceiver implements ConnectionReceiver, OpeningOutlet<Frame> {
  readonly #environment: DialectEnvironment;
  readonly #connection: Connection;
  readonly #opening: Opening<Frame>;
  #connect: Extract<ClientFrame, { readonly type: 'connect' }> | undefined;
  #session: NativeSession | undefined;
  #isClosed = false;

  constructor(environment: DialectEnvironment, connection: Connection) {
    this.#environment = environment;
    this.#connection = connection;
    this.#opening = new Opening<Frame>(environment, connection, this);
  }

  textReceived(text: string): void {
    if (this.#session === undefined)
      this.#frameReceived(decodeClientText(text, this.#maxJsonValueCount), text.length);
    else this.#session.textReceived(text);
  }

  binaryReceived(octets: Octets): void {
    if (this.#session === undefined) {
      this.#frameReceived(decodeClientBinary(octets, this.#maxJsonValueCount), octets.length);
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
  }

  arrived(frame: Frame): void {
    this.#session?.frameReceived(frame);
  }

  refused(error: Disconnect): void {
    this.#isClosed = true;
    this.#session?.session.end(error.closeCode, error);
    this.#connection.send(disconnectMessage(error));
    this.#connection.close(error.closeCode, error.code);
  }

  #frameReceived(frame: Frame, byteLength: number): void {
    if (this.#isClosed) return;
    if (this.#opening.isBegun) {
      // What waits lets go of what it was parsed to.
      if (frame.type === 'send' || frame.type === 'request') frame.body.takeJson();
      return this.#opening.wait(frame, byteLength);
    }
    // A connect that cannot be read opens no anonymous session: its sender may correct it.
    if (frame.type === 'invalid') return this.#answerInvalid(frame);
    if (frame.type === 'connect') this.#connect = frame;
    const inFrame = frame.type === 'connect' ? frame.token : undefined;
    const { headers } = this.#connection.handshake;
    const token = inFrame ?? bearerToken(headers.get('authorization'));
    this.#opening.begin({ token }, byteLength);
    if (frame.type !== 'connect') this.#opening.wait(frame, 0);
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
  }
}
