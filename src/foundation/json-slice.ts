/** Owns finding the text of one member of a JSON object, so that a body travels as it was written (semantics M4). */
import { endOfString } from './json.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The text of the last member called `name` of the object that `text` is, without white space around it.
 * `text` must be known to be a valid JSON object. JSON.parse too keeps the last of duplicate members.
 */
export function memberSlice(text: string, name: string): string | undefined {
  let slice: string | undefined;
  let index = text.indexOf('{') + 1;
  while (index < text.length) {
    const nameStart = text.indexOf('"', index);
    if (nameStart < 0) break;
    const nameEnd = endOfString(text, nameStart);
    const valueStart = indexOfUnit(text, COLON, nameEnd + 1) + 1;
    const valueEnd = endOfValue(text, valueStart);
    if (isName(text, nameStart, nameEnd, name)) slice = text.slice(valueStart, valueEnd).trim();
    index = valueEnd + 1;
  }
  return slice;
}

function isName(text: string, start: number, end: number, name: string): boolean {
  const raw = text.slice(start + 1, end);
  // Where something is escaped, the raw text may be the spelling of another name.
  if (!raw.includes('\\')) return raw === name;
  return JSON.parse(text.slice(start, end + 1)) === name;
}

function indexOfUnit(text: string, unit: number, from: number): number {
  let index = from;
  while (text.charCodeAt(index) !== unit) index += 1;
  return index;
}

/** Index of the comma or brace that ends the value beginning at `start`. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index);
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth += 1;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        if (depth === 0) return index;
        depth -= 1;
        break;
      case COMMA:
        if (depth === 0) return index;
        break;
    }
  }
  return text.length;
}
