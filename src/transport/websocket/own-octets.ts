/** Owns buffers that stand alone: neither a chunk nor the pool of Buffer is kept alive by them. */
import type { Octets } from '../../foundation/index.js';

const NOTHING = Buffer.alloc(0);

/** A copy that keeps neither a chunk nor the pool of Buffer alive. */
export function copyOf(octets: Octets, start: number, end: number): Buffer {
  if (start === end) return NOTHING;
  const copy = Buffer.allocUnsafeSlow(end - start);
  copy.set(octets.subarray(start, end));
  return copy;
}

/** Every octet is written before it is handed on, so zeroing would be work for nothing. */
export function allocateExact(byteLength: number): Buffer {
  return Buffer.allocUnsafeSlow(byteLength);
}
