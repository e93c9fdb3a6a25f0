/** Owns reading a payload and checking it against a schema. */
import { RequestError } from '../../foundation/index.js';
import type { JsonValue, StandardSchema, StandardSchemaIssue } from '../../foundation/index.js';
import type { Message } from '../../message/index.js';

/** What is wrong with one place of a payload. */
export interface PayloadIssue {
  /** Where, as it would be written in JavaScript: `items[0].name`; empty for the whole. At most 100 characters. */
  readonly path: string;
  /** The schema's own words, at most 200 characters. */
  readonly message: string;
}

/** Issues that are told; of more, only their number. */
export const MAX_ISSUE_COUNT = 10;
const MAX_PATH_LENGTH = 100;
const MAX_ISSUE_LENGTH = 200;

/** A payload that its mapping's schema does not accept: `app/invalid-payload`, with what is wrong and where. */
export class InvalidPayloadError extends RequestError {
  override readonly name: string = 'InvalidPayloadError';
  /** At most ten. */
  readonly issues: readonly PayloadIssue[];

  constructor(given: readonly StandardSchemaIssue[]) {
    const issues = given.slice(0, MAX_ISSUE_COUNT).map(issueOf);
    const told = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    const more = given.length - issues.length;
    if (more > 0) told.push(`and ${more} more`);
    super('app/invalid-payload', `the payload is not accepted: ${told.join('; ')}`);
    this.issues = issues;
  }
}

/** What stands in a message: nothing as null, JSON as a value, text as a string, anything else as octets. Throws a RequestError. */
function contentOf(message: Message): unknown {
  if (isEmpty(message)) return null;
  if (message.isJson) return message.json();
  return isText(message) ? message.text() : message.body;
}

/** The payload without a schema. Throws a RequestError `message/invalid` for what is neither JSON nor text. */
export function plainPayload(message: Message): unknown {
  if (isEmpty(message)) return null;
  return isText(message) ? message.text() : message.json();
}

/** The body as JSON. Throws a RequestError `message/invalid` for what is none. */
export function jsonBody(message: Message): JsonValue {
  return isEmpty(message) ? null : message.json();
}

/** The payload as a schema makes it. Rejects with an InvalidPayloadError, or what reading the message throws. */
export async function checkedPayload(schema: StandardSchema, message: Message): Promise<unknown> {
  const result = await schema['~standard'].validate(contentOf(message));
  if (result.issues !== undefined) throw new InvalidPayloadError(result.issues);
  return result.value;
}

/** As with Spring, a body without octets is no payload, of whatever type it says it is. */
function isEmpty({ body }: Message): boolean {
  return body.length === 0;
}

function isText({ contentType }: Message): boolean {
  return /^text\//i.test(contentType);
}

function issueOf({ message, path = [] }: StandardSchemaIssue): PayloadIssue {
  const text = path
    .map((part) => (typeof part === 'object' ? part.key : part))
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('');
  return {
    path: shortened(text.startsWith('.') ? text.slice(1) : text, MAX_PATH_LENGTH),
    message: shortened(message, MAX_ISSUE_LENGTH),
  };
}

function shortened(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}
