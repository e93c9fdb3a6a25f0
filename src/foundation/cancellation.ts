/** Owns the signal that somebody no longer waits for an outcome; a host-free AbortSignal. */

/** What those see who may listen but not cancel. */
export interface CancellationSignal {
  readonly isCancelled: boolean;
  /** Runs `listener` on cancellation, at once when that has happened; answers a way to withdraw it. */
  onCancelled(listener: () => void): () => void;
}

/** One listener, in a list in which it is withdrawn without looking at the others. */
interface Entry {
  listener: (() => void) | undefined;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/**
 * Cancelled at most once; listeners run in the order in which they came, each of them, whatever another throws. One that is given
 * twice runs twice. Listening and withdrawing cost the same however many listen: a session has as many as its client has operations.
 */
export class Cancellation implements CancellationSignal {
  #isCancelled = false;
  #first: Entry | undefined = undefined;
  #last: Entry | undefined = undefined;

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  onCancelled(listener: () => void): () => void {
    if (this.#isCancelled) {
      listener();
      return () => {};
    }
    const entry: Entry = { listener, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    return () => this.#withdraw(entry);
  }

  /** Throws what the first listener threw that failed, after all have run. */
  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    let failure: { readonly error: unknown } | undefined;
    for (let entry = this.#first; entry !== undefined; entry = this.#first) {
      const { listener } = entry;
      this.#withdraw(entry);
      try {
        listener?.();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }

  #withdraw(entry: Entry): void {
    // Whoever keeps the way to withdraw keeps the entry, but nothing of the listener.
    if (entry.listener === undefined) return;
    entry.listener = undefined;
    const { previous, next } = entry;
    entry.previous = undefined;
    entry.next = undefined;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }
}
