/** Owns the signal that somebody no longer waits for an outcome; a host-free AbortSignal. */

/** What those see who may listen but not cancel. */
export interface CancellationSignal {
  readonly isCancelled: boolean;
  /** Runs `listener` on cancellation, at once when that has happened; answers a way to withdraw it. */
  onCancelled(listener: () => void): () => void;
}

/** Cancelled at most once; listeners run in the order in which they came, each of them, whatever another throws. */
export class Cancellation implements CancellationSignal {
  #isCancelled = false;
  #listeners: (() => void)[] = [];

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

  /** Throws what the first listener threw that failed, after all have run. */
  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    const listeners = this.#listeners;
    this.#listeners = [];
    let failure: { readonly error: unknown } | undefined;
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}
