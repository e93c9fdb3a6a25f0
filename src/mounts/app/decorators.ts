/** Owns the decorators of controllers (TC39, stage 3): what they note on a class and its instances, for `register` to read. */
import type { ErrorClass, ErrorPredicate } from './exception-handlers.js';
import type {
  HandlerContext,
  MappingContext,
  MappingOptions,
  PayloadOf,
  PayloadSchema,
} from './handler.js';

/** What the decorators of one method say. */
export interface MethodNotes {
  readonly mappings: { readonly pattern: string; readonly options: MappingOptions }[];
  readonly exceptions: (ErrorClass | ErrorPredicate)[];
  readonly sendTo: string[];
  readonly sendToUser: string[];
  /** Whether `sendToUser` was given without a destination. */
  hasDefaultUserDestination: boolean;
  broadcast: boolean | undefined;
  /** The method, on the instance that the notes are about. */
  readonly method: (instance: object) => (...given: readonly unknown[]) => unknown;
}

/** By the names of methods. */
export type ControllerNotes = Map<PropertyKey, MethodNotes>;

// Shared by all copies of this package in a program: symbols, no state.
const NOTES = Symbol.for('tideway.controller.notes');
const PREFIX = Symbol.for('tideway.controller.prefix');

type AnyClass = abstract new (...args: never) => object;

/**
 * A decorator of methods that take the payload of the schema. Which variables there are is the method's word: the class's prefix
 * may bring some that the pattern does not show.
 */
export interface MappingDecorator<Schema extends PayloadSchema> {
  <This extends object, Variables>(
    method: (this: This, context: MappingContext<PayloadOf<Schema>, Variables>) => unknown,
    context: ClassMethodDecoratorContext<This>,
  ): void;
  /** On a class, the pattern is the prefix of its mappings. */
  (constructor: AnyClass, context: ClassDecoratorContext): void;
}

/** A decorator of any method. */
export type AnyMethodDecorator = <This extends object>(
  method: (this: This, ...given: never) => unknown,
  context: ClassMethodDecoratorContext<This>,
) => void;

/**
 * On a method: it handles what is sent to the pattern, and requests. `options` as of `app.map`; what it says of `operations` counts.
 * On a class: the prefix of its mappings.
 */
export function messageMapping<Schema extends PayloadSchema = undefined>(
  pattern: string,
  options: MappingOptions<Schema> = {},
): MappingDecorator<Schema> {
  const mapped: MappingOptions = { operations: ['send', 'request'], ...options };
  return (target: unknown, context: ClassMethodDecoratorContext | ClassDecoratorContext) => {
    checkIsStandard(context);
    if (context.kind === 'class') notePrefix(target as AnyClass, pattern);
    else note(context, ({ mappings }) => mappings.push({ pattern, options: mapped }));
  };
}

/** The method answers a subscription to the pattern: its value goes straight back to the subscriber. */
export function subscribeMapping(pattern: string): MappingDecorator<undefined> {
  return messageMapping(pattern, { operations: 'subscribe' });
}

/** The value goes to these destinations, which may name the pattern's variables. */
export function sendTo(...destinations: readonly string[]): AnyMethodDecorator {
  return (_method, context) => note(context, (notes) => notes.sendTo.push(...destinations));
}

/**
 * The value goes to the sender's user. Without a destination, to `/queue` and the mapping's path; for an exception handler,
 * to `/queue/errors`. `broadcast: false`: to the sender's session alone.
 */
export function sendToUser(
  destination?: string | readonly string[],
  options: { readonly broadcast?: boolean } = {},
): AnyMethodDecorator {
  return (_method, context) =>
    note(context, (notes) => {
      if (destination === undefined) notes.hasDefaultUserDestination = true;
      else notes.sendToUser.push(...[destination].flat());
      notes.broadcast = options.broadcast ?? notes.broadcast;
    });
}

/** The method answers what the controller's mappings throw: errors of a class, those a predicate accepts, or all. */
export function messageExceptionHandler<Thrown = unknown>(
  selector: ErrorClass<Thrown> | ErrorPredicate = () => true,
): <This extends object>(
  method: (this: This, error: Thrown, context: HandlerContext) => unknown,
  context: ClassMethodDecoratorContext<This>,
) => void {
  return (_method, context) => note(context, ({ exceptions }) => exceptions.push(selector));
}

/** The prefix of a class's mappings, as `messageMapping` on a class. */
export function controller(
  prefix: string,
): (constructor: AnyClass, context: ClassDecoratorContext) => void {
  return (constructor, context) => {
    checkIsStandard(context);
    notePrefix(constructor, prefix);
  };
}

/** What decorators noted on a controller; undefined for an object whose class has none. */
export function notesOf(instance: object): ControllerNotes | undefined {
  return (instance as { [NOTES]?: ControllerNotes })[NOTES];
}

/** The prefix that its class, or the nearest class above that has one, gives its mappings. */
export function prefixOf(instance: object): string {
  return (instance.constructor as { [PREFIX]?: string })[PREFIX] ?? '';
}

function notePrefix(constructor: AnyClass, prefix: string): void {
  Object.defineProperty(constructor, PREFIX, { value: prefix, configurable: true });
}

/** TypeScript's older decorators give the name of a method where the standard has a context, and a class nothing. */
function checkIsStandard(context: unknown): void {
  if (typeof context === 'object' && context !== null) return;
  throw new TypeError(
    'the decorators of tideway are those of ECMAScript: turn "experimentalDecorators" off in tsconfig.json',
  );
}

/** Notes are kept on each instance: metadata of decorators are not there in every runtime. */
function note<This extends object>(
  context: ClassMethodDecoratorContext<This>,
  write: (notes: MethodNotes) => void,
): void {
  checkIsStandard(context);
  const { name, access } = context;
  if (context.static) {
    throw new TypeError(`${String(name)}: a mapping is a method of instances, not a static one`);
  }
  context.addInitializer(function (this: This) {
    const known = notesOf(this) ?? new Map<PropertyKey, MethodNotes>();
    Object.defineProperty(this, NOTES, { value: known, configurable: true });
    let notes = known.get(name);
    if (notes === undefined) {
      const method = (instance: object) =>
        access.get(instance as This) as ReturnType<MethodNotes['method']>;
      notes = emptyNotes(method);
      known.set(name, notes);
    }
    write(notes);
  });
}

function emptyNotes(method: MethodNotes['method']): MethodNotes {
  return {
    mappings: [],
    exceptions: [],
    sendTo: [],
    sendToUser: [],
    hasDefaultUserDestination: false,
    broadcast: undefined,
    method,
  };
}
