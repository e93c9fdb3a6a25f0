/** Owns values that a handler yields one by one: taking them at the taker's pace, and ending them when nobody takes any more. */
import { RequestError } from '../../foundation/index.js';
import type { CancellationSignal } from '../../foundation/index.js';

type Step = IteratorResult<unknown, unknown>;

const DONE: Step = { done: true, value: undefined };

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

export function cancelled(): RequestError {
  return new RequestError('request/cancelled', 'nobody waits for this any more');
}

/** Values whose first has been waited for. */
export class StreamedValues {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #first: Step;

  private constructor(iterator: AsyncIterator<unknown>, first: Step) {
    this.#iterator = iterator;
    this.#first = first;
  }

  /** Resolves with the first value. Rejects with `request/cancelled` as soon as nobody waits for it. */
  static async begin(
    values: AsyncIterable<unknown>,
    cancellation: CancellationSignal,
  ): Promise<StreamedValues> {
    const iterator = values[Symbol.asyncIterator]();
    return new StreamedValues(iterator, await nextOf(iterator, cancellation));
  }

  /** Takes none of them. */
  refuse(): void {
    if (this.#first.done !== true) endOf(this.#iterator);
  }

  /** All of them, until nobody waits any more: that is an end like any other. */
  async *untilCancelled(cancellation: CancellationSignal): AsyncGenerator<unknown, void> {
    const iterator = this.#iterator;
    let step = this.#first;
    try {
      while (step.done !== true && !cancellation.isCancelled) {
        yield step.value;
        step = await nextOf(iterator, cancellation);
      }
    } catch (error) {
      step = DONE;
      if (!cancellation.isCancelled) throw error;
    } finally {
      if (step.done !== true) await iterator.return?.();
    }
  }
}

/** The next value. Rejects with `request/cancelled` as soon as nobody waits for it, whatever the iterator does. */
export async function nextOf(
  iterator: AsyncIterator<unknown>,
  cancellation: CancellationSignal,
): Promise<Step> {
  const next = iterator.next();
  return new Promise((resolve, reject) => {
    const forget = cancellation.onCancelled(() => {
      endOf(iterator);
      reject(cancelled());
    });
    next.then(
      (step) => {
        forget();
        resolve(step);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}

/** Ends an iterator without waiting: a generator answers `return` only once the `next` that hangs has settled. */
export function endOf(iterator: AsyncIterator<unknown>): void {
  // What it throws in its end is heard by nobody: they have gone.
  Promise.resolve(iterator.return?.()).catch(() => {});
}
