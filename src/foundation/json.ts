/** Owns guarded JSON parsing: depth and number of values are bounded before the parser or any walker sees the text. */
import { RequestError } from './error.js';
import { wordsOf } from './foreign-values.js';
import { scanJson } from './json-scan.js';

export type JsonValue =
  null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };

/** Nesting that is accepted; deeper text is refused, because recursive walkers overflow on it. */
export const MAX_JSON_DEPTH = 128;

/**
 * Values of one text that a peer may send, a member of an object counting as five: about what each costs a parser, which nobody can
 * interrupt. So many take up to 10 ms; 1 MiB without a bound took 100 ms.
 */
export const MAX_JSON_VALUE_COUNT = 50_000;
/**
 * Parses JSON text. Throws a RequestError `json/invalid`, `json/too-deep` or `json/too-many-values`.
 * A member named `__proto__` becomes an own property, as JSON.parse makes it; of duplicate names the last counts.
 */
export function parseJson(
  text: string,
  maxValueCount: number = MAX_JSON_VALUE_COUNT,
  maxDepth: number = MAX_JSON_DEPTH,
): JsonValue {
  scanJson(text, maxValueCount, maxDepth);
  return parsed(text);
}

/**
 * Parses as `parseJson` does, and finds the text of the last member called `memberName` of the object that it is, without white space
 * around it: so that a body travels as it was written (semantics M4). JSON.parse too keeps the last of duplicate members.
 */
export function parseJsonAndSlice(
  text: string,
  memberName: string,
  maxValueCount: number = MAX_JSON_VALUE_COUNT,
): { readonly value: JsonValue; readonly slice: string | undefined } {
  const slice = scanJson(text, maxValueCount, MAX_JSON_DEPTH, memberName);
  return { value: parsed(text), slice };
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new RequestError('json/invalid', `JSON does not parse: ${wordsOf(cause)}`, { cause });
  }
}

/** Throws a RequestError `json/too-deep`: nobody who reads the text could parse it. */
export function checkJsonDepth(text: string, maxDepth: number = MAX_JSON_DEPTH): void {
  scanJson(text, Infinity, maxDepth);
}
