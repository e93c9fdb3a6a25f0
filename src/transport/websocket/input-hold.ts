/** Owns the state of a connection whose input is held: while a large message is inflated, or until the next turn of the loop. */

/** Made for the first hold, so that most connections know nothing of it. */
export class InputHold {
  /** Nothing may be parsed until the input is released. */
  isHeld = false;
  /** What happened to the socket meanwhile; what is held comes first. */
  whileHeld: 'ended' | 'gone' | undefined = undefined;
  #delivery: (() => void) | undefined = undefined;

  /** Keeps what is to be handed on until the owner, who has paused, resumes. */
  keepDelivery(deliver: () => void): void {
    this.#delivery = deliver;
  }

  /** Nothing of it comes any more. */
  abandon(): void {
    this.isHeld = false;
    this.whileHeld = undefined;
    this.#delivery = undefined;
  }

  takeDelivery(): (() => void) | undefined {
    const delivery = this.#delivery;
    this.#delivery = undefined;
    return delivery;
  }
}
