/** Owns what an application may pass as data: each accepted kind becomes octets, anything else is an error. */
import { types } from 'node:util';
import { isBlobLike, octetsOf, type Octets } from '../../../foundation/index.js';

/**
 * Data that can be sent. Octets of 16 KiB and more must not be changed until they are written. A Blob is read
 * first; whatever is sent after it waits for it. An object goes through `Buffer.from`.
 */
export type SendData =
  | string
  | number
  | ArrayBufferLike
  | ArrayBufferView
  | Blob
  | readonly Uint8Array[]
  | readonly number[]
  | { valueOf(): string | ArrayBufferLike | Uint8Array | readonly number[] }
  | { [Symbol.toPrimitive](hint: string): string };

/**
 * Data that was received, as `binaryType` says. With `blob` it is a Blob, which is left out here, because code
 * that was typed for `ws` would no longer compile.
 */
export type RawData = Buffer | ArrayBuffer | Buffer[];

/** Octets of whatever may be sent; measures octets, never elements. Throws a TypeError for what cannot be sent. */
export function toOctets(data: unknown): Octets {
  if (typeof data === 'string') return Buffer.from(data);
  // Never `instanceof`: the octets may be of another realm, an iframe's, that of node:vm or of a test runner.
  if (types.isUint8Array(data)) return data;
  // Numbers are sent as their digits: a buffer of that size would be memory of somebody else.
  if (typeof data === 'number') return Buffer.from(String(data));
  if (data === undefined || data === null || data === false) return Buffer.alloc(0);
  const octets = octetsOf(data);
  if (octets !== undefined) return octets;
  if (Array.isArray(data)) {
    const parts: readonly unknown[] = data;
    const areOctets = parts.length > 0 && parts.every((part) => types.isUint8Array(part));
    return areOctets ? Buffer.concat(parts as Uint8Array[]) : Buffer.from(parts as number[]);
  }
  // What an object is worth is for Buffer to say; it throws a TypeError for what has no octets.
  if (typeof data === 'object') return Buffer.from(data as Uint8Array);
  throw new TypeError(
    `data must be a string, a Buffer, a TypedArray, a DataView, an ArrayBuffer or a Blob, not ${typeof data}`,
  );
}

/** Whether data is to be read before it can be sent; another library's Blob, or another realm's, counts too. */
export function isBlob(data: unknown): data is Blob {
  return isBlobLike(data);
}

/** How many octets data has. */
export function octetCount(data: unknown): number {
  return isBlob(data) ? data.size : toOctets(data).length;
}
