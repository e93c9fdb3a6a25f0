/** Owns a connection without a socket: the server's end for a dialect, the client's end for a test. */
import type { Octets, TurnScheduler } from '../foundation/index.js';
import type {
  AcceptConnection,
  Connection,
  ConnectionReceiver,
  Handshake,
  SharedBatch,
  SharedMessage,
} from '../session/index.js';

/** A message as the client's end got it. */
export interface ReceivedMessage {
  readonly octets: Octets;
  readonly isBinary: boolean;
}

/** How a connection ended, as its client saw it. */
export interface ConnectionEnd {
  readonly closeCode: number;
  readonly reason: string;
}

export interface ConnectionPairOptions {
  /** Default `connection-1`. */
  readonly connectionId?: string;
  /** What the peer said when it came; what is left out is `/ws` without query, headers and subprotocol, from loopback. */
  readonly handshake?: Partial<Handshake>;
  /** Octets that a client which does not read takes all the same, as a kernel does. Default 0. */
  readonly kernelBytes?: number;
}

const CLOSED_ABNORMALLY = 1006;

/**
 * Two ends of one link in memory. The server's end is a `Connection`; the client's end sends, reads, stops reading and cuts.
 * What the server sends arrives at once while the client reads, in order; the end of the connection is told at the
 * end of the tick, as a socket tells it, once.
 */
export class ConnectionPair {
  /** The server's end. */
  readonly connection: Connection;
  readonly #end: ServerEnd;

  /** Gives the server's end to `accept`, as a transport does. */
  constructor(time: TurnScheduler, accept: AcceptConnection, options: ConnectionPairOptions = {}) {
    this.#end = new ServerEnd(time, options);
    this.connection = this.#end;
    this.#end.receiver = accept(this.#end);
  }

  /** Runs `listener` for every message from now on, as the client reads it. They are kept for `take` too. */
  onMessage(listener: (message: ReceivedMessage) => void): void {
    this.#end.onMessage = listener;
  }

  /** Sends a text message to the server; ignored when the connection has ended. */
  sendText(text: string): void {
    this.#end.arrived(text);
  }

  /** Sends a binary message to the server; the octets become the server's own. */
  sendBinary(octets: Octets): void {
    this.#end.arrived(octets);
  }

  /** What the client has read since it was last asked. */
  take(): readonly ReceivedMessage[] {
    return this.#end.take();
  }

  /** The client reads no more: beyond `kernelBytes`, what the server sends waits in `bufferedBytes`. */
  stopReading(): void {
    this.#end.stopReading();
  }

  /** The client reads on, what has waited first; the server is told that it may write. */
  readOn(): void {
    this.#end.readOn();
  }

  /** The link is gone without a word: what the client had not read is lost to it, as with a cut cable. */
  cut(): void {
    this.#end.finish(CLOSED_ABNORMALLY, '');
  }

  /** The client closes politely. */
  close(closeCode: number = 1000, reason: string = ''): void {
    this.#end.finish(closeCode, reason);
  }

  /** Runs when the server asks whether the client is there (`askAlive`). By default it is not answered. */
  set onAsked(listener: () => void) {
    this.#end.onAsked = listener;
  }

  /** The client's end of the link answers that, whatever its program does. */
  answerAsked(): void {
    if (this.#end.ended === undefined) this.#end.receiver?.peerAlive?.();
  }

  /** How it ended; undefined while it lives. */
  get ended(): ConnectionEnd | undefined {
    return this.#end.ended;
  }
}

class ServerEnd implements Connection {
  readonly connectionId: string;
  readonly transport: string = 'memory';
  readonly handshake: Handshake;
  receiver: ConnectionReceiver | undefined = undefined;
  onMessage: ((message: ReceivedMessage) => void) | undefined = undefined;
  ended: ConnectionEnd | undefined = undefined;
  onAsked: () => void = () => {};
  readonly #time: TurnScheduler;
  readonly #kernelBytes: number;
  #isReading = true;
  #waiting: SharedMessage[] = [];
  #waitingBytes = 0;
  #received: ReceivedMessage[] = [];
  #pauseCount = 0;
  /** What the client has sent and the server does not take yet, and the end that comes after it. */
  #unread: (string | Octets | ConnectionEnd)[] = [];

