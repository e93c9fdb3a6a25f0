/** Owns the subscriptions of one session by the client's ids: opening, ending and acknowledging. */
import { RequestError, type Metrics } from '../../foundation/index.js';
import { DestinationPattern, quoted } from '../../message/index.js';
import type { StompFrame, StompVersion } from '../../protocol/stomp/index.js';
import type { Opened, Router } from '../../routing/index.js';
import type { Session, Subscription } from '../../session/index.js';
import { partsOfAcknowledgementId } from './message-encoding.js';
import { requiredHeader } from './required-header.js';
import { StompSubscription, type AcknowledgementMode } from './stomp-subscription.js';

/** Octets, nearly, of a subscription's id: it is kept, and written with each MESSAGE. A destination may be as long. */
const MAX_ID_LENGTH = 1_024;

const MODES: readonly AcknowledgementMode[] = ['auto', 'client', 'client-individual'];

export class StompSubscriptions {
  readonly #router: Router;
  readonly #session: Session;
  readonly #version: StompVersion;
  readonly #metrics: Metrics;
  /** What the client means by an id now. */
  readonly #byId = new Map<string, StompSubscription>();
  #answerCount = 0;

  constructor(router: Router, session: Session, version: StompVersion, metrics: Metrics) {
    this.#metrics = metrics;
    this.#router = router;
    this.#session = session;
    this.#version = version;
  }

  forget(subscription: Subscription): void {
    const known = partOf(subscription);
    if (known !== undefined) this.#forget(subscription.id, known);
  }

  clear(): void {
    this.#byId.clear();
  }

  /** Takes up one that the server made (semantics H5). */
  adopt(subscription: Subscription): void {
    const { id, name } = subscription;
    const known = this.#make(id, name, 'auto');
    known.isByServer = true;
    this.#byId.set(id, known);
    subscription.dialectPart = known;
  }

