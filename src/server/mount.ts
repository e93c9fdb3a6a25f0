/** The door of `tideway/mount`: what a mount of one's own is written against. */
export { RequestError, Disconnect } from '../foundation/index.js';
export type { CancellationSignal, Owner } from '../foundation/index.js';
export { DestinationPattern, Message, Publication } from '../message/index.js';
export type { MessageHeaders, StreamPosition } from '../message/index.js';
export type {
  Caller,
  Mount,
  MountKind,
  OpenedSubscription,
  Reply,
  RequestOperation,
  SendOperation,
  SendOutcome,
  SubscribeOperation,
} from '../routing/index.js';
export { Batch } from '../session/index.js';
export type {
  Delivery,
  DeliverySink,
  DeliverySource,
  Grant,
  Principal,
  ResetReason,
} from '../session/index.js';
