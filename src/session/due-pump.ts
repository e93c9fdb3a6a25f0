/** Owns that a session goes on with its deliveries in a later turn, and that the streams know of it. */
import type { TurnBudget } from '../foundation/index.js';

/** Made for a session that had no room in a turn. While it waits, streams keep what they have for those of its subscriptions. */
export class DuePump {
  readonly #turns: TurnBudget;
  readonly #step: () => void;
  #isDue = false;

  constructor(turns: TurnBudget, pump: () => void) {
    this.#turns = turns;
    this.#step = () => {
      this.#settle();
      pump();
    };
  }

  get isDue(): boolean {
    return this.#isDue;
  }

  later(): void {
    if (!this.#isDue) this.#turns.pendingDeliveryCount += 1;
    this.#isDue = true;
    this.#turns.later(this.#step, 'prompt');
  }

  forget(): void {
    this.#turns.forget(this.#step);
    this.#settle();
  }

  #settle(): void {
    if (this.#isDue) this.#turns.pendingDeliveryCount -= 1;
    this.#isDue = false;
  }
}
