/** Owns the form in which a received message is handed to an application. */
import type { RawData } from './payload.js';

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments';

/** From here on a view of the chunk is handed out instead of a copy, if it is a good part of it. */
const MIN_VIEW_BYTES = 4096;

/** Up to here V8 keeps the octets of a typed array in the object itself. */
const MAX_INLINE_BYTES = 64;

/** The payload in a form that is the application's own. */
export function messageData(
  octets: Buffer,
  start: number,
  end: number,
  isLent: boolean,
  binaryType: BinaryType,
): RawData {
  if (binaryType === 'arraybuffer') return arrayBufferOf(octets, start, end, isLent);
  const data = isLent ? ownBuffer(octets, start, end) : octets;
  return binaryType === 'fragments' ? [data] : data;
}

function ownBuffer(octets: Buffer, start: number, end: number): Buffer {
  const length = end - start;
  // A chunk is nobody else's, but a small view of it would keep all of it alive.
  if (length >= MIN_VIEW_BYTES && length * 4 >= octets.buffer.byteLength) {
    return octets.subarray(start, end);
  }
  if (length <= MAX_INLINE_BYTES) return inlineCopy(octets, start, end);
  return Buffer.from(octets.subarray(start, end));
}

/** A copy that keeps nothing else alive, not even the 8 KiB pool that `Buffer.from` cuts small copies from; and it is faster. */
function inlineCopy(octets: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  for (let from = start, to = 0; from < end; from++, to++) copy[to] = octets[from]!;
  return copy;
}

function arrayBufferOf(octets: Buffer, start: number, end: number, isLent: boolean): ArrayBuffer {
  if (!isLent && octets.byteLength === octets.buffer.byteLength)
    return octets.buffer as ArrayBuffer;
  const copy = new Uint8Array(end - start);
  copy.set(octets.subarray(start, end));
  return copy.buffer;
}
