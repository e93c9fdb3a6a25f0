/** Owns what is submitted to a destination, and which bounds it has whatever door it came through. */
import { RequestError } from '../foundation/index.js';
import {
  checkDestination,
  JSON_CONTENT_TYPE,
  type Audience,
  type Message,
  type MessageHeaders,
} from '../message/index.js';

/** A message with what may accompany it. */
export interface Submission {
  readonly message: Message;
  readonly key?: string | undefined;
  readonly messageId?: string | undefined;
  /** Never from a client. */
  readonly audience?: Audience | undefined;
  /** See `SendOperation`. */
  readonly answersFailures?: boolean | undefined;
}

/** Characters of a publisher's key or message id. */
export const MAX_KEY_LENGTH = 255;
/** Characters of a content type; those that are in use have fewer than 100. */
export const MAX_CONTENT_TYPE_LENGTH = 255;
/** RFC 9110 §5.5: what stands in a header field as it is. */
const CONTENT_TYPE = /^[ -~]*$/;
/** Headers of one message, whatever door it came through. */
export const MAX_HEADER_COUNT = 64;

/** Throws a RequestError for what no message may be, whoever sends it. */
export function checkSubmission(
  destination: string,
  { message, key, messageId }: Submission,
): void {
  checkDestination(destination);
  checkLength('key', key);
  checkLength('messageId', messageId);
  if (messageId === '') {
    // A variable that is not set would make one message of all.
    throw new RequestError(
      'frame/invalid-field',
      '"messageId" is empty; leave it out, or name the message',
    );
  }
  const { headers, contentType } = message;
  if (contentType !== JSON_CONTENT_TYPE) checkContentType(contentType);
  if (headers.length > MAX_HEADER_COUNT) {
    throw new RequestError('message/invalid', `a message has at most ${MAX_HEADER_COUNT} headers`);
  }
  checkHeaders(headers);
}

/**
 * The wire's headers have been checked; those of an application in JavaScript have not, and one that is no text
 * would make the message unreadable for every subscriber.
 */
function checkHeaders(headers: MessageHeaders): void {
  const given: unknown = headers;
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) &&
    pair.length === 2 &&
    typeof pair[0] === 'string' &&
    typeof pair[1] === 'string';
  if (Array.isArray(given) && given.every(isPair)) return;
  throw new RequestError('message/invalid', 'headers are a list of [name, value], both texts');
}

/** Whether a message may have it. */
export function isUsableContentType(contentType: unknown): boolean {
  return (
    typeof contentType === 'string' &&
    contentType.length <= MAX_CONTENT_TYPE_LENGTH &&
    CONTENT_TYPE.test(contentType)
  );
}

function checkContentType(contentType: unknown): void {
  if (isUsableContentType(contentType)) return;
  throw new RequestError(
    'message/invalid',
    `a content type is a text of visible ASCII and spaces, ${MAX_CONTENT_TYPE_LENGTH} characters at most`,
  );
}

function checkLength(name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== 'string') {
    throw new RequestError('frame/invalid-field', `"${name}" is not a text`);
  }
  if (value.length > MAX_KEY_LENGTH) {
    throw new RequestError(
      'frame/invalid-field',
      `"${name}" is longer than ${MAX_KEY_LENGTH} characters`,
    );
  }
}
