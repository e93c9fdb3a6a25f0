/** Owns the form in which a received message is handed to an application. */
import { copyFew } from './own-octets.js';
import type { RawData } from './payload.js';

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';

const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

export function isBinaryType(type: unknown): type is BinaryType {
  return BINARY_TYPES.includes(type as string);
}

/**
 * The payload in a form that is the application's own. `fragmentEnds` are the offsets at which frames of a
 * fragmented message ended, for 'fragments'.
 */
export function messageData(
  octets: Buffer,
  start: number,
  end: number,
  isLent: boolean,
  binaryType: BinaryType,
  fragmentEnds?: readonly number[],
): RawData {
  if (binaryType === 'arraybuffer') return arrayBufferOf(octets, start, end, isLent);
  const data = isLent ? ownBuffer(octets, start, end) : octets;
  if (binaryType === 'fragments') return fragmentsOf(data, fragmentEnds ?? []);
  // A Blob copies what it is given. The type leaves it out; see RawData.
  if (binaryType === 'blob') return new Blob([octets.subarray(start, end)]) as unknown as RawData;
  return data;
}

/** Views of one buffer, one for each frame that was not empty. */
function fragmentsOf(data: Buffer, ends: readonly number[]): Buffer[] {
  const fragments: Buffer[] = [];
  let start = 0;
  for (const end of [...ends, data.length]) {
    if (end > start && end <= data.length) fragments.push(data.subarray(start, end));
    start = Math.max(start, end);
  }
  return fragments;
}

/** Up to here V8 keeps the octets of a typed array in the object itself, and a loop is faster than a view and a copy of it. */
const MAX_INLINE_BYTES = 64;

/** A copy: the chunk may be a buffer that is read into again, and a small view would keep all of it alive. */
function ownBuffer(octets: Buffer, start: number, end: number): Buffer {
  const length = end - start;
  if (length <= MAX_INLINE_BYTES) return inlineCopy(octets, start, end);
  const copy = Buffer.allocUnsafe(length);
  copy.set(octets.subarray(start, end));
  return copy;
}

/** A copy that keeps nothing else alive, not even the 8 KiB pool that Node cuts small buffers from. */
function inlineCopy(octets: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  copyFew(copy, 0, octets, start, end);
  return copy;
}

function arrayBufferOf(octets: Buffer, start: number, end: number, isLent: boolean): ArrayBuffer {
  if (!isLent && octets.byteLength === octets.buffer.byteLength)
    return octets.buffer as ArrayBuffer;
  const copy = new Uint8Array(end - start);
  copy.set(octets.subarray(start, end));
  return copy.buffer;
}
