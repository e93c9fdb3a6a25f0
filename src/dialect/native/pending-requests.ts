/** Owns the requests of one session that wait for a reply, and writing the replies. */
import { Cancellation, RequestError } from '../../foundation/index.js';
import type { Reply } from '../../routing/index.js';
import type { SharedMessage } from '../../session/index.js';
import { bodyMessage, frameMessage } from './delivery-encoding.js';

/** The connection as a reply sees it. */
export interface ReplyOutlet {
  write(message: SharedMessage): void;
  /** Writes a part of a stream once the connection has room for it, and resolves then: the backpressure of a stream of replies. */
  writePart(encode: () => SharedMessage | undefined): Promise<void>;
  fail(id: number, error: unknown): void;
  /** A request was refused because too many wait: for the metrics. */
  tooMany(): void;
  /** A listener of a handler failed: for the log. */
  report(error: unknown): void;
}

/** At most `maxPendingRequestCount`, one of each id. */
export class PendingRequests {
  readonly #outlet: ReplyOutlet;
  readonly #maxCount: number;
  readonly #cancellations = new Map<number, Cancellation>();

  constructor(outlet: ReplyOutlet, maxCount: number) {
    this.#outlet = outlet;
    this.#maxCount = maxCount;
  }

  /** Runs a request to its reply, its error or its cancellation. Never rejects. */
  async run(id: number, request: (cancellation: Cancellation) => Promise<Reply>): Promise<void> {
    const refusal = this.#refusalOf(id);
    if (refusal !== undefined) {
      this.#outlet.fail(id, refusal);
      return;
    }
    const cancellation = new Cancellation();
    this.#cancellations.set(id, cancellation);
    try {
      const reply = await request(cancellation);
      await this.#writeReply(id, reply, cancellation);
    } catch (error) {
      if (!cancellation.isCancelled) this.#outlet.fail(id, error);
    } finally {
      if (this.#cancellations.get(id) === cancellation) this.#cancellations.delete(id);
    }
  }

  /** Ends one that still waits; its asker is told so. One that has settled is no error. */
  cancel(id: number): void {
    const cancellation = this.#cancellations.get(id);
    if (cancellation === undefined) return;
    this.#cancellations.delete(id);
    this.#cancel(cancellation);
    this.#outlet.fail(id, new RequestError('request/cancelled', 'the request was cancelled'));
  }

  /** Ends all without a word: nobody is there to hear it. */
  cancelAll(): void {
    const cancellations = [...this.#cancellations.values()];
    this.#cancellations.clear();
    for (const cancellation of cancellations) this.#cancel(cancellation);
  }

  #cancel(cancellation: Cancellation): void {
    try {
      cancellation.cancel();
    } catch (error) {
      this.#outlet.report(error);
    }
  }

  #refusalOf(id: number): RequestError | undefined {
    if (this.#cancellations.has(id)) {
      return new RequestError('request/duplicate-id', `request ${id} still waits for its reply`);
    }
    if (this.#cancellations.size < this.#maxCount) return undefined;
    this.#outlet.tooMany();
    return new RequestError(
      'request/too-many',
      `${this.#maxCount} requests wait for a reply already (maxPendingRequestCount)`,
    );
  }

  async #writeReply(id: number, reply: Reply, cancellation: Cancellation): Promise<void> {
    if (!(Symbol.asyncIterator in reply)) {
      if (!cancellation.isCancelled) this.#outlet.write(bodyMessage({ type: 'reply', id }, reply));
      return;
    }
    for await (const message of reply) {
      await this.#outlet.writePart(() =>
        cancellation.isCancelled
          ? undefined
          : bodyMessage({ type: 'reply', id, more: true }, message),
      );
      if (cancellation.isCancelled) return;
    }
    if (!cancellation.isCancelled) this.#outlet.write(frameMessage({ type: 'end', id }));
  }
}
