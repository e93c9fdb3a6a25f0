/** Owns the form in which a received message is handed to an application. */
import type { RawData } from './payload.js';

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';

const BINARY_TYPES: readonly string[] = ['nodebuffer', 'arraybuffer', 'fragments', 'blob'];

export function isBinaryType(type: unknown): type is BinaryType {
  return BINARY_TYPES.includes(type as string);
}

/** From here on a view of the chunk is handed out instead of a copy, if it is a good part of it. */
const MIN_VIEW_BYTES = 4096;

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

function ownBuffer(octets: Buffer, start: number, end: number): Buffer {
  const length = end - start;
  // A chunk is nobody else's, but a small view of it would keep all of it alive.
  if (length >= MIN_VIEW_BYTES && length * 4 >= octets.buffer.byteLength) {
    return octets.subarray(start, end);
  }
  return Buffer.from(octets.subarray(start, end));
}

function arrayBufferOf(octets: Buffer, start: number, end: number, isLent: boolean): ArrayBuffer {
  if (!isLent && octets.byteLength === octets.buffer.byteLength)
    return octets.buffer as ArrayBuffer;
  const copy = new Uint8Array(end - start);
  copy.set(octets.subarray(start, end));
  return copy.buffer;
}
