/** Owns guarded JSON parsing: depth is bounded before the parser or any walker sees the text. */
import { RequestError } from './error.js';

export type JsonValue =
  null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };

/** Nesting that is accepted; deeper text is refused, because recursive walkers overflow on it. */
export const MAX_JSON_DEPTH = 128;

/**
 * Parses JSON text. Throws a RequestError `json/invalid` or `json/too-deep`.
 * A member named `__proto__` becomes an own property, as JSON.parse makes it; of duplicate names the last counts.
 */
export function parseJson(text: string, maxDepth: number = MAX_JSON_DEPTH): JsonValue {
  checkJsonDepth(text, maxDepth);
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : 'not JSON';
    throw new RequestError('json/invalid', `JSON does not parse: ${detail}`, { cause });
  }
}

/** Throws a RequestError `json/too-deep`: nobody who reads the text could parse it. */
export function checkJsonDepth(text: string, maxDepth: number = MAX_JSON_DEPTH): void {
  if (!isDeeperThan(text, maxDepth)) return;
  throw new RequestError('json/too-deep', `JSON is nested deeper than ${maxDepth} levels`);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Whether any bracket of the text stands deeper than `maxDepth`; linear, and total for text that is not JSON. */
function isDeeperThan(text: string, maxDepth: number): boolean {
  if (text.length <= maxDepth) return false;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === QUOTE) index = endOfString(text, index);
    else if (unit === OPEN_BRACKET || unit === OPEN_BRACE) {
      if (++depth > maxDepth) return true;
    } else if (unit === CLOSE_BRACKET || unit === CLOSE_BRACE) depth -= 1;
  }
  return false;
}

/** Index of the quote that closes the string opened at `start`, or the text's length. */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}
