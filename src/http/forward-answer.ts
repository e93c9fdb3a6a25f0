/** Owns what an answer of a back end means to the caller: a value, nothing, or an error, and never more than it may know. */
import { parseJson, RequestError, type JsonValue } from '../foundation/index.js';
import type { ErrorCode, Octets } from '../foundation/index.js';
import { BINARY_CONTENT_TYPE, Message } from '../message/index.js';
import { isUsableContentType } from '../routing/index.js';

/** An answer that was read to its end, or whose body was not wanted. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Octets;
}

/** Something about an answer that makes it none. Its words are for the log. */
export class UnusableAnswer extends Error {
  override readonly name: string = 'UnusableAnswer';
}

/** Octets of the body of a refusal that are read. */
export const MAX_REFUSAL_BYTES = 16_384;

const MAX_CODE_LENGTH = 64;
const MAX_WORDS_LENGTH = 1_000;
const ERROR_CODE = /^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/;
const HIGHEST_REFUSAL_NUMBER = 499;

/** How much of the body of an answer is wanted: of a failure or a redirect, nothing is. */
export function wantedBytes(status: number, maxAnswerBytes: number): number {
  if (isSuccess(status)) return maxAnswerBytes;
  return isRefusal(status) ? MAX_REFUSAL_BYTES : 0;
}

/** Whether more than what is wanted spoils the answer. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500;
}

/** The handler's value; undefined for an empty answer. Throws a RequestError for anything but a success. */
export function valueOf({ status, contentType, body }: HttpAnswer): Message | undefined {
  if (isSuccess(status)) {
    if (body.length === 0) return undefined;
    const type = contentType ?? BINARY_CONTENT_TYPE;
    // Found here, or whoever sent the message would be blamed for it.
    if (!isUsableContentType(type)) {
      throw forwardFailure(new UnusableAnswer('a content-type that no message may have'));
    }
    return new Message(body, type);
  }
  // RFC 6585 §4: it is not the message that is at fault, so the same one may be sent again.
  if (status === 429) throw new RequestError('app/busy', 'the back end takes no more for now');
  if (!isRefusal(status)) throw forwardFailure(new UnusableAnswer(`HTTP status ${status}`));
  throw refusalOf(status, body);
}

/** What a caller is told of a back end that failed, whatever happened. */
export function forwardFailure(cause?: unknown): RequestError {
  return new RequestError('forward/failed', 'the back end of this destination failed; try again', {
    cause,
  });
}

/** `{ "error": { "code": "orders/sold-out", "message": "…" } }`, as Tideway's own HTTP API says it. */
function refusalOf(status: number, body: Octets): RequestError {
  const error = memberOf(jsonOf(body), 'error');
  const code = textOf(memberOf(error, 'code'));
  const words =
    textOf(memberOf(error, 'message')).slice(0, MAX_WORDS_LENGTH) ||
    `the back end of this destination refused the message (HTTP ${status})`;
  if (code.length > MAX_CODE_LENGTH || !ERROR_CODE.test(code)) {
    return new RequestError('forward/refused', words);
  }
  const refusal = new RequestError(code as ErrorCode, words);
  // A status below 500 says that the message is at fault (semantics E1), also where a code of Tideway's own says otherwise.
  if (refusal.number <= HIGHEST_REFUSAL_NUMBER) return refusal;
  return new RequestError(refusal.code, words, { number: HIGHEST_REFUSAL_NUMBER });
}

function jsonOf(body: Octets): JsonValue {
  try {
    return parseJson(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}

function memberOf(value: JsonValue, name: string): JsonValue {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  return Object.hasOwn(value, name) ? ((value as Record<string, JsonValue>)[name] ?? null) : null;
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : '';
}