  constructor(time: TurnScheduler, options: ConnectionPairOptions) {
    this.#time = time;
    this.#kernelBytes = options.kernelBytes ?? 0;
    this.connectionId = options.connectionId ?? 'connection-1';
    this.handshake = {
      path: '/ws',
      query: new Map(),
      headers: new Map(),
      subprotocol: undefined,
      peer: { address: '127.0.0.1', port: 0, isSecure: false, share: undefined },
      ...options.handshake,
    };
  }

  get bufferedBytes(): number {
    return Math.max(0, this.#waitingBytes - this.#kernelBytes);
  }

  get isOpen(): boolean {
    return this.ended === undefined;
  }

  send(message: SharedMessage): void {
    if (!this.isOpen) return;
    if (this.#isReading) this.#deliver(message);
    else {
      this.#waiting.push(message);
      this.#waitingBytes += message.octets.length;
    }
  }

  sendBatch(batch: SharedBatch): void {
    for (const message of batch.messages) this.send(message);
  }

  pauseInput(): void {
    this.#pauseCount += 1;
  }

  resumeInput(): void {
    this.#pauseCount -= 1;
    if (this.#pauseCount === 0) this.#time.afterTurn(() => this.#readOn());
  }

  close(closeCode: number, reason: string): void {
    this.finish(closeCode, reason);
  }

  destroy(): void {
    this.#unread = [];
    this.finish(CLOSED_ABNORMALLY, '');
  }

  /** The client sends something. */
  arrived(message: string | Octets): void {
    if (!this.isOpen) return;
    this.#unread.push(message);
    this.#readOn();
  }

  #readOn(): void {
    for (let next = this.#unread[0]; next !== undefined; next = this.#unread[0]) {
      // An end that nothing stands before is seen at once.
      const isMessage = typeof next === 'string' || ArrayBuffer.isView(next);
      if (isMessage && this.#pauseCount > 0) return;
      this.#unread.shift();
      if (typeof next === 'string') this.receiver?.textReceived(next);
      else if (ArrayBuffer.isView(next)) this.receiver?.binaryReceived(next);
      else this.#tellClosed(next);
    }
  }

  /** Ends it once; what waits stays readable, since a polite close comes after it. */
  finish(closeCode: number, reason: string): void {
    if (!this.isOpen) return;
    this.ended = { closeCode, reason };
    if (closeCode === CLOSED_ABNORMALLY) this.#forgetWaiting();
    const end = this.ended;
    // What had been sent comes first, unless the link is gone while nobody takes it.
    if (closeCode === CLOSED_ABNORMALLY && this.#pauseCount > 0) this.#unread = [];
    this.#time.afterTick(() => {
      this.#unread.push(end);
      this.#readOn();
    });
  }

  #tellClosed({ closeCode, reason }: ConnectionEnd): void {
    const receiver = this.receiver;
    this.receiver = undefined;
    receiver?.closed(closeCode, reason);
  }

  askAlive(): void {
    this.onAsked();
  }

  stopReading(): void {
    this.#isReading = false;
  }

  readOn(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    const wasBuffered = this.bufferedBytes > 0;
    const waiting = this.#waiting;
    this.#forgetWaiting();
    for (const message of waiting) this.#deliver(message);
    if (wasBuffered && this.isOpen) this.receiver?.writable();
  }

  take(): readonly ReceivedMessage[] {
    const received = this.#received;
    this.#received = [];
    return received;
  }

  #deliver({ octets, isBinary }: SharedMessage): void {
    this.#received.push({ octets, isBinary });
    this.onMessage?.({ octets, isBinary });
  }

  #forgetWaiting(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
