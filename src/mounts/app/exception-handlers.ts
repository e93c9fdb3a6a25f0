/** Owns the handlers of errors: which one answers what a mapping's handler threw. */
import type { ExceptionHandler, ExceptionOptions } from './handler.js';
import { exceptionTargets, type ValueTargets } from './value-targets.js';

/** A class of errors. */
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
  const matches = isErrorClass(selector) ? (error: unknown) => error instanceof selector : selector;
  return { matches, handler, targets: exceptionTargets(options) };
}

/** Arrow functions have no prototype, and those of other functions are no errors. */
function isErrorClass(selector: ErrorClass | ErrorPredicate): selector is ErrorClass {
  const { prototype } = selector as { prototype?: unknown };
  return selector === Error || prototype instanceof Error;
}
