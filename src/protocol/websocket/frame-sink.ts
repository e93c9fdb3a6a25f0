/** Owns the contract of those whom a frame parser tells. */
import type { Octets } from '../../foundation/index.js';
import type { Violation } from './violation.js';

/**
 * Who is told. `octets[start, end)` is the payload. When the parser says that it `lends` the octets, they are
 * part of a chunk: copy or decode them. Otherwise they are exactly the payload, and yours.
 */
export interface FrameSink {
  /** A text message, valid UTF-8. */
  onText(octets: Octets, start: number, end: number, isAscii: boolean): void;
  onBinary(octets: Octets, start: number, end: number): void;
  /** A compressed message, all its fragments in a row; only with the option `acceptsCompressed`. */
  onCompressed?(octets: Octets, start: number, end: number, isText: boolean): void;
  onPing(octets: Octets, start: number, end: number): void;
  onPong(octets: Octets, start: number, end: number): void;
  /** A valid Close frame; nothing follows it. The octets are the reason's; the code is 1005 when there was none. */
  onClose(closeCode: number, octets: Octets, start: number, end: number): void;
  /** The peer broke the protocol or a limit; nothing follows it. */
  onViolation(violation: Violation): void;
}
