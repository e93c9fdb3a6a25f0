/** Owns a connection of STOMP before its session: CONNECT, the version, and who hears the other frames. */
import {
  Deadline,
  Disconnect,
  encodeUtf8,
  MAX_SLICE_UNITS,
  type Octets,
} from '../../foundation/index.js';
import {
  CLIENT_COMMANDS,
  negotiatedVersion,
  parseHeartbeatOffer,
  STOMP_VERSIONS,
  StompParser,
  type ClientCommand,
  type HeartbeatOffer,
  type StompFrame,
  type StompFrameSink,
  type StompHeaders,
  type StompVersion,
  type StompViolation,
} from '../../protocol/stomp/index.js';
import type { Connection, ConnectionReceiver, InputGate, Principal } from '../../session/index.js';
import { bearerToken, KeptInput, Opening, type OpeningOutlet } from '../opening/index.js';
import type { StompEnvironment } from './environment.js';
import { errorMessage } from './server-frames.js';
import { StompSession } from './stomp-session.js';

type Frame = StompFrame<ClientCommand>;

/** Opens the session at CONNECT; anything else before it ends the connection. */
export class StompReceiver
  implements ConnectionReceiver, StompFrameSink<ClientCommand>, OpeningOutlet<Frame>, InputGate
{
  readonly #environment: StompEnvironment;
  readonly #connection: Connection;
  readonly #opening: Opening<Frame>;
  readonly #parser: StompParser<ClientCommand>;
  #version: StompVersion = '1.0';
  #heartbeats: HeartbeatOffer = { sendsEveryMs: 0, wantsEveryMs: 0 };
  #errorHeaders: StompHeaders = [];
  #session: StompSession | undefined;
  /** Made once a frame, or a part of a message, has to wait: most connections never need it. */
  #kept: KeptInput | undefined = undefined;
  readonly #frameDeadline = new Deadline(() => this.#frameLate());
  #isFrameTimed = false;
  /** Units of work since it last began to read, and frames since a message was whole. */
  #units = 0;
  #frameCount = 0;
  /** Whether the connection waits for what was read of it to be parsed. */
  #isHolding = false;
  #pauseCount = 0;
  #isArriving = true;
  readonly #goOn = (): void => this.#readOn();

  constructor(environment: StompEnvironment, connection: Connection) {
    this.#environment = environment;
    this.#connection = connection;
    this.#opening = new Opening<Frame>(environment, connection, this, this);
    const { maxMessageBytes, session } = environment;
    const limits = { ...session.limits, maxMessageBytes };
    this.#parser = new StompParser<ClientCommand>(CLIENT_COMMANDS, limits, this);
  }

  textReceived(text: string): void {
    // Most of what an idle client says: a heartbeat between frames.
    if (text === '\n' && this.#parser.isBetweenFrames) this.#session?.heard();
    else this.binaryReceived(encodeUtf8(text));
  }

  binaryReceived(octets: Octets): void {
    this.#session?.heard();
    this.#units = 0;
    this.#frameCount = 0;
    this.#parser.receive(octets);
    this.#wasRead();
  }

  writable(): void {
    this.#session?.writable();
  }

  peerAlive(): void {
    this.#session?.heard();
  }

  closed(closeCode: number): void {
    this.#stopReading();
    this.#opening.closed();
    this.#environment.session.turns.forget(this.#goOn);
    this.#session?.closed(closeCode);
  }

  /** A message may hold any number of frames: they have their turns as messages have. */
  frameReceived(frame: Frame): void {
    if (this.#isFrameTimed) this.#frameWhole();
    this.#frameCount += 1;
    const { maxFramesPerMessage } = this.#environment.session.limits;
    if (this.#frameCount > maxFramesPerMessage) {
      const message = `one message has more than ${maxFramesPerMessage} frames`;
      return this.violated({ message, limit: 'maxFramesPerMessage' });
    }
    this.#take(frame);
    const units = 1 + (byteLengthOf(frame) >> 10);
    this.#units += units;
    const hasRoom = this.#environment.session.turns.spend(units);
    if (!hasRoom || this.#units >= MAX_SLICE_UNITS) this.#parser.pause();
  }

  #take(frame: Frame): void {
    if (this.#session !== undefined) return this.#session.frameReceived(frame);
    const isConnect = frame.command === 'CONNECT' || frame.command === 'STOMP';
    if (!this.#opening.isBegun) {
      if (isConnect) return this.#connectReceived(frame);
      return this.#refuse(`the first frame is CONNECT, not ${frame.command}`);
    }
    if (isConnect) return this.#refuse('a connection has one CONNECT');
    this.#opening.wait(frame, byteLengthOf(frame));
  }

  violated({ message, limit }: StompViolation): void {
    this.#stopReading();
    if (limit !== undefined) {
      this.#environment.session.metrics.count('limit_reached', { limit });
    }
    if (this.#session === undefined) this.#refuse(message);
    else this.#session.violated(message);
  }

  opened(principal: Principal): void {
    this.#session = new StompSession(
      this.#environment,
      this.#connection,
      principal,
      this.#version,
      this,
    );
    this.#session.greet(this.#heartbeats);
  }

  arrived(frame: Frame): void {
    this.#session?.frameReceived(frame);
  }

  refused(error: Disconnect): void {
    this.#stopReading();
    this.#session?.session.end(error.closeCode, error);
    const { code, closeCode, message } = error;
    const headers = this.#errorHeaders;
    // Until CONNECTED says a version, clients such as stompjs take headers as they stand: written as 1.0 has them.
    const version = this.#session === undefined ? '1.0' : this.#version;
    this.#connection.send(errorMessage(version, { code, message, headers }));
    this.#connection.close(closeCode, code);
  }

  #connectReceived(frame: Frame): void {
    const { headers } = frame;
    const version = negotiatedVersion(headers.get('accept-version'));
    if (version === undefined) {
      const known = STOMP_VERSIONS.toReversed();
      this.#errorHeaders = [['version', known.join(',')]];
      return this.#refuse(`supported protocol versions are ${known.join(' ')}`);
    }
    const heartbeats = parseHeartbeatOffer(headers.get('heart-beat'));
    if (heartbeats === undefined) {
      return this.#refuse('"heart-beat" is two numbers of milliseconds with a comma between them');
    }
    this.#version = version;
    this.#parser.version = version;
    // STOMP 1.0 has none.
    if (version !== '1.0') this.#heartbeats = heartbeats;
    this.#opening.begin(
      {
        token: tokenOf(headers, this.#connection.handshake.headers),
        login: givenIn(headers).login,
        connectHeaders: headers,
      },
      byteLengthOf(frame),
    );
  }

  /** No frame is handed on until it is resumed as often: what of a message was read, and the connection, wait. */
  pauseInput(): void {
    this.#pauseCount += 1;
    this.#parser.pause();
    this.#holdConnection();
  }

  resumeInput(): void {
    this.#pauseCount -= 1;
    if (this.#pauseCount > 0) return;
    // The first pause was for its authentication.
    this.#environment.session.turns.later(this.#goOn, this.#isArriving ? 'arrival' : 'backlog');
  }

  /** All was read, or there is more of it than this turn has room for: then the connection waits with it. */
  #wasRead(): void {
    this.#countKept();
    if (!this.#parser.isBetweenFrames && !this.#isFrameTimed) this.#timeFrame();
    if (!this.#parser.isPaused || this.#pauseCount > 0) return;
    if (!this.#parser.hasUnread) return this.#parser.resume();
    this.#holdConnection();
    this.#environment.session.turns.later(this.#goOn, 'backlog');
  }

  /** What is kept of a frame, or of a message that waits for its turn, counts with that of all connections. */
  #countKept(): void {
    const isEmpty = this.#parser.isBetweenFrames && !this.#parser.hasUnread;
    if (isEmpty) return this.#kept?.keepsNothing();
    this.#kept ??= new KeptInput(this.#environment, this.#connection, (error) => {
      this.#stopReading();
      if (this.#session === undefined) this.#opening.refuse(error);
      else this.#session.session.disconnect(error);
    });
    this.#kept.keeps(this.#parser.keptBytes);
  }

  #holdConnection(): void {
    if (!this.#isHolding) this.#connection.pauseInput();
    this.#isHolding = true;
  }

  #readOn(): void {
    if (this.#pauseCount > 0) return;
    this.#isArriving = this.#session === undefined;
    this.#units = 0;
    this.#parser.resume();
    this.#wasRead();
    if (this.#parser.isPaused || !this.#isHolding) return;
    this.#isHolding = false;
    this.#connection.resumeInput();
  }

  /** The engine times one message; a frame may be spread over any number of them. */
  #timeFrame(): void {
    const { messageTimeoutMs, session } = this.#environment;
    if (messageTimeoutMs === 0) return;
    this.#isFrameTimed = true;
    session.deadlines.set(this.#frameDeadline, messageTimeoutMs);
  }

  #frameWhole(): void {
    this.#isFrameTimed = false;
    this.#environment.session.deadlines.clear(this.#frameDeadline);
  }

  #frameLate(): void {
    const { messageTimeoutMs } = this.#environment;
    const message = `a frame was not complete ${messageTimeoutMs} ms after its first octet`;
    this.violated({ message, limit: 'messageTimeoutMs' });
  }

  #stopReading(): void {
    this.#parser.stop();
    this.#kept?.keepsNothing();
    if (this.#isFrameTimed) this.#frameWhole();
  }

  #refuse(message: string): void {
    this.#stopReading();
    this.#opening.refuse(new Disconnect('session/protocol-error', message));
  }
}

/** What CONNECT says of who it is; an empty `login` is none. */
function givenIn(headers: ReadonlyMap<string, string>): {
  login: string | undefined;
  passcode: string | undefined;
} {
  return { login: headers.get('login') || undefined, passcode: headers.get('passcode') };
}

/** `Authorization: Bearer …` as clients of Spring's send it, else the passcode, else what the HTTP request said. */
function tokenOf(
  headers: ReadonlyMap<string, string>,
  handshakeHeaders: ReadonlyMap<string, string>,
): string | undefined {
  for (const [name, value] of headers) {
    if (name.toLowerCase() === 'authorization') {
      const token = bearerToken(value);
      if (token !== undefined) return token;
    }
  }
  const { passcode, login } = givenIn(headers);
  // A client without credentials that fills in both says nothing; a name without its passcode is a slip, and no token.
  const isLeftOut = passcode === undefined || (passcode === '' && login === undefined);
  return isLeftOut ? bearerToken(handshakeHeaders.get('authorization')) : passcode;
}

/** About what a frame costs while it waits. */
function byteLengthOf({ headers, body }: Frame): number {
  let length = body.length;
  for (const [name, value] of headers) length += name.length + value.length;
  return length;
}
