/** Owns a sum of octets that many hold for a while, and who lets go where it is too much: whose share holds most, the longest first. */
import { Shares } from './shares.js';

/** Who holds something. */
export interface Holder {
  /** There is too much in all: it has to let go of what it holds, which counts no more. It may hold and release while it is told. */
  letGo(): void;
}

/** Less than this of one holder is not worth counting, and nobody is to let go for it. */
export const MIN_HELD_BYTES = 4_096;
/** Holders that let go for one that comes; what they have not freed then, the next one asks for. */
const MAX_LET_GO = 16;

/** Nobody is refused for it: what others have left lying makes room for who comes now. */
export class HeldTotal {
  readonly #amounts: Shares;
  /** By their shares; the one that has held something for the longest is the first. */
  readonly #holders = new Map<string, Map<Holder, number>>();

  constructor(maxBytes: number) {
    this.#amounts = new Shares(maxBytes);
  }

  get bytes(): number {
    return this.#amounts.total;
  }

  /** A holder has so many now, in the place of what it had; `share` is the same for as long as it holds something. */
  hold(share: string, holder: Holder, bytes: number): void {
    let holders = this.#holders.get(share);
    if (holders === undefined) this.#holders.set(share, (holders = new Map()));
    this.#amounts.add(share, bytes - (holders.get(holder) ?? 0));
    holders.set(holder, bytes);
    for (let count = 0; count < MAX_LET_GO && !this.#amounts.fits(0); count++) this.#makeRoom();
  }

  /** It holds nothing any more; nothing happens where it held nothing. */
  release(share: string, holder: Holder): void {
    const holders = this.#holders.get(share);
    const bytes = holders?.get(holder);
    if (holders === undefined || bytes === undefined) return;
    holders.delete(holder);
    this.#amounts.add(share, -bytes);
    if (holders.size === 0) this.#holders.delete(share);
  }

  /** Of the share that holds most, within a factor of two: to compare them all would cost more with each that there is. */
  #makeRoom(): void {
    for (const share of this.#amounts.largest()) {
      const holder = this.#holders.get(share)?.keys().next().value;
      if (holder === undefined) continue;
      this.release(share, holder);
      holder.letGo();
      return;
    }
  }
}
