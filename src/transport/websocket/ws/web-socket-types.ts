/** Owns the types around the class WebSocket: its states, events and options of sending. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ClientHandshake } from './client-handshake.js';
import type { AgreedCompression } from '../compression/compression-options.js';
import type { EndpointTerms } from '../socket/endpoint-terms.js';
import type { SendCallback } from '../socket/frame-sender.js';
import type { RawData } from '../socket/payload.js';
import type { WebSocket } from './web-socket.js';

/** 0 CONNECTING, 1 OPEN, 2 CLOSING, 3 CLOSED. */
export type ReadyState = 0 | 1 | 2 | 3;

export interface SendOptions {
  /** Whether it goes as binary or as text; by default strings and numbers are text and all else is binary. */
  readonly binary?: boolean | undefined;
  /** Whether it ends the message; false sends a fragment, and the next send continues it. Default true. */
  readonly fin?: boolean | undefined;
  /** Whether it may be compressed, when permessage-deflate was agreed. Default true. */
  readonly compress?: boolean | undefined;
  /**
   * Whether it is masked. Default: a client's frames are and a server's are not. Anything else breaks
   * RFC 6455 §5.1 and makes the peer close with 1002; it is there for tests of peers.
   */
  readonly mask?: boolean | undefined;
}

export interface WebSocketEvents {
  open: [];
  message: [data: RawData, isBinary: boolean];
  close: [code: number, reason: Buffer];
  error: [error: Error];
  ping: [data: Buffer];
  pong: [data: Buffer];
  upgrade: [response: IncomingMessage];
  redirect: [url: string, request: ClientRequest];
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
}

/** Options that both ends have in common and that hold for a connection. */
export interface ConnectionOptions {
  readonly autoPong?: boolean | undefined;
  readonly allowSynchronousEvents?: boolean | undefined;
}

/** Where a client connects, and the handshake while it is under way. @internal */
export interface Opening {
  handshake: ClientHandshake | undefined;
  url: string;
}

/** Something on its way to the endpoint. @internal */
export interface Sent {
  readonly firstOctet: number;
  readonly data: unknown;
  readonly mask: boolean | undefined;
  readonly compress: boolean;
  readonly done: SendCallback | undefined;
}

/** A socket whose opening handshake is done. */
export interface AcceptedSocket {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly terms: EndpointTerms;
  readonly subprotocol: string;
  readonly options: ConnectionOptions;
  /** What permessage-deflate agreed upon, if it did. */
  readonly compression?: AgreedCompression | undefined;
  /** Told when the connection has closed, before any listener. */
  readonly closed?: ((client: WebSocket) => void) | undefined;
}