  /** Opens one; undefined when the client has ended it, or its session, meanwhile. Rejects with a RequestError. */
  async open(frame: StompFrame): Promise<Opened | undefined> {
    const destination = requiredHeader(frame, 'destination');
    const id = this.#idOf(frame);
    if (id.length > MAX_ID_LENGTH) throw this.#tooLong();
    const { headers } = frame;
    if (headers.has('selector')) {
      throw new RequestError(
        'frame/invalid-field',
        'this server evaluates no selectors; filter in the client, or subscribe to a narrower destination',
      );
    }
    const former = this.#byId.get(id);
    if (former !== undefined && !former.isByServer && !former.isUnsubscribed) {
      throw new RequestError(
        'subscription/exists',
        `this session has a subscription ${quoted(id)} already`,
      );
    }
    const known = this.#register(frame, id, destination);
    const cursor = headers.get('tideway-cursor');
    try {
      const opened = await this.#router.subscribe(this.#session, destination, {
        id,
        cursor,
        policy: headers.get('tideway-policy'),
        maxUnacknowledgedCount: known.mode === 'auto' ? undefined : this.#prefetchCount(frame),
      });
      if (this.#isUnwanted(known)) {
        this.#session.release(opened.subscription);
        return undefined;
      }
      if (opened.subscription.isClosed) {
        throw new RequestError(
          'subscription/ended',
          'the subscription ended before it was open: the right to it is gone',
        );
      }
      known.window = opened.window;
      known.opened(opened.subscription.grant.isExact);
      opened.subscription.dialectPart = known;
      if (opened.recovered !== undefined) known.tellRecovered(opened.recovered);
      return opened;
    } catch (error) {
      this.#forget(id, known);
      // It was to be ended before this one, and an interceptor would not have it.
      this.#restore(id, former);
      if (this.#isUnwanted(known) && isEnded(error)) return undefined;
      throw error;
    }
  }

  /** One that has ended by itself is no error: the client cannot have known. */
  async unsubscribe(frame: StompFrame): Promise<void> {
    const id = this.#idOf(frame);
    const known = this.#byId.get(id);
    if (known === undefined || known.isUnsubscribed) return;
    known.isUnsubscribed = true;
    try {
      // It delivers, and is acknowledged, until the router lets it go: the word may wait at an interceptor.
      await this.#router.unsubscribe(this.#session, id, () => this.#forget(id, known));
    } catch (error) {
      if (error instanceof RequestError && error.code === 'subscription/unknown') {
        return this.#forget(id, known);
      }
      known.isUnsubscribed = false;
      this.#restore(id, known);
      throw error;
    }
  }

  /** ACK or NACK. What is not waiting any more is no error: it may have crossed an UNSUBSCRIBE. */
  acknowledge(frame: StompFrame): void {
    const isAck = frame.command === 'ACK';
    const settle = (known: StompSubscription, messageId: string): boolean => {
      const scope = known.mode === 'client' ? 'cumulative' : 'one';
      if (isAck) return known.window?.acknowledged(messageId, scope) ?? false;
      return known.window?.rejected(messageId, scope) ?? false;
    };
    const { messageId, subscriptionId } = this.#namedBy(frame);
    if (subscriptionId !== undefined) {
      const known = this.#byId.get(subscriptionId);
      if (known !== undefined) settle(known, messageId);
      return;
    }
    // STOMP 1.0 names the message alone.
    for (const known of this.#byId.values()) if (settle(known, messageId)) return;
  }

  /** Another may have its id by now. */
  #forget(id: string, known: StompSubscription): void {
    if (this.#byId.get(id) === known) this.#byId.delete(id);
  }

  /** An id means the subscription again that it meant before, where that one lives. */
  #restore(id: string, former: StompSubscription | undefined): void {
    const lives = former?.isUnsubscribed === false && this.#session.subscription(id) !== undefined;
    if (lives && !this.#byId.has(id)) this.#byId.set(id, former);
  }

  /** It was unsubscribed, or its session has ended, while it was being opened: that it is not open is no failure. */
  #isUnwanted(known: StompSubscription): boolean {
    return known.isUnsubscribed || this.#session.isEnded;
  }

  #namedBy(frame: StompFrame): { messageId: string; subscriptionId: string | undefined } {
    const { headers } = frame;
    if (this.#version === '1.2') {
      // STOMP 1.2, "ACK": the value of the header `ack` of the MESSAGE.
      const parts = partsOfAcknowledgementId(requiredHeader(frame, 'id'));
      return parts ?? { messageId: '', subscriptionId: '' };
    }
    const messageId = requiredHeader(frame, 'message-id');
    if (this.#version === '1.0') return { messageId, subscriptionId: headers.get('subscription') };
    return { messageId, subscriptionId: requiredHeader(frame, 'subscription') };
  }

  #tooLong(): RequestError {
    this.#metrics.count('limit_reached', { limit: 'maxSubscriptionIdLength' });
    return new RequestError(
      'frame/invalid-field',
      `"id" of a subscription has at most ${MAX_ID_LENGTH} characters`,
    );
  }

  #idOf(frame: StompFrame): string {
    // STOMP 1.0: a subscription without an id is named by its destination.
    const id = frame.headers.get('id');
    if (id !== undefined) return id;
    return requiredHeader(frame, this.#version === '1.0' ? 'destination' : 'id');
  }

  #register(frame: StompFrame, id: string, destination: string): StompSubscription {
    const given = frame.headers.get('ack') ?? 'auto';
    const mode = MODES.find((known) => known === given);
    if (mode === undefined) {
      throw new RequestError(
        'frame/invalid-field',
        `"ack" is ${quoted(given)}; it is one of ${MODES.join(', ')}`,
      );
    }
    const known = this.#make(frame.headers.get('id'), destination, mode);
    // Entered now: an UNSUBSCRIBE that follows at once has to find it.
    this.#byId.set(id, known);
    return known;
  }

  #make(
    subscriptionId: string | undefined,
    destination: string,
    mode: AcknowledgementMode,
  ): StompSubscription {
    const form = {
      version: this.#version,
      subscriptionId,
      isAcknowledged: mode !== 'auto',
      isExact: DestinationPattern.parse(destination).isExact,
    };
    const newMessageId = (): string => `answer@${++this.#answerCount}`;
    return new StompSubscription(form, destination, mode, newMessageId);
  }

  /** A subscriber may ask for fewer on their way than the server's limit, by RabbitMQ's name for it; 0 asks for nothing. */
  #prefetchCount({ headers }: StompFrame): number {
    const given = headers.get('prefetch-count');
    if (given !== undefined && !/^(?:0|[1-9]\d{0,8})$/.test(given)) {
      throw new RequestError('frame/invalid-field', '"prefetch-count" is a number of messages');
    }
    return this.#session.windowCountOf(Number(given ?? 0) || undefined);
  }
}

/** How a subscription is written, for as long as it delivers: its id may mean another by then. */
export function partOf({ dialectPart }: Subscription): StompSubscription | undefined {
  return dialectPart instanceof StompSubscription ? dialectPart : undefined;
}

function isEnded(error: unknown): boolean {
  return error instanceof RequestError && error.code === 'subscription/ended';
}
