/**
 * Owns telling what an application's value is, whoever made it: octets and errors of another realm (an iframe, node:vm, Jest), promises
 * of a library that has replaced the global one. `instanceof` says no to all of these.
 */
import type { Octets } from './bytes.js';

/**
 * The octets of a typed array, a DataView or an ArrayBuffer, not copied; undefined for anything else. Throws a TypeError for one
 * that is detached.
 */
export function octetsOf(value: unknown): Octets | undefined {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  const tag = tagOf(value);
  if (tag !== 'ArrayBuffer' && tag !== 'SharedArrayBuffer') return undefined;
  // A DataView takes nothing that only says it is one.
  return new Uint8Array(new DataView(value as ArrayBuffer).buffer);
}

/**
 * The octets of a body that an application gives; undefined for a body that is to become JSON. Throws a TypeError for a promise and for a
 * Blob: JSON calls both `{}`, and nobody hears of the mistake.
 */
export function octetsOfBody(body: unknown): Octets | undefined {
  // What says itself what it is in JSON may have a `then` beside it.
  const isToCome = isThenable(body) && typeof (body as { toJSON?: unknown }).toJSON !== 'function';
  if (isToCome || isBlobLike(body)) {
    throw new TypeError('a promise or a Blob is no body: await what is in it first');
  }
  return octetsOf(body);
}

/** Whether octets are in it that have to be waited for, and a JSON text would say `{}`. Another library's Blob counts too. */
export function isBlobLike(value: unknown): boolean {
  const tag = tagOf(value);
  return (
    (tag === 'Blob' || tag === 'File') &&
    typeof (value as { arrayBuffer?: unknown }).arrayBuffer === 'function'
  );
}

/** Whether it is to be waited for: what `await` takes for a promise. Throws what a getter of it throws. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/** What an unknown thrown value says: its message, else whatever it is as text. Never throws: anything may be thrown. */
export function wordsOf(error: unknown): string {
  try {
    const message: unknown = (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message : String(error);
  } catch {
    return 'what was thrown cannot be read';
  }
}

function tagOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
}
