/** Owns the LZ77 window that one direction keeps between messages: the plain octets themselves, instead of a zlib stream. */
import type { Octets } from '../../../foundation/index.js';

const NOTHING = Buffer.alloc(0);
const FIRST_BYTES = 1024;

/**
 * The last octets that went through. Given to zlib as a dictionary they do what a stream kept open does, for at most
 * 32 KiB where an open deflate stream takes 256 KiB, and without a handle that must be closed.
 */
export class SlidingWindow {
  readonly #maxBytes: number;
  #buffer: Buffer = NOTHING;
  #length = 0;

  constructor(windowBits: number) {
    this.#maxBytes = 2 ** windowBits;
  }

  /** What it holds, until the next change. */
  get octets(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** The last octets of it, so many at most, until the next change. */
  last(byteLength: number): Buffer {
    return this.#buffer.subarray(Math.max(0, this.#length - byteLength), this.#length);
  }

  append(octets: Octets): void {
    const added = Math.min(octets.length, this.#maxBytes);
    const kept = Math.min(this.#length, this.#maxBytes - added);
    if (this.#buffer.length < kept + added) this.#grow(kept + added);
    else if (kept < this.#length) this.#buffer.copyWithin(0, this.#length - kept, this.#length);
    this.#buffer.set(octets.subarray(octets.length - added), kept);
    this.#length = kept + added;
  }

  /** Nothing is dropped by an append that needs more room: the room is never more than the window. */
  #grow(neededBytes: number): void {
    const size = Math.max(neededBytes, this.#buffer.length * 2, FIRST_BYTES);
    const grown = Buffer.allocUnsafeSlow(Math.min(size, this.#maxBytes));
    const kept = Math.min(this.#length, this.#maxBytes);
    this.#buffer.copy(grown, 0, 0, kept);
    this.#buffer = grown;
  }
}
