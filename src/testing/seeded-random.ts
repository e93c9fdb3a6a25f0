/** Owns randomness that a test can repeat. */
import type { Octets, Random } from '../foundation/index.js';

/** The same seed gives the same octets, on every machine. Never for secrets. */
export class SeededRandom implements Random {
  #state: number;

  /** The seed counts modulo 2^32. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  fill(target: Octets): void {
    for (let index = 0; index < target.length; index += 4) {
      const word = this.#next();
      for (let place = 0; place < 4 && index + place < target.length; place++) {
        target[index + place] = word >>> (24 - 8 * place);
      }
    }
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** One of the items, which must not be none. */
  pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** Mulberry32: 32 bits of state, and good enough for everything but cryptography. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
