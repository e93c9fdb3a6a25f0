/** Owns what an application may pass as data: each accepted kind becomes octets, anything else is an error. */
import type { Octets } from '../../foundation/index.js';

/** Data that can be sent. Octets of 16 KiB and more must not be changed until they are written. */
export type SendData =
  string | number | ArrayBufferLike | ArrayBufferView | readonly Uint8Array[] | readonly number[];

/** Data that was received, as `binaryType` says. */
export type RawData = Buffer | ArrayBuffer | Buffer[];

/** Octets of whatever may be sent; measures octets, never elements. Throws a TypeError for what cannot be sent. */
export function toOctets(data: unknown): Octets {
  if (typeof data === 'string') return Buffer.from(data);
  // Numbers are sent as their digits: a buffer of that size would be memory of somebody else.
  if (typeof data === 'number') return Buffer.from(String(data));
  if (data === undefined || data === null) return Buffer.alloc(0);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) {
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return Buffer.from(data);
  if (Array.isArray(data)) {
    const parts: readonly unknown[] = data;
    const areOctets = parts.length > 0 && parts.every((part) => part instanceof Uint8Array);
    return areOctets ? Buffer.concat(parts as Uint8Array[]) : Buffer.from(parts as number[]);
  }
  throw new TypeError(
    `data must be a string, a Buffer, a TypedArray, a DataView or an ArrayBuffer, not ${typeof data}`,
  );
}
