/** Owns who holds how much of something that all share, and the rule by which nobody takes what others ask for. */

/** The server itself, its program and its HTTP API: one owner, which no share binds. */
export const SERVER_OWNER = 'server';

/**
 * Amounts by owner, of at most `max` together. An owner may come to hold as much as is left free: one alone gets a half, two a third
 * each, and some is always left for the next. An owner is a key: `routing` says whose.
 */
export class Shares {
  readonly max: number;
  readonly #amounts = new Map<string, number>();
  /** Owners by the power of two of their amounts, so that the largest are found without a look at all. */
  readonly #classes: (Set<string> | undefined)[] = [];
  #total = 0;

  constructor(max: number) {
    this.max = max;
  }

  get total(): number {
    return this.#total;
  }

  /** Owners that hold something. */
  get ownerCount(): number {
    return this.#amounts.size;
  }

  of(owner: string): number {
    return this.#amounts.get(owner) ?? 0;
  }

  /** The most that an owner can hold when nobody else holds anything. */
  mostOf(owner: string): number {
    return owner === SERVER_OWNER ? this.max : Math.max(1, this.max / 2);
  }

  /** Whether there is room for so much; `others` is held beside what is counted here. */
  fits(amount: number, others: number = 0): boolean {
    return this.#total + others + amount <= this.max;
  }

  /** Whether an owner may hold so much more, and all that is left is still as much as it has. No share binds the server. */
  admits(owner: string, amount: number): boolean {
    if (!this.fits(amount)) return false;
    const free = this.max - this.#total - amount;
    // Nobody holds more than all do.
    return (
      owner === SERVER_OWNER || this.#total + amount <= free || this.of(owner) + amount <= free
    );
  }

  /**
   * Whether an owner would hold more than an equal part, one left over. Where room can be made, it is made for who is within; for the
   * server too, which has what its clients asked it for.
   */
  isBeyondPart(owner: string, amount: number): boolean {
    if (owner === SERVER_OWNER) return false;
    const held = this.of(owner);
    const ownerCount = this.#amounts.size + (held > 0 ? 0 : 1);
    return held + amount > Math.max(1, this.max / (ownerCount + 1));
  }

  /** Adds, or takes away with a negative amount. */
  add(owner: string, amount: number): void {
    if (amount === 0) return;
    const before = this.of(owner);
    const after = before + amount;
    this.#total += amount;
    if (after > 0) this.#amounts.set(owner, after);
    else this.#amounts.delete(owner);
    const [from, to] = [classOf(before), classOf(after)];
    if (from === to) return;
    if (from >= 0) this.#classes[from]?.delete(owner);
    if (to >= 0) (this.#classes[to] ??= new Set()).add(owner);
  }

  /**
   * Who holds most, the largest first, within a factor of two; the server stands last unless it has more than half of all. Each is
   * looked for when it is asked for.
   */
  *largest(): Iterable<string> {
    const isServerFirst = this.of(SERVER_OWNER) > this.max / 2;
    if (isServerFirst) yield SERVER_OWNER;
    for (let index = this.#classes.length - 1; index >= 0; index--) {
      for (const owner of this.#classes[index] ?? []) if (owner !== SERVER_OWNER) yield owner;
    }
    if (!isServerFirst) yield SERVER_OWNER;
  }
}

/** -1 for nothing. */
function classOf(amount: number): number {
  return amount > 0 ? Math.max(0, Math.floor(Math.log2(amount))) : -1;
}
