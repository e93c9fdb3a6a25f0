/** Owns the buffer in which small frames of one connection at a time are put together for one write. */

export const SLAB_BYTES = 65_536;

/** A client of its own says little, and a process may have thousands of them. */
const FIRST_SLAB_BYTES = 4_096;

/** A connection that has frames in the slab. */
export interface SlabOwner {
  /** Takes its frames out, because another connection needs the slab. */
  leaveSlab(): void;
}

/** One per loop. Frames stand in `[0, length)` and belong to `owner`. */
export class FrameSlab {
  #buffer: Buffer | undefined = undefined;
  #owner: SlabOwner | undefined = undefined;
  #capacity = FIRST_SLAB_BYTES;
  length = 0;

  get buffer(): Buffer {
    return (this.#buffer ??= Buffer.allocUnsafeSlow(this.#capacity));
  }

  /** Whether so many octets more can be put into it; up to a bound it grows for them. */
  fits(byteLength: number): boolean {
    const needed = this.length + byteLength;
    return needed <= this.#capacity || (needed <= SLAB_BYTES && this.#grow(needed));
  }

  #grow(needed: number): true {
    while (this.#capacity < needed) this.#capacity *= 4;
    const smaller = this.#buffer;
    this.#buffer = undefined;
    if (smaller !== undefined) this.buffer.set(smaller.subarray(0, this.length));
    return true;
  }

  /** Octets that stand in it for an owner. */
  lengthFor(owner: SlabOwner): number {
    return this.#owner === owner ? this.length : 0;
  }

  /** Whether it holds frames of another. */
  isTakenFrom(owner: SlabOwner): boolean {
    return this.length > 0 && this.#owner !== owner;
  }

  /** Makes a connection the owner. */
  claim(owner: SlabOwner): void {
    if (this.#owner === owner) return;
    if (this.length > 0) this.#owner?.leaveSlab();
    this.#owner = owner;
    this.length = 0;
  }

  /** Empties it once a write has taken all its octets. */
  clear(): void {
    this.length = 0;
    this.#owner = undefined;
  }

  /** Leaves the memory to a write that is still under way; the next claim gets new memory. */
  surrender(): void {
    this.clear();
    this.#buffer = undefined;
  }
}
