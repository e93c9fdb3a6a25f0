/** Owns the subscriptions of a client by name, and brings them back after every reconnect. */
import { backoffDelayMs } from './backoff.js';
import { ClientError } from './client-error.js';
import { encodeMessage } from './client-message.js';
import { numberOf, type ClientSettings } from './client-options.js';
import { errorOf, type ServerMessage } from './server-message.js';
import {
  publicationOf,
  Subscription,
  type AcknowledgingHandlers,
  type SubscribeOptions,
} from './subscription.js';
import type { Wire } from './wire.js';

/** From here on a refusal means "try again". */
const FIRST_RETRY_NUMBER = 500;

export class Subscriptions {
  readonly #wire: Wire;
  readonly #settings: ClientSettings;
  readonly #byName = new Map<string, Subscription>();
  /** Names that the server subscribed this session to. */
  readonly #byServer = new Set<string>();

  constructor(wire: Wire, settings: ClientSettings) {
    this.#wire = wire;
    this.#settings = settings;
  }

  /** Throws a ClientError `subscription/exists`: the server too has one subscription of each name. Or `client/invalid-option`. */
  add(
    name: string,
    handlers: AcknowledgingHandlers,
    options: SubscribeOptions | undefined,
  ): Subscription {
    numberOf(options ?? {}, 'maxUnacknowledged', 1, 1);
    if (this.#byName.has(name)) {
      throw new ClientError('subscription/exists', `"${name}" is subscribed to already`);
    }
    const subscription = new Subscription(name, handlers, options, this.#wire, (gone) =>
      this.#unsubscribe(gone),
    );
    this.#byName.set(name, subscription);
    if (this.#wire.isConnected) this.#subscribe(subscription);
    return subscription;
  }

  connected(): void {
    for (const subscription of this.#byName.values()) this.#subscribe(subscription);
  }

  interrupted(): void {
    this.#byServer.clear();
    for (const subscription of this.#byName.values()) subscription.interrupted();
  }

  /** Takes what belongs to a subscription; returns false for an error that belongs to none. */
  received(message: ServerMessage): boolean {
    if (message.type === 'error') return this.#errorReceived(message);
    const name = message.subscription ?? message.destination ?? '';
    const subscription = this.#byName.get(name);
    if (subscription === undefined) {
      this.#ofServer(name, message);
      return true;
    }
    if (message.type === 'subscribed') {
      // An id of another: the answer to a predecessor of the same name.
      if (message.id === subscription.requestId) subscription.subscribed(message);
    } else if (message.type === 'ended') {
      if (subscription.state !== 'subscribed') return true;
      this.#drop(subscription);
      subscription.ended(message);
    } else subscription.delivered(message);
    return true;
  }

  /** An answer to this client has an id; without one, the server speaks of a subscription of its own. */
  #ofServer(name: string, message: ServerMessage): void {
    const { onServerPublication } = this.#settings;
    const { type, id } = message;
    if (type === 'publication') {
      if (onServerPublication === undefined || !this.#byServer.has(name)) return;
      this.#wire.call(() => onServerPublication(publicationOf(message, name)));
    } else if (type === 'subscribed' && id === undefined) this.#byServer.add(name);
    else this.#byServer.delete(name);
  }

  #errorReceived(message: ServerMessage): boolean {
    for (const subscription of this.#byName.values()) {
      if (message.id === undefined) {
        if (subscription.destination !== message.destination) continue;
      } else if (subscription.requestId === message.id) this.#refused(subscription, message);
      else continue;
      subscription.failed(errorOf(message));
      return true;
    }
    return message.id !== undefined;
  }

  #refused(subscription: Subscription, message: ServerMessage): void {
    const { backoff, fraction, time } = this.#settings;
    if ((message.number ?? 0) < FIRST_RETRY_NUMBER) {
      this.#drop(subscription);
      return;
    }
    const delayMs = backoffDelayMs(backoff, subscription.refusals++, fraction());
    subscription.interrupted();
    subscription.stopRetry = time.after(delayMs, () => this.#subscribe(subscription));
  }

  #subscribe(subscription: Subscription): void {
    const { destination, cursor, options } = subscription;
    const { policy } = options;
    // None on the wire, as of Infinity: the server's limit.
    const maxUnacknowledged = Math.ceil(options.maxUnacknowledged ?? 1);
    const id = (subscription.requestId = this.#wire.nextId());
    const fields = { type: 'subscribe', id, destination, cursor, policy };
    const window = options.acknowledge && { acknowledge: true, maxUnacknowledged };
    this.#wire.transmit(encodeMessage({ ...fields, ...window }));
  }

  #unsubscribe(subscription: Subscription): void {
    const isAtServer = subscription.requestId !== undefined;
    this.#drop(subscription);
    if (!isAtServer) return;
    const { destination } = subscription;
    // With an id, the answer is recognised as one that nobody waits for, an error too.
    const id = this.#wire.nextId();
    this.#wire.transmit(encodeMessage({ type: 'unsubscribe', id, destination }));
  }

  #drop(subscription: Subscription): void {
    this.#byName.delete(subscription.destination);
    subscription.over();
  }
}
