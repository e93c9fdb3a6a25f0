/** Owns the contracts around a frame parser: whom it tells, and what it is told. */
import type { Octets } from '../../foundation/index.js';
import type { Role } from './closing-handshake.js';
import type { Masker } from './masking.js';
import type { Allocate } from './message-assembly.js';
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

export interface FrameParserOptions {
  /** Our own role: a server takes masked frames only, a client unmasked ones only. */
  readonly role: Role;
  /** Octets of one message over all its fragments; more is a violation with 1009, seen in the header. */
  readonly maxMessageBytes: number;
  /** Frames of one message, empty ones too; more is a violation with 1008. */
  readonly maxFragmentCount: number;
  /** Whether permessage-deflate was agreed, which gives RSV1 its meaning. Default false. */
  readonly acceptsCompressed?: boolean;
  /** How the host allocates; plain zeroed arrays by default. */
  readonly allocate?: Allocate;
  /** Shared by the connections of a loop; one of its own by default. */
  readonly masker?: Masker;
  /** A fast validity test of the host's for text that came in one piece; the incremental validator by default. */
  readonly isUtf8?: (octets: Octets) => boolean;
  /** Whether text and reasons must be valid UTF-8 (RFC 6455 §8.1). Default true; false only for peers that are trusted. */
  readonly checksUtf8?: boolean;
}
