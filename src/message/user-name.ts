/** Owns the spelling of a principal's name as one segment of a destination, both ways, and the destinations of users. */
import { decodeUtf8, encodeUtf8 } from '../foundation/index.js';
import { checkDestination, pathFault } from './destination.js';

/**
 * A principal's name as one segment of a destination: `%` and what a segment cannot hold are percent-encoded,
 * so that `/` is `%2F`. Names that need none of it stand as they are.
 */
export function escapeName(name: string): string {
  // The name of an anonymous principal is undefined, and not every program has its types checked.
  if (typeof name !== 'string') {
    const what = name === undefined ? 'undefined' : 'no text';
    throw new TypeError(`the user's name is ${what}; an anonymous principal has none`);
  }
  const escaped = name.replace(
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    /[%/*?{}\u0000-\u001f\u007f-\u009f]/g,
    (character) =>
      [...encodeUtf8(character)]
        .map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
  );
  return escaped === '.' || escaped === '..' ? escaped.replaceAll('.', '%2E') : escaped;
}

/** What is wrong with a name as a segment of a destination, once it is escaped; undefined when it can be one. */
export function nameFault(name: string): string | undefined {
  return pathFault(`/${escapeName(name)}`);
}

/**
 * The name that a segment spells, undefined for a segment that `escapeName` does not write: one name has one spelling, or
 * a rule about one of them could be walked round by another.
 */
export function unescapeName(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  let name: string;
  try {
    name = segment.replace(/(?:%[0-9A-F]{2})+/g, (escapes) =>
      decodeUtf8(
        Uint8Array.from(escapes.slice(1).split('%'), (digits) => Number.parseInt(digits, 16)),
      ),
    );
  } catch {
    // Octets that are no UTF-8 spell nothing.
    return undefined;
  }
  return escapeName(name) === segment ? name : undefined;
}

/**
 * Where a user's own destination, such as `/queue/notices`, is for the server. Throws a RequestError `destination/invalid` for what
 * is no destination by itself: without its `/` it would join the name, and be another user's.
 */
export function userDestination(userPrefix: string, name: string, destination: string): string {
  checkDestination(destination);
  return `${userPrefix}/${escapeName(name)}${destination}`;
}
