/** Owns what STOMP makes of deliveries: one MESSAGE for all subscribers with the same version, id and mode of acknowledgement. */
import { decodeUtf8, type Octets } from '../../foundation/index.js';
import {
  BINARY_CONTENT_TYPE,
  formatCursor,
  type Message,
  type Publication,
} from '../../message/index.js';
import {
  encodeStompFrame,
  type StompHeaders,
  type StompVersion,
} from '../../protocol/stomp/index.js';
import { SharedMessage } from '../../session/index.js';
import { OWN_HEADER_PREFIX } from './submission.js';

/** How a subscription is written. */
export interface MessageForm {
  readonly version: StompVersion;
  /** What `subscription` says; undefined for a client of 1.0 that gave no id. */
  readonly subscriptionId: string | undefined;
  readonly isAcknowledged: boolean;
  /** Whether the name is one destination, so that the place of a publication is a cursor. */
  readonly isExact: boolean;
}

/** A sender's headers of these names stay behind: here they mean something of ours. */
const OF_A_MESSAGE = new Set([
  'destination',
  'content-type',
  'content-length',
  'message-id',
  'subscription',
  'ack',
]);

/** Unique among all publications with a place; undefined for one without. Made of the place, so that all subscribers share it. */
export function messageIdOf({ epoch, offset }: Publication): string | undefined {
  return epoch === undefined || offset === undefined ? undefined : `${epoch}@${offset}`;
}

/** What the client says back in ACK and NACK of 1.2: it names the message and the subscription. */
export function acknowledgementId(messageId: string, subscriptionId: string): string {
  return `${messageId}@${subscriptionId}`;
}

/** The two parts of an acknowledgement id; undefined for any other text. */
export function partsOfAcknowledgementId(
  id: string,
): { readonly messageId: string; readonly subscriptionId: string } | undefined {
  const match = /^([^@]*@[^@]*)@([\s\S]*)$/.exec(id);
  if (match === null) return undefined;
  return { messageId: match[1] ?? '', subscriptionId: match[2] ?? '' };
}

/** One MESSAGE. `extra` is for this subscriber only. */
export function publicationMessage(
  form: MessageForm,
  publication: Publication,
  messageId: string,
  extra: StompHeaders = [],
): SharedMessage {
  const { subscriptionId } = form;
  const { body } = publication;
  const headers: [string, string][] = [];
  if (subscriptionId !== undefined) headers.push(['subscription', subscriptionId]);
  headers.push(['message-id', messageId]);
  if (form.isAcknowledged && form.version === '1.2' && subscriptionId !== undefined) {
    headers.push(['ack', acknowledgementId(messageId, subscriptionId)]);
  }
  headers.push(['destination', publication.destination]);
  headers.push(['content-type', publication.contentType], ['content-length', String(body.length)]);
  addPlace(headers, form, publication);
  for (const header of extra) headers.push([...header]);
  addUserHeaders(headers, publication);
  const octets = encodeStompFrame(form.version, 'MESSAGE', headers, body);
  return new SharedMessage(octets, !isText(publication));
}

function addPlace(headers: [string, string][], form: MessageForm, publication: Publication): void {
  const { epoch, offset, publishedAtMs, key, messageId } = publication;
  if (epoch !== undefined && offset !== undefined) {
    headers.push(['tideway-epoch', epoch], ['tideway-offset', String(offset)]);
    if (form.isExact) headers.push(['tideway-cursor', formatCursor({ epoch, offset })]);
  }
  headers.push(['tideway-published-at-ms', String(publishedAtMs)]);
  if (key !== undefined) headers.push(['tideway-key', key]);
  if (messageId !== undefined) headers.push(['tideway-message-id', messageId]);
}

/** What a message brought with it can never take the place of a header of ours. */
function addUserHeaders(headers: [string, string][], message: Message): void {
  for (const [name, value] of message.headers) {
    if (!OF_A_MESSAGE.has(name) && !name.startsWith(OWN_HEADER_PREFIX)) headers.push([name, value]);
  }
}

/** Whether it travels in a text message: RFC 6455 §5.6 wants UTF-8 there. */
function isText({ body, contentType }: Message): boolean {
  return contentType !== BINARY_CONTENT_TYPE && isUtf8(body);
}

function isUtf8(octets: Octets): boolean {
  try {
    decodeUtf8(octets);
    return true;
  } catch {
    return false;
  }
}
