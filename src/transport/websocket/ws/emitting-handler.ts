/** Owns what an endpoint tells a WebSocket, apart from the application's own object: its state, and the events that it emits. */
import { CLOSE_ABNORMAL } from '../../../protocol/websocket/index.js';
import { Endpoint } from '../socket/endpoint.js';
import type { EndpointHandler } from '../socket/endpoint-handler.js';
import type { WebSocketError } from '../limits/errors.js';
import { messageData, type BinaryType } from '../socket/message-data.js';
import type { AcceptedSocket, ReadyState } from './web-socket-types.js';
import type { WebSocket } from './web-socket.js';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
const NOTHING = Buffer.alloc(0);

/** One for each WebSocket, made with it. Applications set properties and methods on their sockets, `closed` and `failed` among them. */
export class EmittingHandler implements EndpointHandler {
  readyState: ReadyState = CONNECTING;
  endpoint: Endpoint | undefined = undefined;
  binaryType: BinaryType = 'nodebuffer';
  readonly #emitter: WebSocket;
  #whenClosed: AcceptedSocket['closed'] = undefined;
  /** Whether each event waits for the next turn of the event loop, and holds the input until then. */
  #isStepwise = false;
  #hasFailed = false;
  #isDropped = false;

  constructor(emitter: WebSocket) {
    this.#emitter = emitter;
  }

  /** Takes over a socket whose opening handshake is done, and begins to read. */
  open(accepted: AcceptedSocket): void {
    const { socket, terms, head, options, compression } = accepted;
    this.#whenClosed = accepted.closed;
    this.#isStepwise = options.allowSynchronousEvents === false;
    const endpoint = new Endpoint(terms, socket, this, compression);
    this.endpoint = endpoint;
    endpoint.answersPings = options.autoPong ?? true;
    if (this.binaryType === 'fragments') endpoint.keepsFragmentEnds = true;
    this.readyState = OPEN;
    endpoint.start(head);
    this.#emitter.emit('open');
  }

  /** Ends the connection without a word; what has arrived is not told any more. */
  drop(): void {
    this.#isDropped = true;
    this.endpoint?.destroy();
  }

  /** The opening handshake came to nothing. */
  handshakeFailed(error: Error): void {
    this.readyState = CLOSING;
    // As with any emitter, an error of the opening handshake that nobody listens to is thrown.
    try {
      this.#emitter.emit('error', error);
    } finally {
      this.closed(CLOSE_ABNORMAL, NOTHING);
    }
  }

  textReceived(octets: Buffer, start: number, end: number): void {
    const isLent = this.endpoint?.lends(octets) ?? true;
    const data = messageData(octets, start, end, isLent, 'nodebuffer');
    if (this.#isStepwise) this.#later(() => this.#emitter.emit('message', data, false));
    else this.#emitter.emit('message', data, false);
  }

  binaryReceived(octets: Buffer, start: number, end: number): void {
    const isLent = this.endpoint?.lends(octets) ?? true;
    const ends = this.endpoint?.fragmentEnds;
    if (this.#isStepwise) {
      // Whoever waited for 'open' says only then in which form he wants it.
      const own = messageData(octets, start, end, isLent, 'nodebuffer') as Buffer;
      const keptEnds = ends?.slice();
      this.#later(() => {
        const data = messageData(own, 0, own.length, false, this.binaryType, keptEnds);
        this.#emitter.emit('message', data, true);
      });
    } else {
      const data = messageData(octets, start, end, isLent, this.binaryType, ends);
      this.#emitter.emit('message', data, true);
    }
  }

  pingReceived(octets: Buffer): void {
    if (this.#isStepwise) this.#later(() => this.#emitter.emit('ping', octets));
    else this.#emitter.emit('ping', octets);
  }

  pongReceived(octets: Buffer): void {
    if (this.#isStepwise) this.#later(() => this.#emitter.emit('pong', octets));
    else this.#emitter.emit('pong', octets);
  }

  /**
   * Holds input and emits in the next turn. Not before: what came in the segment of the handshake would be told before
   * whoever awaits 'open' or 'connection' has had his turn.
   */
  #later(emit: () => void): void {
    const { endpoint } = this;
    endpoint?.holdInput();
    setImmediate(() => {
      // The application has dropped it: it wants nothing more.
      if (!this.#isDropped) endpoint?.releaseInput(emit);
    });
  }

  closing(): void {
    this.readyState = CLOSING;
  }

  failed(error: WebSocketError): void {
    // A peer must not be able to end the process of an application that does not listen.
    if (this.#emitter.listenerCount('error') > 0) this.tellFailure(error);
  }

  /** An error is told once: what follows is a consequence. */
  tellFailure(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#emitter.emit('error', error);
  }

  drained(): void {}

  closed(closeCode: number, reason: Buffer): void {
    this.readyState = CLOSED;
    this.#whenClosed?.(this.#emitter);
    this.#emitter.emit('close', closeCode, reason);
  }
}

/** How a server opens its end of a connection: no name, because the application's class may have any. */
export const kAccept: unique symbol = Symbol('accept');
