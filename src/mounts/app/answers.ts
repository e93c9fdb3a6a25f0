/** Owns what a subscription to a mapping yields: one answer, none, or the values of a stream as they are pulled. */
import { RequestError } from '../../foundation/index.js';
import type { Cancellation } from '../../foundation/index.js';
import type { Publication } from '../../message/index.js';
import {
  Batch,
  type Delivery,
  type DeliverySink,
  type DeliverySource,
} from '../../session/index.js';
import { endOf, nextOf } from './values.js';

/** One publication, if there is one, then the end. */
export class OneAnswer implements DeliverySource {
  #publication: Publication | undefined;
  #hasEnded = false;

  constructor(publication: Publication | undefined) {
    this.#publication = publication;
  }

  pull(): Delivery | undefined {
    const publication = this.#publication;
    if (publication !== undefined) {
      this.#publication = undefined;
      return { kind: 'publications', batch: new Batch([publication]) };
    }
    if (this.#hasEnded) return undefined;
    this.#hasEnded = true;
    return { kind: 'end' };
  }

  close(): void {
    this.#publication = undefined;
    this.#hasEnded = true;
  }
}

/** What a stream needs of the mapping that it comes from. */
export interface StreamOrigin {
  readonly iterator: AsyncIterator<unknown>;
  readonly cancellation: Cancellation;
  publicationOf(value: unknown): Publication;
  /** Lets everybody else have their turn now and then. */
  pause(): Promise<void> | undefined;
  /** Lets an exception handler answer an error. Rejects with a RequestError where there is none. */
  recover(error: unknown): Promise<void>;
}

/** Asks for a value only when the session pulls, so a slow reader slows its stream; ends it when it is closed. */
export class StreamedAnswer implements DeliverySource {
  readonly #origin: StreamOrigin;
  readonly #sink: DeliverySink;
  #ready: Delivery | undefined;
  #isAsking = false;
  /** Nothing is to be asked for any more. */
  #isOver = false;

  constructor(origin: StreamOrigin, sink: DeliverySink) {
    this.#origin = origin;
    this.#sink = sink;
  }

  pull(): Delivery | undefined {
    const delivery = this.#ready;
    if (delivery !== undefined) {
      this.#ready = undefined;
      return delivery;
    }
    if (!this.#isAsking && !this.#isOver) {
      this.#isAsking = true;
      void this.#ask();
    }
    return undefined;
  }

  close(): void {
    this.#ready = undefined;
    this.#isOver = true;
    const { iterator, cancellation } = this.#origin;
    // Where it is being asked, the cancellation ends it.
    if (!this.#isAsking) endOf(iterator);
    cancellation.cancel();
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { iterator, cancellation } = this.#origin;
    const delivery = await this.#deliveryOf(async () => {
      await this.#origin.pause();
      return nextOf(iterator, cancellation);
    });
    this.#isAsking = false;
    if (cancellation.isCancelled) return;
    this.#ready = delivery;
    this.#sink.ready();
  }

  async #deliveryOf(next: () => Promise<IteratorResult<unknown>>): Promise<Delivery | undefined> {
    const { cancellation } = this.#origin;
    try {
      for (let step = await next(); step.done !== true; step = await next()) {
        if (step.value !== undefined && step.value !== null) return this.#publications(step.value);
      }
      this.#isOver = true;
      return { kind: 'end' };
    } catch (error) {
      this.#isOver = true;
      return cancellation.isCancelled ? undefined : this.#failed(error);
    }
  }

  async #failed(error: unknown): Promise<Delivery> {
    try {
      await this.#origin.recover(error);
      return { kind: 'end' };
    } catch (failure) {
      // Whatever it is that is no RequestError, its words stay here.
      const isTold = failure instanceof RequestError;
      const words = 'the handler of this destination failed';
      return { kind: 'end', error: isTold ? failure : new RequestError('app/failed', words) };
    }
  }

  #publications(value: unknown): Delivery {
    return { kind: 'publications', batch: new Batch([this.#origin.publicationOf(value)]) };
  }
}
