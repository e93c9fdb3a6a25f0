/** Owns the signal that somebody no longer waits for an outcome; a host-free AbortSignal. */

/** What those see who may listen but not cancel. */
export interface CancellationSignal {
  readonly isCancelled: boolean;
  /** Runs `listener` on cancellation, at once when that has happened; answers a way to withdraw it. */
  onCancelled(listener: () => void): () => void;
}

/**
 * Cancelled at most once; listeners run in the order in which they came. One that throws is reported and keeps
 * neither the others nor who cancels from going on: listeners are an application's, and what ends here has to end.
 */
export class Cancellation implements CancellationSignal {
  readonly #onFault: (error: unknown) => void;
  #isCancelled = false;
  #listeners: (() => void)[] = [];

  /** `onFault` is told what a listener throws. */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  onCancelled(listener: () => void): () => void {
    if (this.#isCancelled) {
      listener();
      return () => {};
    }
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((candidate) => candidate !== listener);
    };
  }

  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}
