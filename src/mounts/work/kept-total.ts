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

  /** The most that a share can ever have kept. */
  mostOf(share: string): number {
    return Math.min(this.#shares.mostOf(share), this.#budget.maxBytes);
  }

  /** The limit that stands against so much more of a share's; undefined when there is room. */
  limitAgainst(share: string, bytes: number): string | undefined {
    if (!this.#shares.admits(share, bytes)) return 'maxWorkBytes';
    return this.#budget.admits(share, bytes) ? undefined : 'maxRetainedBytes';
  }

  /** Adds, or takes away with a negative number. */
  add(share: string, bytes: number): void {
    this.#shares.add(share, bytes);
    this.#budget.charge(share, bytes);
  }
}
