/** Owns telling a session of STOMP what was refused without ending its connection: on its errors queue, while it reads that (E5). */
import type { RequestError } from '../../foundation/index.js';
import type { ClientCommand, StompFrame } from '../../protocol/stomp/index.js';
import type { ErrorsQueue, FailedOperation } from '../../routing/index.js';
import type { Session, Subscription } from '../../session/index.js';

export class Refusals {
  readonly #queue: ErrorsQueue;
  readonly #session: Session;
  /** Its subscriptions to the queue, as many as one destination may have. */
  readonly #readers = new Set<Subscription>();
  /** Settles when those that are being opened are open, or not. */
  #opening: Promise<unknown> | undefined = undefined;

  constructor(queue: ErrorsQueue, session: Session) {
    this.#queue = queue;
    this.#session = session;
  }

  /** A subscription has been asked for: what is refused meanwhile waits, and may be read there. */
  asked(destination: string | undefined, opening: Promise<unknown>): void {
    if (destination !== this.#queue.destination) return;
    const all = Promise.allSettled([this.#opening, opening]).then(() => {
      if (this.#opening === all) this.#opening = undefined;
    });
    this.#opening = all;
  }

  /** A subscription is open, wherever an interceptor has led it. */
  opened(subscription: Subscription): void {
    if (subscription.name !== this.#queue.destination) return;
    this.#forgetClosed();
    this.#readers.add(subscription);
  }

  /** Answers whether it was told: not, where nobody reads it, or it could not be published. */
  async tell(error: RequestError, about: FailedOperation): Promise<boolean> {
    await this.#opening;
    this.#forgetClosed();
    if (this.#readers.size === 0) return false;
    try {
      return await this.#queue.tell(this.#session, error, about);
    } catch {
      // The client hears of the first failure all the same, by an ERROR.
      return false;
    }
  }

  #forgetClosed(): void {
    for (const reader of this.#readers) if (reader.isClosed) this.#readers.delete(reader);
  }
}

/** What a refusal says of the frame that it is about. */
export function operationOf({ command, headers }: StompFrame<ClientCommand>): FailedOperation {
  const isOfSubscription = command === 'SUBSCRIBE' || command === 'UNSUBSCRIBE';
  return {
    destination: headers.get('destination'),
    subscription: isOfSubscription ? headers.get('id') : undefined,
    transaction: headers.get('transaction'),
    receipt: headers.get('receipt'),
  };
}
