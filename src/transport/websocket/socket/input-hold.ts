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

  /** Nothing of it comes any more; answers what has happened, and where nothing has, all stays as it is. */
  abandon(): 'ended' | 'gone' | undefined {
    const happened = this.whileHeld;
    if (happened === undefined) return undefined;
    this.isHeld = false;
    this.whileHeld = undefined;
    this.#delivery = undefined;
    return happened;
  }

  takeDelivery(): (() => void) | undefined {
    const delivery = this.#delivery;
    this.#delivery = undefined;
    return delivery;
  }
}
