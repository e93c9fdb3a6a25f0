/** Owns the grammar of destinations (semantics D1). Nothing is normalised, folded or decoded: what differs in an octet differs. */
import { RequestError, utf8ByteLength } from '../foundation/index.js';

export const MAX_DESTINATION_BYTES = 1024;
export const MAX_SEGMENT_BYTES = 255;
export const MAX_SEGMENTS = 32;

/** C0 and C1 controls, DEL, and surrogates without their other half, which UTF-8 cannot carry. */
const FORBIDDEN =
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  /[\u0000-\u001f\u007f-\u009f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const PATTERN_CHARACTER = /[*?{}]/;

/** What is wrong with a text as a path of segments, or undefined. Patterns obey this part of the grammar too. */
export function pathFault(text: string): string | undefined {
  if (!text.startsWith('/')) return 'it must begin with "/"';
  if (text.length > MAX_DESTINATION_BYTES || utf8ByteLength(text) > MAX_DESTINATION_BYTES) {
    return `it is longer than ${MAX_DESTINATION_BYTES} octets`;
  }
  if (FORBIDDEN.test(text)) return 'it contains a control character or half a surrogate pair';
  const segments = text.slice(1).split('/');
  if (segments.length > MAX_SEGMENTS) return `it has more than ${MAX_SEGMENTS} segments`;
  for (const segment of segments) {
    if (segment === '') return 'it has an empty segment';
    if (segment === '.' || segment === '..') return `a segment is "${segment}"`;
    if (utf8ByteLength(segment) > MAX_SEGMENT_BYTES) {
      return `a segment is longer than ${MAX_SEGMENT_BYTES} octets`;
    }
  }
  return undefined;
}

/** What is wrong with a text as a destination, or undefined when it is one. */
export function destinationFault(text: string): string | undefined {
  const fault = pathFault(text);
  if (fault !== undefined) return fault;
  if (PATTERN_CHARACTER.test(text)) return 'a destination has no "*", "?", "{" or "}"';
  return undefined;
}

/** Throws a RequestError `destination/invalid` unless the text is a destination. */
export function checkDestination(text: string): void {
  const fault = destinationFault(text);
  if (fault !== undefined) {
    throw new RequestError('destination/invalid', `${quoted(text)} is not a destination: ${fault}`);
  }
}

/** A text of a stranger, cut short and escaped, for an error message. */
export function quoted(text: string): string {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return JSON.stringify(shown);
}

/** Whether `destination` is `prefix` itself or lies below it. */
export function isWithin(prefix: string, destination: string): boolean {
  if (!destination.startsWith(prefix)) return false;
  return destination.length === prefix.length || destination.charCodeAt(prefix.length) === 0x2f;
}
