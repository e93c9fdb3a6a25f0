/** Owns about how many octets of memory a frame and its operation take while they are under way. */
import type { StompFrame } from '../../protocol/stomp/index.js';

/** About what a frame costs while it waits for its COMMIT. */
export function byteLengthOf({ headers, body }: StompFrame): number {
  let length = body.length + FRAME_OVERHEAD_BYTES;
  for (const [name, value] of headers) {
    length += HEADER_OVERHEAD_BYTES + 2 * (name.length + value.length);
  }
  return length;
}

/** The objects that a frame consists of, and those of each of its headers. Measured on Node 20. */
const FRAME_OVERHEAD_BYTES = 500;
const HEADER_OVERHEAD_BYTES = 64;
/** The promises and closures of an operation that is under way. */
export const OPERATION_BYTES = 3_000;
