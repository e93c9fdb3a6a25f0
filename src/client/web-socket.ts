/** Owns the part of WHATWG's WebSocket that the client uses, so that any implementation of it will do. */
import type { OutgoingMessage } from './client-message.js';

/** A socket. Handlers are typed so that the browser's, Node's, the engine's and `ws`'s own all fit. */
export interface ClientSocket {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: OutgoingMessage): void;
  close(closeCode?: number, reason?: string): void;
  /** Drops the socket at once, where an implementation can: a dead peer answers no closing handshake. */
  terminate?(): void;
}

/** A `WebSocket` class: the global one, or the engine's from `tideway/websocket`. */
export type ClientSocketConstructor = new (url: string, protocols: string[]) => ClientSocket;
