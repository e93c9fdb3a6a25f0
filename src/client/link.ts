/** Owns one attempt to connect and the connection that comes of it: token, socket, first message, watch over silence. */
import {
  closeCodeMayReconnect,
  DISCONNECTS,
  MAX_TIMER_MS,
  type Cancel,
  type ErrorCode,
} from '../foundation/index.js';
import { NATIVE_SUBPROTOCOL } from '../protocol/native/index.js';
import { encodeMessage, type OutgoingMessage } from './client-message.js';
import type { ClientSettings, Token } from './client-options.js';
import { readMessage, type ServerMessage } from './server-message.js';
import { afterUnlessEndless } from './system-time.js';
import type { ClientSocket } from './web-socket.js';

/** How a link ended. */
export interface LinkEnd {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly closeCode?: number | undefined;
  readonly mayReconnect: boolean;
}

/** Who is told about a link; nothing follows `linkEnded`. */
export interface LinkSink {
  linkConnected(message: ServerMessage): void;
  linkReceived(message: ServerMessage): void;
  /** Something came that is no message of this dialect. */
  linkFaulty(): void;
  linkEnded(end: LinkEnd): void;
}

/** Intervals of silence after which the server counts as dead (docs/wire/native.md, Heartbeats). */
const SILENT_INTERVALS = 3;

export class Link {
  readonly #settings: ClientSettings;
  readonly #sink: LinkSink;
  #socket: ClientSocket | undefined;
  #stopTimer: Cancel;
  #isConnected = false;
  #isOver = false;
  #heardAtMs = 0;
  /** What the error event said, which browsers leave empty. */
  #fault = '';
  /** The server's `disconnect`: it says more than the close code that follows. */
  #farewell: ServerMessage | undefined;

  constructor(settings: ClientSettings, sink: LinkSink) {
    this.#settings = settings;
    this.#sink = sink;
    const { connectTimeoutMs, time } = settings;
    this.#stopTimer = afterUnlessEndless(time, connectTimeoutMs, () => {
      this.#drop('client/connect-timeout', `not connected within ${connectTimeoutMs} ms`);
    });
  }

  /** Begins; a separate step because it may end at once. */
  open(token: Token | undefined): void {
    if (typeof token !== 'function') {
      this.#dial(token);
      return;
    }
    void Promise.resolve()
      .then(token)
      .then(
        (fresh) => this.#dial(fresh),
        (cause: unknown) => this.#drop('client/token-failed', `no token: ${String(cause)}`),
      );
  }

  transmit(message: OutgoingMessage): void {
    this.#socket?.send(message);
  }

  /** Ends without telling the sink. */
  close(closeCode?: number): void {
    this.#isOver = true;
    this.#stopTimer();
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // Some implementations throw when an error has no listener.
    socket.onerror = () => {};
    socket.close(closeCode);
  }

  #dial(token: string | undefined): void {
    if (this.#isOver) return;
    const { url, WebSocket: WebSocketClass } = this.#settings;
    // The wire has whole numbers, and none for Infinity: that is as good as none.
    const heartbeatIntervalMs = Math.ceil(this.#settings.heartbeatIntervalMs);
    try {
      this.#socket = new WebSocketClass(url, [NATIVE_SUBPROTOCOL]);
    } catch (cause) {
      // The platform refuses the URL (its port, or no TLS from a page with TLS): so it would the next time.
      const reason = `no WebSocket to ${url}: ${String(cause)}`;
      this.#end({ code: 'client/invalid-url', reason, mayReconnect: false });
      return;
    }
    const socket = this.#socket;
    socket.binaryType = 'arraybuffer';
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      this.transmit(encodeMessage({ type: 'connect', token, heartbeatIntervalMs }));
    };
    socket.onmessage = (event: { readonly data: unknown }) => this.#received(event.data);
    socket.onerror = (event: { readonly message?: string }) => {
      this.#fault = event.message ?? '';
      // Node 22 has no close event for a connection that could not be opened; its code could only be 1006.
      if (!isOpen) this.#closed(1006, '');
    };
    socket.onclose = (event: { readonly code: number; readonly reason: string }) =>
      this.#closed(event.code, event.reason);
  }

  #received(data: unknown): void {
    this.#heardAtMs = this.#settings.time.monotonicMs();
    const message = readMessage(data);
    if (message === undefined) {
      this.#sink.linkFaulty();
      return;
    }
    switch (message.type) {
      case 'connected':
        if (!this.#isConnected) this.#connected(message);
        return;
      case 'disconnect':
        this.#farewell = message;
        return;
      case 'heartbeat':
      case 'ack':
        return;
      default:
        this.#sink.linkReceived(message);
    }
  }

  #connected(message: ServerMessage): void {
    this.#isConnected = true;
    this.#stopTimer();
    const intervalMs = message.heartbeatIntervalMs ?? 0;
    const silenceMs = Math.min(SILENT_INTERVALS * intervalMs, MAX_TIMER_MS);
    if (silenceMs > 0) this.#watch(silenceMs, silenceMs);
    this.#sink.linkConnected(message);
  }

  /** One timer for many messages: it looks back when it fires, and sleeps for the rest. */
  #watch(delayMs: number, silenceMs: number): void {
    const { time } = this.#settings;
    this.#stopTimer = time.after(delayMs, () => {
      const leftMs = this.#heardAtMs + silenceMs - time.monotonicMs();
      if (leftMs > 0) this.#watch(leftMs, silenceMs);
      else this.#drop('client/heartbeat-timeout', `the server was silent for ${silenceMs} ms`);
    });
  }

  #closed(closeCode: number, words: string): void {
    const known = Object.entries(DISCONNECTS).find(([, number]) => number === closeCode)?.[0];
    const code = known ?? (this.#isConnected ? 'client/connection-lost' : 'client/connect-failed');
    const reason = words || this.#fault || `the connection ended with close code ${closeCode}`;
    const mayReconnect = closeCodeMayReconnect(closeCode);
    this.#end({ code: code as ErrorCode, reason, closeCode, mayReconnect });
  }

  /** Ends a connection that is no good, without waiting for the peer's half of the closing handshake. */
  #drop(code: ErrorCode, reason: string): void {
    const socket = this.#socket;
    this.#end({ code, reason, mayReconnect: true });
    socket?.terminate?.();
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return;
    this.close();
    const { code, message, closeCode, mayReconnect } = this.#farewell ?? {};
    this.#sink.linkEnded(
      code === undefined
        ? end
        : {
            code,
            reason: message ?? end.reason,
            closeCode: closeCode ?? end.closeCode,
            mayReconnect: mayReconnect ?? end.mayReconnect,
          },
    );
  }
}
