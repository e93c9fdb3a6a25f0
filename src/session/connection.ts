/** Owns the contract between a transport and a dialect: one live link that carries messages both ways. */
import type { Octets } from '../foundation/index.js';
import type { SharedBatch, SharedMessage } from './shared-message.js';

/** Who is at the other end of a connection. */
export interface Peer {
  /**
   * Its IP address, in one spelling for each: behind a trusted proxy the client's, as the proxy names it, otherwise the
   * socket's. An IPv4 address that is mapped into IPv6 is one of IPv4. Empty where there is none, as with a socket file.
   */
  readonly address: string;
  /** Its port; 0 where it is not known. */
  readonly port: number;
  /** Whether the link to this server is TLS. Behind a proxy that ends TLS it says nothing about the client's. */
  readonly isSecure: boolean;
  /**
   * What its share of the server is counted under: an IPv4 address, or the /64 of one of IPv6. Undefined where the address is many
   * people's: loopback, or a trusted proxy.
   */
  readonly share: string | undefined;
}

/** What the peer said when it came. */
export interface Handshake {
  /** Path of the URL without its query. */
  readonly path: string;
  /** Values of the query string; tokens never belong there. Empty once the session is open. */
  readonly query: ReadonlyMap<string, string>;
  /** Header fields of the HTTP request, names in lower case. Empty once the session is open. */
  readonly headers: ReadonlyMap<string, string>;
  /** The agreed WebSocket subprotocol, or undefined. */
  readonly subprotocol: string | undefined;
  readonly peer: Peer;
}

/** One live link, whatever carries it. */
export interface Connection {
  readonly connectionId: string;
  /** `websocket`, `sse`, `xhr-polling` … : a label for metrics. */
  readonly transport: string;
  /** All of it until the session is open; from then on without headers and query, which nobody keeps for as long as it lives. */
  readonly handshake: Handshake;
  /** Octets handed over that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Whether messages may still be sent. */
  readonly isOpen: boolean;

  /**
   * Queues one message. It leaves at the end of the read batch when sent while one is handled,
   * at the next tick otherwise (semantics O2). Ignored when the connection is not open.
   */
  send(message: SharedMessage): void;
  /** Queues messages and writes all that is queued, at once: for publications, whose turn is over. */
  sendBatch(batch: SharedBatch): void;
  /**
   * Nothing more is handed to the receiver, and the peer is made to wait, until `resumeInput` was called as often as this. The end
   * of the connection comes after what was held back, unless it is destroyed.
   */
  pauseInput(): void;
  /** Takes one pause back. What was held back is handed on in a later turn. */
  resumeInput(): void;
  /**
   * Asks the peer whether it is there, in a way that its program need not answer; `peerAlive` tells of the answer. A transport that
   * has none leaves it out.
   */
  askAlive?(): void;
  /**
   * The session is open: from now on `handshake` is another object, without headers and query. A transport whose handshakes
   * are small leaves it out.
   */
  forgetHandshake?(): void;
  /** Flushes, then closes with the closing handshake of the transport. */
  close(closeCode: number, reason: string): void;
  /** Drops the link without a word. */
  destroy(): void;
}

/** What a dialect does with a connection. Every octet array is the receiver's own. */
export interface ConnectionReceiver {
  textReceived(text: string): void;
  binaryReceived(octets: Octets): void;
  /** `bufferedBytes` has fallen to nothing after it was not: more may be sent. */
  writable(): void;
  /** The peer has answered `askAlive`, or a question of the transport's own. Nobody is told when left out. */
  peerAlive?(): void;
  /** The connection has ended; called exactly once, and nothing is called after it. */
  closed(closeCode: number, reason: string): void;
}

/** Accepts connections: a server's way from a transport to a dialect. */
export type AcceptConnection = (connection: Connection) => ConnectionReceiver;
