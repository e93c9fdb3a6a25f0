/** Owns the form in which a received message is handed to an application. */
import type { RawData } from './payload.js';

export type BinaryType = 'nodebuffer' | 'arraybuffer' | 'fragments';

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
