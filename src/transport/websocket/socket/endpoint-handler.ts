/** Owns the contract between an endpoint and its owner: whom it tells. */
import type { WebSocketError } from '../limits/errors.js';

/**
 * Whom an endpoint tells. `octets[start, end)` is the payload; when it is `lent`, it is part of a buffer that
 * is not the receiver's.
 */
export interface EndpointHandler {
  textReceived(octets: Buffer, start: number, end: number, isAscii: boolean): void;
  binaryReceived(octets: Buffer, start: number, end: number): void;
  pingReceived(octets: Buffer): void;
  pongReceived(octets: Buffer): void;
  /** What was read in one go is parsed, and so many octets are kept of what was not handed on. */
  inputKept?(byteLength: number): void;
  /** The connection is no longer open: a Close frame came or went, or the link is going. */
  closing(): void;
  /** The peer has ended its side, or the socket is gone, while input is held: `closed` comes when that is released, or abandoned. */
  linkGone?(): void;
  /** The peer broke the protocol or a limit; `closed` follows. */
  failed(error: WebSocketError): void;
  /** Nothing is buffered any more, after something was. */
  drained(): void;
  /** The socket is gone; called exactly once, last. */
  closed(closeCode: number, reason: Buffer): void;
}
