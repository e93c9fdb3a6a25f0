/** Owns what is looked at in few frames (RFC 6455 §5.2): long payload lengths, opcodes that nobody knows, codes of Close frames. */
import type { Octets } from '../../foundation/index.js';
import { isCloseCodeOnWire } from './close-code.js';
import * as violations from './violation.js';
import type { Violation } from './violation.js';

/** The 64-bit length behind the first two octets; NaN when its most significant bit is set. */
export function readLength64(octets: Octets, at: number): number {
  const high =
    octets[at + 2]! * 2 ** 24 + (octets[at + 3]! << 16) + (octets[at + 4]! << 8) + octets[at + 5]!;
  const low =
    octets[at + 6]! * 2 ** 24 + (octets[at + 7]! << 16) + (octets[at + 8]! << 8) + octets[at + 9]!;
  // Beyond 2^53 the sum is not exact, but it is far above every limit, which is all that is asked of it.
  return octets[at + 2]! >= 0x80 ? NaN : high * 2 ** 32 + low;
}

/** Why a length that was encoded in 2 or 8 octets, as `lengthField` says, must not be taken. */
export function refuseLength(length: number, lengthField: number): Violation | undefined {
  // RFC 6455 §5.2: the most significant bit MUST be 0.
  if (Number.isNaN(length)) return violations.LENGTH_NEGATIVE;
  // Beyond it numbers are not exact, so no limit could be kept.
  if (length > Number.MAX_SAFE_INTEGER) return violations.LENGTH_UNSUPPORTED;
  // RFC 6455 §5.2: the minimal number of octets MUST be used.
  const isMinimal = length >= (lengthField === 126 ? 126 : 65_536);
  return isMinimal ? undefined : violations.LENGTH_NOT_MINIMAL;
}

/** RFC 6455 §5.2: an unknown opcode; which one helps whoever mends the peer. */
export function reservedOpcode(opcode: number): Violation {
  const { closeCode, code, message } = violations.OPCODE_RESERVED;
  return { closeCode, code, message: `${message} ${opcode}` };
}

/** The code at the head of a Close frame's payload. */
export function readCloseCode(octets: Octets, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!;
}

/** Why the payload `[start, end)` of a Close frame begins with no code that may be sent; its reason is not looked at. */
export function refuseCloseCode(octets: Octets, start: number, end: number): Violation | undefined {
  // RFC 6455 §5.5.1: if there is a body, the first two octets MUST be a code.
  if (end - start === 1) return violations.CLOSE_PAYLOAD_SHORT;
  const isKnown = end === start || isCloseCodeOnWire(readCloseCode(octets, start));
  return isKnown ? undefined : violations.CLOSE_CODE_INVALID;
}
