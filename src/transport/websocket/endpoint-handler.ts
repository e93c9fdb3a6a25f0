/** Owns the contracts around an endpoint: whom it tells, and what it may be told beside its limits. */
import type { AgreedCompression } from './compression-options.js';
import type { MaskSource } from './engine-loop.js';
import type { WebSocketError } from './errors.js';

/**
 * Whom an endpoint tells. `octets[start, end)` is the payload; when it is `lent`, it is part of a buffer that
 * is not the receiver's.
 */
export interface EndpointHandler {
  textReceived(octets: Buffer, start: number, end: number, isAscii: boolean): void;
  binaryReceived(octets: Buffer, start: number, end: number): void;
  pingReceived(octets: Buffer): void;
  pongReceived(octets: Buffer): void;
  /** The connection is no longer open: a Close frame came or went, or the link is going. */
  closing(): void;
  /** The peer broke the protocol or a limit; `closed` follows. */
  failed(error: WebSocketError): void;
  /** Nothing is buffered any more, after something was. */
  drained(): void;
  /** The socket is gone; called exactly once, last. */
  closed(closeCode: number, reason: Buffer): void;
}

/** What most endpoints do without. */
export interface EndpointExtras {
  readonly compression?: AgreedCompression | undefined;
  /** False: text and close reasons are not checked to be UTF-8 (RFC 6455 §8.1). */
  readonly checksUtf8?: boolean;
  /** Masking keys of a client's own; by default those of the loop. */
  readonly masks?: MaskSource | undefined;
}
