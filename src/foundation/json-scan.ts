/** Owns the one look at JSON text before a parser sees it: its depth, how many values it has, and where one of its members stands. */
import { RequestError } from './error.js';

/** Measured on Node 20 to 26: a name that no object had before costs ten times an element of a list, and many as much as that. */
const VALUES_A_MEMBER = 5;

const QUOTE = 0x22;
const COMMA = 0x2c;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Throws a RequestError `json/too-deep` or `json/too-many-values`. Answers the text of the last member called `memberName` of the
 * object that the text is, without white space around it. One pass, linear, and total for text that is not JSON, of which the answer
 * means nothing.
 */
export function scanJson(
  text: string,
  maxValueCount: number,
  maxDepth: number,
  memberName?: string,
): string | undefined {
  const { length } = text;
  // Each bracket is a character, and no character counts for more than a member.
  const isWithin = length <= maxDepth && length * VALUES_A_MEMBER <= maxValueCount;
  if (isWithin && memberName === undefined) return undefined;
  let depth = 0;
  let count = 1;
  /** The last string of the outermost object: where a colon follows, it is a name. */
  let nameStart = 0;
  let nameEnd = 0;
  /** Of the member that is looked for, while the scan is in it. */
  let valueStart = -1;
  let slice: string | undefined;
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    // Digits, white space and most of what numbers consist of.
    if (unit < QUOTE || (unit > COMMA && unit <= NINE)) continue;
    if (unit === QUOTE) {
      if (depth === 1) nameStart = index;
      index = endOfString(text, index);
      if (depth === 1) nameEnd = index;
    } else if (unit === COMMA) {
      count += 1;
      if (count > maxValueCount) throw tooManyValues(maxValueCount);
      if (valueStart >= 0 && depth === 1) {
        slice = text.slice(valueStart, index);
        valueStart = -1;
      }
    } else if (unit === COLON) {
      // The comma or bracket before the name has counted once.
      count += VALUES_A_MEMBER - 1;
      if (count > maxValueCount) throw tooManyValues(maxValueCount);
      if (depth === 1 && memberName !== undefined && isName(text, nameStart, nameEnd, memberName)) {
        valueStart = index + 1;
      }
    } else if (unit === OPEN_BRACKET || unit === OPEN_BRACE) {
      depth += 1;
      count += 1;
      if (depth > maxDepth) {
        throw new RequestError('json/too-deep', `JSON is nested deeper than ${maxDepth} levels`);
      }
      if (count > maxValueCount) throw tooManyValues(maxValueCount);
    } else if (unit === CLOSE_BRACKET || unit === CLOSE_BRACE) {
      if (valueStart >= 0 && depth === 1) {
        slice = text.slice(valueStart, index);
        valueStart = -1;
      }
      depth -= 1;
    }
  }
  return slice?.trim();
}

function tooManyValues(maxValueCount: number): RequestError {
  return new RequestError(
    'json/too-many-values',
    `JSON has more than ${maxValueCount} values, where a member of an object counts as five (maxJsonValueCount)`,
  );
}

/** Whether the string between two quotes says `name`. */
function isName(text: string, start: number, end: number, name: string): boolean {
  const length = end - start - 1;
  // A character has up to six where it is escaped.
  if (length < name.length || length > 6 * name.length) return false;
  const raw = text.slice(start + 1, end);
  if (!raw.includes('\\')) return raw === name;
  try {
    return JSON.parse(text.slice(start, end + 1)) === name;
  } catch {
    // The text is not JSON, and the parser will say so.
    return false;
  }
}

/** Index of the quote that closes the string opened at `start`, or the text's length. */
function endOfString(text: string, start: number): number {
  const end = text.indexOf('"', start + 1);
  if (end < 0) return text.length;
  // Nearly always: nothing is escaped there. Otherwise each character is looked at once, whatever it is.
  if (text.charCodeAt(end - 1) !== BACKSLASH || end === start + 1) return end;
  for (let index = start + 1; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === QUOTE) return index;
    if (unit === BACKSLASH) index += 1;
  }
  return text.length;
}
