/** Owns the masking of RFC 6455 §5.3: XOR by machine words, which tells at the same time whether all octets are ASCII. */
import type { Octets } from '../../foundation/index.js';

/** Below this many octets the set-up of the word loop costs more than it saves. */
const MIN_WORDS_BYTES = 48;

/** What vectors take in one round. */
const VECTOR_ROUND_BYTES = 64;

/** The bit of each octet in a word that ASCII leaves clear. */
export const NOT_ASCII_BITS = 0x80808080;

const NO_WORDS = new Int32Array(0);

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A masking key as a word whose lowest octet is the key's first. */
export function readMask(octets: Octets, at: number): number {
  return octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24);
}

/** The key as it stands `consumed` octets further on. */
export function rotateMask(mask: number, consumed: number): number {
  const bits = (consumed & 3) << 3;
  return bits === 0 ? mask : (mask >>> bits) | (mask << (32 - bits));
}

/** Memory in which vector instructions can mask; see `Masker.vectors`. */
export interface VectorMasking {
  /** The whole memory. */
  readonly octets: Octets;
  /**
   * XORs `[start, end)` of it, a multiple of 64 octets and not none, with the key; answers 0 exactly when all that came
   * out is ASCII.
   */
  readonly apply: (start: number, end: number, mask: number) => number;
}

/** Masks and unmasks octets in place; remembers the last buffer's words, because a chunk holds many frames. */
export class Masker {
  #words: Int32Array = NO_WORDS;
  /** Whose words they are; asking an array for its buffer costs more than to compare. */
  #octets: Octets | undefined = undefined;
  /** What most octets are in, if there is such memory. */
  vectors: VectorMasking | undefined = undefined;

  /**
   * XORs `octets[start, end)` with the key. `& NOT_ASCII_BITS` of the answer is 0 exactly when all that came out is
   * ASCII. A mask of 0 only looks.
   */
  apply(octets: Octets, start: number, end: number, mask: number): number {
    if (end - start < MIN_WORDS_BYTES) return applyByOctet(octets, start, end, mask);
    const vectors = this.vectors;
    if (octets !== vectors?.octets || end - start < VECTOR_ROUND_BYTES) {
      return this.#applyByWord(octets, start, end, mask);
    }
    // Each round takes whole keys, so the rest begins with the key as it is.
    const rest = end - ((end - start) % VECTOR_ROUND_BYTES);
    const seen = vectors.apply(start, rest, mask) === 0 ? 0 : NOT_ASCII_BITS;
    return rest === end ? seen : seen | this.apply(octets, rest, end, mask);
  }

  #applyByWord(octets: Octets, start: number, end: number, mask: number): number {
    const base = octets.byteOffset;
    const aligned = start + (-(base + start) & 3);
    let seen = applyByOctet(octets, start, aligned, mask);
    const words = this.#wordsOf(octets);
    const key = wordOf(rotateMask(mask, aligned - start));
    const lastWord = (base + end) >>> 2;
    seen |= applyByWord(words, (base + aligned) >>> 2, lastWord, key);
    const tail = lastWord * 4 - base;
    return seen | applyByOctet(octets, tail, end, rotateMask(mask, tail - start));
  }

  /** Forgets the last buffer, so that it can be collected. */
  release(): void {
    this.#words = NO_WORDS;
    this.#octets = undefined;
  }

  #wordsOf(octets: Octets): Int32Array {
    if (this.#octets !== octets) {
      this.#octets = octets;
      if (this.#words.buffer !== octets.buffer) {
        this.#words = new Int32Array(octets.buffer, 0, octets.buffer.byteLength >>> 2);
      }
    }
    return this.#words;
  }
}

/** Four words a round: two thirds of the time of one. */
function applyByWord(words: Int32Array, start: number, end: number, key: number): number {
  let seen = 0;
  let at = start;
  for (const lastRound = end - 3; at < lastRound; at += 4) {
    const first = words[at]! ^ key;
    const second = words[at + 1]! ^ key;
    const third = words[at + 2]! ^ key;
    const fourth = words[at + 3]! ^ key;
    words[at] = first;
    words[at + 1] = second;
    words[at + 2] = third;
    words[at + 3] = fourth;
    seen |= first | second | third | fourth;
  }
  for (; at < end; at++) {
    const plain = words[at]! ^ key;
    words[at] = plain;
    seen |= plain;
  }
  return seen;
}

function applyByOctet(octets: Octets, start: number, end: number, mask: number): number {
  let seen = 0;
  // RFC 6455 §5.3: octet i is XORed with octet i modulo 4 of the key.
  for (let index = start, shift = 0; index < end; index++, shift = (shift + 8) & 24) {
    const plain = octets[index]! ^ ((mask >>> shift) & 0xff);
    octets[index] = plain;
    seen |= plain;
  }
  // Spread to all octets, so that callers test one constant whichever loop ran.
  return seen | (seen << 24);
}

function wordOf(mask: number): number {
  if (IS_LITTLE_ENDIAN) return mask | 0;
  return (mask << 24) | ((mask & 0xff00) << 8) | ((mask >>> 8) & 0xff00) | ((mask >>> 24) & 0xff);
}
