/** Owns what all queues of a mount keep together, messages and the ids that they remember, and whose it is (semantics K7). */
import { Shares, type RetainedBudget } from '../../foundation/index.js';

export class KeptTotal {
  readonly #shares: Shares;
  readonly #budget: RetainedBudget;

  /** `budget`: what work takes, all else has not. */
  constructor(maxWorkBytes: number, budget: RetainedBudget) {
    this.#shares = new Shares(maxWorkBytes);
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#shares.total;
  }

  /** The most that an owner can ever have kept. */
  mostOf(owner: string): number {
    return Math.min(this.#shares.mostOf(owner), this.#budget.maxBytes);
  }

  /** The limit that stands against so much more of an owner's; undefined when there is room. */
  limitAgainst(owner: string, bytes: number): string | undefined {
    if (!this.#shares.admits(owner, bytes)) return 'maxWorkBytes';
    return this.#budget.admits(owner, bytes) ? undefined : 'maxRetainedBytes';
  }

  /** Adds, or takes away with a negative number. */
  add(owner: string, bytes: number): void {
    this.#shares.add(owner, bytes);
    this.#budget.charge(owner, bytes);
  }
}
