/** Owns a server that exists only in a test: a WebSocket class whose other end the test plays by hand. */
import { octetsOf } from '../foundation/index.js';

type Handler<Event> = ((event: Event) => void) | null;

/** What the class under test holds: WHATWG's WebSocket, as far as clients use it, with the test at the other end. */
export class ScriptedSocket {
  readonly url: string;
  readonly protocols: readonly string[];
  binaryType: string = 'blob';
  onopen: Handler<object> = null;
  onmessage: Handler<{ readonly data: unknown }> = null;
  onerror: Handler<{ readonly message: string }> = null;
  onclose: Handler<{ readonly code: number; readonly reason: string }> = null;
  /** 0 connecting, 1 open, 2 closing, 3 closed, as in the standard. */
  readyState: 0 | 1 | 2 | 3 = 0;
  /** The close code that `close()` was called with; 1005 for none, undefined before. */
  closedWith: number | undefined;
  readonly #sent: (string | Uint8Array)[] = [];

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  /** Called by the code under test. Throws while connecting and is silent once closed, as the standard says. */
  send(data: string | Uint8Array): void {
    if (this.readyState === 0) throw new Error('InvalidStateError: the socket is connecting');
    if (this.readyState === 1) this.#sent.push(data);
  }

  /** Called by the code under test; `ended` completes it. */
  close(closeCode: number = 1005): void {
    if (this.readyState >= 2) return;
    this.closedWith = closeCode;
    this.readyState = 2;
  }

  /** Takes the oldest messages that were sent and not taken, all by default; text is parsed as JSON. */
  takeSent(maxCount: number = Infinity): unknown[] {
    return this.#sent
      .splice(0, maxCount)
      .map((data) => (typeof data === 'string' ? (JSON.parse(data) as unknown) : data));
  }

  /** The server accepts the handshake. */
  opened(): void {
    this.readyState = 1;
    this.onopen?.({});
  }

  /** The server sends: text and octets as they are, anything else as JSON text. */
  received(message: unknown): void {
    const octets = octetsOf(message);
    if (octets !== undefined) {
      this.onmessage?.({ data: octets.slice().buffer });
    } else {
      this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
    }
  }

  /** The connection ends; without a close code as when the network fails, which is an `error` first. */
  ended(closeCode: number = 1006, reason: string = ''): void {
    this.readyState = 3;
    if (closeCode === 1006) this.onerror?.({ message: reason });
    this.onclose?.({ code: closeCode, reason: closeCode === 1006 ? '' : reason });
  }
}

/** Pass its `WebSocket` to a client, and play the server on its sockets. */
export class ScriptedServer {
  readonly WebSocket: new (url: string, protocols: string[]) => ScriptedSocket;
  /** Every socket that was made, the oldest first. */
  readonly sockets: ScriptedSocket[] = [];

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends ScriptedSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
  }

  /** The newest socket. Throws when there is none. */
  get socket(): ScriptedSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('nobody has connected to the scripted server');
    return socket;
  }
}
