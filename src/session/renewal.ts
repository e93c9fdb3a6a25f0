/** Owns that the grants of a session are decided anew for a renewed token: in slices, and before anything is delivered under an old one. */
import { RequestError, type Log, type TurnBudget } from '../foundation/index.js';
import type { Grant } from './grant.js';
import type { Principal } from './principal.js';
import type { Subscription } from './subscription.js';

export interface RenewalParts {
  readonly log: Log;
  readonly principal: Principal;
  /** Throws for what the principal is no longer allowed. */
  readonly regrant: (name: string) => Grant;
  /** That subscription ends. */
  readonly refused: (subscription: Subscription, error: RequestError) => void;
}

/** One for each token; a later one takes its place. */
export class Renewal {
  readonly #parts: RenewalParts;
  readonly #undecided: Set<Subscription>;

  constructor(subscriptions: Iterable<Subscription>, parts: RenewalParts) {
    this.#parts = parts;
    this.#undecided = new Set(subscriptions);
  }

  /** To be called before something is delivered to a subscription. */
  decide(subscription: Subscription): void {
    if (!this.#undecided.delete(subscription) || subscription.isClosed) return;
    const { principal, regrant, refused } = this.#parts;
    const { grant, name } = subscription;
    try {
      subscription.regrant(grant.isOfServer ? grant.renewedFor(principal) : regrant(name));
    } catch (error) {
      refused(subscription, this.#refusalOf(error));
    }
  }

  /** Decides all; a few at once, many in slices. */
  run(turns: TurnBudget): Promise<void> {
    return turns.inSlices(this.#undecided, (subscription) => this.decide(subscription));
  }

  /** The rest is decided by another, or by nobody. */
  cancel(): void {
    this.#undecided.clear();
  }

  /** A condition of a rule that fails allows nothing, and must not leave the others with their old grants. */
  #refusalOf(error: unknown): RequestError {
    if (error instanceof RequestError) return error;
    this.#parts.log.error('an access rule failed', { error });
    return new RequestError(
      'server/failed',
      'the right to this subscription is unknown; try again',
    );
  }
}
