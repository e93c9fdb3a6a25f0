/** Owns the contract between a session and its dialect: how what goes out is written. */
import type { Disconnect } from '../foundation/index.js';
import type { Delivery } from './delivery.js';
import type { Subscription } from './subscription.js';

/** How a dialect writes what its session has for the client. */
export interface DeliveryWriter {
  writeDelivery(subscription: Subscription, delivery: Delivery): void;
  /** Says why, then closes the connection. */
  writeDisconnect(error: Disconnect): void;
  /** Tells the client of a subscription that the server made for it; a dialect without words for it leaves this out. */
  writeSubscribed?(subscription: Subscription, cursor: string | undefined): void;
  /** Tells the client that such a subscription is no more. */
  writeUnsubscribed?(subscription: Subscription): void;
}
