/** Owns one subscription of a session: its id, its name, its grant, its source, and whether it may be pulled. */
import { Cancellation, type CancellationSignal } from '../foundation/index.js';
import type { DeliverySink, DeliverySource } from './delivery.js';
import type { Grant } from './grant.js';

/** What a subscription tells its session. */
export interface SubscriptionOwner {
  /** It has been acknowledged. */
  subscriptionStarted(subscription: Subscription): void;
  subscriptionReady(subscription: Subscription): void;
  /** Whether it is pulled in a later turn, for want of room in this one. */
  isDue(subscription: Subscription): boolean;
}

/** Reserved before its source is open, so that a second one of the same id, or an unsubscribe, finds it. */
export class Subscription implements DeliverySink, CancellationSignal {
  // What a delivery looks at comes first.
  readonly #owner: SubscriptionOwner;
  #id: string;
  #grant: Grant;
  #source: DeliverySource | undefined;
  #isLive = false;
  #isClosed = false;
  /** What its session's dialect knows of it, where a delivery finds it without a look-up. Belongs to the dialect. */
  dialectPart: object | undefined = undefined;
  /** The destination or pattern that was subscribed to: where an interceptor led it, not what the client asked for. */
  readonly name: string;
  /** Made for the first that wants to know. */
  #closing: Cancellation | undefined;

  constructor(owner: SubscriptionOwner, id: string, name: string, grant: Grant) {
    this.#owner = owner;
    this.#id = id;
    this.name = name;
    this.#grant = grant;
  }

  /** What its session tells it from its others by: the client's own word, or the name where a dialect has no such word. */
  get id(): string {
    return this.#id;
  }

  /** Whether its id is this very destination. */
  isCalled(destination: string): boolean {
    if (this.#id !== destination) return false;
    // The store has one string for all publications of a stream: next time the comparison does not read them.
    this.#id = destination;
    return true;
  }

  get grant(): Grant {
    return this.#grant;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** As a cancellation: nobody waits for its opening any more. */
  get isCancelled(): boolean {
    return this.#isClosed;
  }

  onCancelled(listener: () => void): () => void {
    if (!this.#isClosed) return (this.#closing ??= new Cancellation()).onCancelled(listener);
    listener();
    return () => {};
  }

  /** The source while deliveries may be pulled. */
  get liveSource(): DeliverySource | undefined {
    return this.#isLive ? this.#source : undefined;
  }

  /** Gives the opened source; one that was unsubscribed meanwhile closes it again. */
  attach(source: DeliverySource): void {
    if (this.#isClosed) source.close();
    else this.#source = source;
  }

  /** Lets deliveries flow: called after the acknowledgement is written, which precedes them (semantics S4). */
  start(): void {
    if (this.#isClosed) return;
    this.#isLive = true;
    this.#owner.subscriptionStarted(this);
    this.ready();
  }

  ready(): void {
    if (this.#isLive) this.#owner.subscriptionReady(this);
  }

  get isDue(): boolean {
    return this.#owner.isDue(this);
  }

  /** A renewed token brings a new grant. */
  regrant(grant: Grant): void {
    this.#grant = grant;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isLive = false;
    const source = this.#source;
    this.#source = undefined;
    try {
      source?.close();
    } finally {
      this.#closing?.cancel();
    }
  }
}
