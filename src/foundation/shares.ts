/** Owns who holds how much of something that all share, and the rule by which nobody takes what others ask for. */
import { SERVER_SHARE } from './owner.js';

/** The part that is left for those who hold next to nothing: a crowd of large ones leaves it to whoever comes. */
const RESERVE_PARTS = 8;
/** What is next to nothing, as a part of all. */
const SMALL_PARTS = 4_096;

/**
 * Amounts by share, of at most `max` together. A share may come to hold as much as is left free: one alone gets a half, two a third
 * each; the last eighth is for those who hold next to nothing. A share is a key, that of an `Owner`: `session` says whose.
 */
export class Shares {
  readonly max: number;
  readonly #amounts = new Map<string, number>();
  /** Shares by the power of two of their amounts, so that the largest are found without a look at all. */
  readonly #classes: (Set<string> | undefined)[] = [];
  #total = 0;

  constructor(max: number) {
    this.max = max;
  }

  get total(): number {
    return this.#total;
  }

  /** Shares that hold something. */
  get shareCount(): number {
    return this.#amounts.size;
  }

  of(share: string): number {
    return this.#amounts.get(share) ?? 0;
  }

  /** The most that a share can hold when no other holds anything. */
  mostOf(share: string): number {
    return share === SERVER_SHARE ? this.max : Math.max(1, this.max / 2);
  }

  /** Whether there is room for so much; `others` is held beside what is counted here. */
  fits(amount: number, others: number = 0): boolean {
    return this.#total + others + amount <= this.max;
  }

  /** Whether a share may hold so much more: what is left is as much as it has then, or it has next to nothing. None binds the server. */
  admits(share: string, amount: number): boolean {
    if (!this.fits(amount)) return false;
    const free = this.max - this.#total - amount;
    // Nobody holds more than all do.
    if (share === SERVER_SHARE || this.#total + amount <= free) return true;
    if (this.#isSmall(this.of(share) + amount)) return true;
    return this.fitsBeside(share, amount) && this.of(share) + amount <= free;
  }

  /** Whether there is room for so much beside what is left for those who hold next to nothing, or the share is one of them. */
  fitsBeside(share: string, amount: number): boolean {
    const free = this.max - this.#total - amount;
    if (share === SERVER_SHARE || free >= this.max / RESERVE_PARTS) return free >= 0;
    return free >= 0 && this.#isSmall(this.of(share) + amount);
  }

  #isSmall(amount: number): boolean {
    return amount <= Math.max(1, this.max / SMALL_PARTS);
  }

  /**
   * Whether a share would hold more than an equal part, one left over. Where room can be made, it is made for who is within; for the
   * server too, which has what its clients asked it for.
   */
  isBeyondPart(share: string, amount: number): boolean {
    if (share === SERVER_SHARE) return false;
    const held = this.of(share);
    const shareCount = this.#amounts.size + (held > 0 ? 0 : 1);
    return held + amount > Math.max(1, this.max / (shareCount + 1));
  }

  /** Adds, or takes away with a negative amount. */
  add(share: string, amount: number): void {
    if (amount === 0) return;
    const before = this.of(share);
    const after = before + amount;
    this.#total += amount;
    if (after > 0) this.#amounts.set(share, after);
    else this.#amounts.delete(share);
    const [from, to] = [classOf(before), classOf(after)];
    if (from === to) return;
    if (from >= 0) this.#classes[from]?.delete(share);
    if (to >= 0) (this.#classes[to] ??= new Set()).add(share);
  }

  /**
   * Who holds most, the largest first, within a factor of two; the server stands last unless it has more than half of all. Each is
   * looked for when it is asked for.
   */
  *largest(): Iterable<string> {
    const isServerFirst = this.of(SERVER_SHARE) > this.max / 2;
    if (isServerFirst) yield SERVER_SHARE;
    for (let index = this.#classes.length - 1; index >= 0; index--) {
      for (const share of this.#classes[index] ?? []) if (share !== SERVER_SHARE) yield share;
    }
    if (!isServerFirst) yield SERVER_SHARE;
  }
}

/** -1 for nothing. */
function classOf(amount: number): number {
  return amount > 0 ? Math.max(0, Math.floor(Math.log2(amount))) : -1;
}
