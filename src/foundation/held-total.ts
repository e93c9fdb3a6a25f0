/** Owns a sum of octets that many hold for a while, and who lets go where it is too much: whose share holds most, the longest first. */

/** Who holds something. */
export interface Holder {
  /** There is too much in all: it has to let go of what it holds, which counts no more. It may hold and release while it is told. */
  letGo(): void;
}

/** What one share holds, and who of it: the one that has held something for the longest is the first. */
interface HeldShare {
  bytes: number;
  readonly holders: Map<Holder, number>;
}

/** Nobody is refused for it: what others have left lying makes room for who comes now. */
export class HeldTotal {
  readonly #maxBytes: number;
  readonly #shares = new Map<string, HeldShare>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A holder has so many now, in the place of what it had; `share` is the same for as long as it holds something. */
  hold(share: string, holder: Holder, bytes: number): void {
    const held = this.#shares.get(share) ?? { bytes: 0, holders: new Map() };
    const change = bytes - (held.holders.get(holder) ?? 0);
    this.#shares.set(share, held);
    held.holders.set(holder, bytes);
    held.bytes += change;
    this.#bytes += change;
    while (this.#bytes > this.#maxBytes) this.#makeRoom();
  }

  /** It holds nothing any more; nothing happens where it held nothing. */
  release(share: string, holder: Holder): void {
    const held = this.#shares.get(share);
    const bytes = held?.holders.get(holder);
    if (held === undefined || bytes === undefined) return;
    held.holders.delete(holder);
    held.bytes -= bytes;
    this.#bytes -= bytes;
    if (held.holders.size === 0) this.#shares.delete(share);
  }

  #makeRoom(): void {
    let share = '';
    let most = -1;
    for (const [key, { bytes }] of this.#shares) {
      if (bytes <= most) continue;
      share = key;
      most = bytes;
    }
    const holder = this.#shares.get(share)!.holders.keys().next().value!;
    this.release(share, holder);
    holder.letGo();
  }
}
