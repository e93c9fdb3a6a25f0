/** Owns the buffer in which small frames of one connection at a time are put together for one write. */

export const SLAB_BYTES = 65_536;

/** A connection that has frames in the slab. */
export interface SlabOwner {
  /** Takes its frames out, because another connection needs the slab. */
  leaveSlab(): void;
}

/** One per loop. Frames stand in `[0, length)` and belong to `owner`. */
export class FrameSlab {
  #buffer: Buffer | undefined = undefined;
  #owner: SlabOwner | undefined = undefined;
  length = 0;

  get buffer(): Buffer {
    return (this.#buffer ??= Buffer.allocUnsafeSlow(SLAB_BYTES));
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
