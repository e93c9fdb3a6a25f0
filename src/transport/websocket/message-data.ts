/** Owns the form in which a received message is handed to an application. */
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

/** Up to this a loop is faster than a view and the call that copies it. */
const MAX_LOOP_BYTES = 64;

/** A copy: the chunk may be a buffer that is read into again, and a small view would keep all of it alive. */
function ownBuffer(octets: Buffer, start: number, end: number): Buffer {
  const length = end - start;
  const copy = Buffer.allocUnsafe(length);
  if (length > MAX_LOOP_BYTES) copy.set(octets.subarray(start, end));
  else for (let index = 0; index < length; index++) copy[index] = octets[start + index]!;
  return copy;
}

function arrayBufferOf(octets: Buffer, start: number, end: number, isLent: boolean): ArrayBuffer {
  if (!isLent && octets.byteLength === octets.buffer.byteLength)
    return octets.buffer as ArrayBuffer;
  const copy = new Uint8Array(end - start);
  copy.set(octets.subarray(start, end));
  return copy.buffer;
}
