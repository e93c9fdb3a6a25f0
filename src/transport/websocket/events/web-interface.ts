/** Owns the shape of the class WebSocket as the WHATWG standard has it: constants and enumerable attributes. */
import type { EventEmitter } from 'node:events';
import { EVENT_TYPES, defineAttribute } from './event-target.js';
import { makeEnumerable } from './events.js';

const ATTRIBUTES = [
  'binaryType',
  'bufferedAmount',
  'extensions',
  'isPaused',
  'protocol',
  'readyState',
  'url',
];

/** Defines the states on the class and its prototype, `onopen` and its like, and makes attributes enumerable. */
export function shapeAsInterface(
  Class: { readonly prototype: EventEmitter },
  stateNames: readonly string[],
): void {
  for (const [value, name] of stateNames.entries()) {
    Object.defineProperty(Class, name, { value, enumerable: true });
    Object.defineProperty(Class.prototype, name, { value, enumerable: true });
  }
  for (const type of EVENT_TYPES) defineAttribute(Class.prototype, type);
  makeEnumerable(Class.prototype, ATTRIBUTES);
}
