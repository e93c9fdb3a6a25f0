/** Owns the handlers of errors: which one answers what a mapping's handler threw. */
import type { ExceptionHandler, ExceptionOptions } from './handler.js';
import { exceptionTargets, type ValueTargets } from './value-targets.js';

/** A class of what is thrown, of errors or not. */
export type ErrorClass<Thrown = unknown> = abstract new (...args: never) => Thrown;

/** Whether a handler answers an error. */
export type ErrorPredicate = (error: unknown) => boolean;

/** One handler, with where its value goes. */
export interface ExceptionMapping {
  readonly matches: ErrorPredicate;
  readonly handler: ExceptionHandler;
  readonly targets: ValueTargets;
}

/** Throws a TypeError for what is no selector or no handler, and a RequestError for a destination that is none. */
export function exceptionMapping(
  selector: ErrorClass | ErrorPredicate,
  handler: ExceptionHandler,
  options: ExceptionOptions,
): ExceptionMapping {
  if (typeof selector !== 'function' || typeof handler !== 'function') {
    throw new TypeError('an exception handler is an error class or a predicate, and a function');
  }
  const matches = isClass(selector) ? (error: unknown) => error instanceof selector : selector;
  return { matches, handler, targets: exceptionTargets(options) };
}

/** Anything can be thrown, so a class need not be one of errors; called as a predicate it would fail or accept everything. */
function isClass(selector: ErrorClass | ErrorPredicate): selector is ErrorClass {
  if (/^class\b/.test(Function.prototype.toString.call(selector))) return true;
  // Arrow functions have no prototype, and that of a function which is no constructor is bare.
  const { prototype } = selector as { prototype?: unknown };
  if (typeof prototype !== 'object' || prototype === null) return false;
  // Of whatever realm: the prototype of a plain object is the last of its chain.
  const parent: unknown = Object.getPrototypeOf(prototype);
  const isPlain = parent !== null && Object.getPrototypeOf(parent) === null;
  return !isPlain || Object.getOwnPropertyNames(prototype).length > 1;
}
