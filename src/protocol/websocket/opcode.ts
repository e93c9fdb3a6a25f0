/** Owns the opcodes of RFC 6455 §5.2 and what the first octet of a frame may look like. */

export const OPCODE_CONTINUATION = 0x0;
export const OPCODE_TEXT = 0x1;
export const OPCODE_BINARY = 0x2;
export const OPCODE_CLOSE = 0x8;
export const OPCODE_PING = 0x9;
export const OPCODE_PONG = 0xa;

/** The bit that marks the last frame of a message. */
export const FIN_BIT = 0x80;
/** The bits that only an extension may set. */
export const RESERVED_BITS = 0x70;
/** The reserved bit that marks a compressed message once permessage-deflate is agreed (RFC 7692 §6). */
export const RSV1_BIT = 0x40;
/** The bit of the second octet that says that a masking key follows. */
export const MASK_BIT = 0x80;

/** RFC 6455 §5.5: control frames carry at most 125 octets and are never fragmented. */
export const MAX_CONTROL_PAYLOAD_BYTES = 125;

/** Octets of the longest frame header: two, a 64-bit length and a masking key. */
export const MAX_HEADER_BYTES = 14;
