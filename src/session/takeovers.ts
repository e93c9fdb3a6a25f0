/** Owns which subscription of the server waits to be taken over by one of its client that is still opening (semantics H5). */
import type { Subscription } from './subscription.js';

export class Takeovers {
  readonly #known = new Map<Subscription, Subscription>();

  /** Those that deliver until they are taken over. */
  get waiting(): Iterable<Subscription> {
    return this.#known.values();
  }

  begin(subscription: Subscription, ofServer: Subscription): void {
    this.#known.set(subscription, ofServer);
  }

  /** Answers the one that `subscription` was to take over, and forgets it. */
  end(subscription: Subscription): Subscription | undefined {
    const ofServer = this.#known.get(subscription);
    this.#known.delete(subscription);
    return ofServer;
  }
}
