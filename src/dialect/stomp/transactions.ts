/** Owns the transactions of one session: what waits for its COMMIT, within limits. */
import { RequestError, type Metrics } from '../../foundation/index.js';
import { quoted } from '../../message/index.js';
import type { InputFlow, SessionLimits } from '../../session/index.js';

interface Transaction<Item> {
  readonly items: Item[];
  byteLength: number;
  /** Why it lacks a frame: the first that was refused. */
  refusal: RequestError | undefined;
}

/** What was in a transaction, in order, and why something is not. */
export type Taken<Item> = Readonly<Pick<Transaction<Item>, 'refusal'>> & {
  readonly items: readonly Item[];
};

/** Dropped with the session: what was not committed is aborted (STOMP 1.2, "BEGIN"). */
export class Transactions<Item> {
  readonly #limits: SessionLimits;
  readonly #metrics: Metrics;
  /** What is kept here counts with what is under way. */
  readonly #flow: InputFlow;
  readonly #open = new Map<string, Transaction<Item>>();
  #itemCount = 0;
  #byteLength = 0;

  constructor(limits: SessionLimits, metrics: Metrics, flow: InputFlow) {
    this.#limits = limits;
    this.#metrics = metrics;
    this.#flow = flow;
  }

  begin(id: string): void {
    if (this.#open.has(id)) {
      throw new RequestError('transaction/exists', `transaction ${quoted(id)} has begun already`);
    }
    if (this.#open.size >= this.#limits.maxTransactionCount) {
      throw this.#tooMuch('transactions are open', 'maxTransactionCount');
    }
    this.#open.set(id, { items: [], byteLength: 0, refusal: undefined });
  }

  /** Keeps a frame of so many octets until the COMMIT. */
  add(id: string, item: Item, byteLength: number): void {
    const transaction = this.#find(id);
    const { maxTransactionFrameCount, maxTransactionBytes } = this.#limits;
    if (this.#itemCount >= maxTransactionFrameCount) {
      throw this.#tooMuch('frames wait for a COMMIT', 'maxTransactionFrameCount');
    }
    if (this.#byteLength + byteLength > maxTransactionBytes) {
      throw this.#tooMuch('octets wait for a COMMIT', 'maxTransactionBytes');
    }
    if (!this.#flow.keep(byteLength)) {
      this.#metrics.count('limit_reached', { limit: 'maxTotalWaitingBytes' });
      // No fault of the client's: it is within its own limits.
      throw new RequestError(
        'server/busy',
        'others keep too much in their transactions (maxTotalWaitingBytes); try again later',
      );
    }
    transaction.items.push(item);
    transaction.byteLength += byteLength;
    this.#itemCount += 1;
    this.#byteLength += byteLength;
  }

  /** A frame of it was refused: whoever commits it must not be told that all is done. */
  lacks(id: string, refusal: RequestError): void {
    const transaction = this.#open.get(id);
    if (transaction !== undefined) transaction.refusal ??= refusal;
  }

  /** Ends a transaction and answers what was in it. */
  take(id: string): Taken<Item> {
    const { items, byteLength, refusal } = this.#find(id);
    this.#open.delete(id);
    this.#itemCount -= items.length;
    this.#byteLength -= byteLength;
    this.#flow.letGo(byteLength);
    return { items, refusal };
  }

  clear(): void {
    this.#open.clear();
    this.#flow.letGo(this.#byteLength);
    this.#itemCount = 0;
    this.#byteLength = 0;
  }

  #find(id: string): Transaction<Item> {
    const transaction = this.#open.get(id);
    if (transaction !== undefined) return transaction;
    throw new RequestError('transaction/unknown', `no transaction ${quoted(id)} has begun`);
  }

  #tooMuch(
    what: string,
    limit: 'maxTransactionCount' | 'maxTransactionFrameCount' | 'maxTransactionBytes',
  ): RequestError {
    this.#metrics.count('limit_reached', { limit });
    const words = `more than ${this.#limits[limit]} ${what} (${limit})`;
    return new RequestError('transaction/too-large', words);
  }
}
