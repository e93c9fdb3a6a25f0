/** Owns incremental UTF-8 validation: it fails at the first octet that cannot belong to valid text, however the octets are cut. */
import type { Octets } from '../../foundation/index.js';

/** Validates text that arrives in pieces (RFC 3629, which leaves out surrogates and overlong forms). */
export class Utf8Validator {
  /** Continuation octets still owed. */
  #owed = 0;
  /** What the next continuation octet must lie in. */
  #lower = 0x80;
  #upper = 0xbf;

  /** Whether the text so far ends with a whole character. */
  get isComplete(): boolean {
    return this.#owed === 0;
  }

  reset(): void {
    this.#owed = 0;
    this.#lower = 0x80;
    this.#upper = 0xbf;
  }

  /** Takes the next octets; false when one of them cannot stand where it stands. */
  accept(octets: Octets, start: number, end: number): boolean {
    for (let index = start; index < end; index++) {
      const octet = octets[index]!;
      if (this.#owed > 0) {
        if (octet < this.#lower || octet > this.#upper) return false;
        this.#owed -= 1;
        this.#lower = 0x80;
        this.#upper = 0xbf;
      } else if (octet > 0x7f && !this.#lead(octet)) return false;
    }
    return true;
  }

  #lead(octet: number): boolean {
    if (octet < 0xc2 || octet > 0xf4) return false;
    if (octet < 0xe0) this.#owed = 1;
    else if (octet < 0xf0) {
      this.#owed = 2;
      if (octet === 0xe0) this.#lower = 0xa0;
      else if (octet === 0xed) this.#upper = 0x9f;
    } else {
      this.#owed = 3;
      if (octet === 0xf0) this.#lower = 0x90;
      else if (octet === 0xf4) this.#upper = 0x8f;
    }
    return true;
  }
}
