/** Owns what a queue writes into the headers of messages that come again or are given up (semantics K4, K6). */
import { Publication, type Message, type MessageHeaders } from '../../message/index.js';
import { MAX_HEADER_COUNT } from '../../routing/index.js';
import type { KeptMessage } from './kept-messages.js';

/** Why a message came back. `ended`: its subscription or its session did. */
export type ReturnReason = 'rejected' | 'timed-out' | 'ended';

const REDELIVERED = 'redelivered';
const DELIVERY_COUNT = 'delivery-count';

/** A message without the headers that only the server may set. */
export function withoutDeliveryHeaders(message: Message): Message {
  const isOwn = ([name]: readonly [string, string]): boolean =>
    name === REDELIVERED || name === DELIVERY_COUNT;
  if (!message.headers.some(isOwn)) return message;
  const headers = message.headers.filter((header) => !isOwn(header));
  return message.withHeaders(headers);
}

/** What is delivered: the publication itself the first time, then one that says so. */
export function deliveryOf({ publication, deliveryCount }: KeptMessage): Publication {
  if (deliveryCount <= 1) return publication;
  const headers: MessageHeaders = [
    [REDELIVERED, 'true'],
    [DELIVERY_COUNT, String(deliveryCount)],
    ...publication.headers,
  ];
  return new Publication(publication.withHeaders(headers), publication);
}

/** What its dead-letter destination gets. */
export function deadLetterOf(
  { publication, deliveryCount }: KeptMessage,
  reason: ReturnReason,
): Message {
  const headers: MessageHeaders = [
    ['dead-letter-from', publication.destination],
    ['dead-letter-reason', reason],
    ['dead-letter-delivery-count', String(deliveryCount)],
    ...publication.headers,
  ];
  // One header too many and no destination would take it.
  return publication.withHeaders(headers.slice(0, MAX_HEADER_COUNT));
}
