/** Owns a source whose publications pass interceptors on their way to one session, in their order (semantics I4, I5). */
import { isThenable, type RequestError } from '../foundation/index.js';
import type { Publication } from '../message/index.js';
import { Batch } from '../session/index.js';
import type { Delivery, DeliverySink, DeliverySource } from '../session/index.js';
import { DROPPED, type Dropped } from './interception-chain.js';

export interface InterceptedSourceParts {
  readonly source: DeliverySource;
  readonly sink: DeliverySink;
  /** Whether the session may have it at all; what it may not have is no interceptor's business. */
  readonly concerns: (publication: Publication) => boolean;
  readonly intercept: (
    publication: Publication,
  ) => Publication | Dropped | Promise<Publication | Dropped>;
  /** What a failure of an interceptor becomes. */
  readonly refusalOf: (error: unknown) => RequestError;
}

/**
 * Pulls no further while an interceptor has not answered, so that one pull is all that waits. A batch of which nothing
 * was changed or left out is handed on as it came, with what others made of it.
 */
export class InterceptedSource implements DeliverySource {
  readonly #parts: InterceptedSourceParts;
  /** Pulled and not yet seen by the interceptors. */
  #unseen: readonly Publication[] = [];
  #seenCount = 0;
  /** Seen, and to be delivered by the next pull. */
  #settled: Publication[] = [];
  #isWaiting = false;
  #refusal: RequestError | undefined = undefined;
  #isClosed = false;
  /** By what was made of them: a source that keeps its messages knows its own only. */
  readonly #originals = new WeakMap<Publication, Publication>();

  /** These three are there where the source has them: a window holds publications for a source that keeps them only. */
  readonly acknowledge?: (publication: Publication) => void;
  readonly reject?: (publication: Publication) => void;
  readonly awaits?: (publication: Publication) => boolean;

  constructor(parts: InterceptedSourceParts) {
    this.#parts = parts;
    const { source } = parts;
    const original = (publication: Publication): Publication =>
      this.#originals.get(publication) ?? publication;
    if (source.acknowledge !== undefined) {
      this.acknowledge = (publication) => source.acknowledge?.(original(publication));
    }
    if (source.reject !== undefined) {
      this.reject = (publication) => source.reject?.(original(publication));
    }
    if (source.awaits !== undefined) {
      this.awaits = (publication) => source.awaits?.(original(publication)) ?? true;
    }
  }

  pull(maxBytes: number, maxCount?: number): Delivery | undefined {
    for (;;) {
      if (this.#settled.length > 0) return this.#takeSettled();
      if (this.#refusal !== undefined) return { kind: 'end', error: this.#refusal };
      if (this.#isWaiting) return undefined;
      const delivery = this.#parts.source.pull(maxBytes, maxCount);
      if (delivery?.kind !== 'publications') return delivery;
      const { publications } = delivery.batch;
      this.#unseen = publications;
      this.#seenCount = 0;
      this.#see();
      const isWhole = !this.#isWaiting && this.#refusal === undefined;
      if (isWhole && isSame(publications, this.#settled)) {
        this.#settled = [];
        return delivery;
      }
      // Nothing of it is left, and nothing more is ready.
      if (isWhole && this.#settled.length === 0 && delivery.isLast === true) return undefined;
      // Only at once: a source that speaks up while an interceptor is waited for is not heard, so it is asked again.
      if (isWhole && this.#settled.length > 0) return this.#takeSettled(delivery.isLast === true);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#unseen = [];
    this.#settled = [];
    this.#parts.source.close();
  }

  #takeSettled(isLast: boolean = false): Delivery {
    const batch = new Batch(this.#settled);
    this.#settled = [];
    return { kind: 'publications', batch, isLast };
  }

  /** Shows the unseen to the interceptors, until one of them has to be waited for. */
  #see(): void {
    while (this.#seenCount < this.#unseen.length && this.#refusal === undefined) {
      const publication = this.#unseen[this.#seenCount]!;
      this.#seenCount += 1;
      let outcome: Publication | Dropped | Promise<Publication | Dropped>;
      try {
        // It asks the access rules, which are the application's too.
        if (!this.#parts.concerns(publication)) continue;
        outcome = this.#parts.intercept(publication);
      } catch (error) {
        this.#refusal = this.#parts.refusalOf(error);
        return;
      }
      if (isThenable(outcome)) {
        this.#isWaiting = true;
        this.#await(publication, outcome);
        return;
      }
      this.#settle(publication, outcome);
    }
  }

  #await(publication: Publication, outcome: Promise<Publication | Dropped>): void {
    const goOn = (step: () => void): void => {
      this.#isWaiting = false;
      if (this.#isClosed) return;
      step();
      this.#see();
      this.#parts.sink.ready();
    };
    outcome
      .then(
        (settled) => goOn(() => this.#settle(publication, settled)),
        (error: unknown) => goOn(() => (this.#refusal = this.#parts.refusalOf(error))),
      )
      // What the sink throws is logged there.
      .catch((error: unknown) => void this.#parts.refusalOf(error));
  }

  #settle(publication: Publication, outcome: Publication | Dropped): void {
    if (outcome === DROPPED) {
      this.#parts.source.acknowledge?.(publication);
      return;
    }
    if (outcome !== publication) this.#originals.set(outcome, publication);
    this.#settled.push(outcome);
  }
}

function isSame(left: readonly Publication[], right: readonly Publication[]): boolean {
  return left.length === right.length && left.every((one, index) => one === right[index]);
}
