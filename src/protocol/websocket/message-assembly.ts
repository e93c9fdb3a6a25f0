/** Owns the payload of a message that does not come in one piece: one growing buffer, never more than twice what has arrived. */
import type { Octets } from '../../foundation/index.js';

/** Allocates octets that may hold anything; every one handed on has been written. */
export type Allocate = (byteLength: number) => Octets;

/** What is reserved at once for a length that a peer merely declared. */
const FIRST_STEP_BYTES = 65_536;

/** The payload so far. */
export class MessageAssembly {
  readonly #allocate: Allocate;
  readonly #maxBytes: number;
  #buffer: Octets | undefined = undefined;
  #length = 0;

  /** `maxBytes` is how long a payload can become. */
  constructor(allocate: Allocate, maxBytes: number) {
    this.#allocate = allocate;
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Octets that it takes. */
  get roomBytes(): number {
    return this.#buffer?.length ?? 0;
  }

  /** Where the last octets were appended. */
  get buffer(): Octets {
    return (this.#buffer ??= this.#allocate(0));
  }

  /** Appends `source[start, end)`; `expected` is how many octets the message has once its current frame is whole. */
  append(source: Octets, start: number, end: number, expected: number): void {
    const length = this.#length + end - start;
    if (this.#buffer === undefined || this.#buffer.length < length) {
      this.#grow(length, expected);
    }
    this.buffer.set(source.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** Hands out the payload in a buffer of exactly its size and begins anew. */
  take(): Octets {
    const buffer = this.buffer;
    const length = this.#length;
    this.clear();
    if (buffer.length === length) return buffer;
    const exact = this.#allocate(length);
    exact.set(buffer.subarray(0, length));
    return exact;
  }

  clear(): void {
    this.#buffer = undefined;
    this.#length = 0;
  }

  #grow(length: number, expected: number): void {
    const doubled = this.buffer.length * 2;
    // A whole frame gets its exact size, unless the length is only a claim: then octets must come first. Behind it
    // room doubles, because many small fragments, each copied behind all before it, would cost quadratic time.
    const claimed = Math.min(Math.max(expected, doubled), Math.max(doubled, FIRST_STEP_BYTES));
    const grown = this.#allocate(Math.max(length, Math.min(claimed, this.#maxBytes)));
    grown.set(this.buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
