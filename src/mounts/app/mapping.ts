/** Owns the table of mappings: which one answers a message. */
import { MAX_TIMER_MS, RequestError } from '../../foundation/index.js';
import { DestinationPattern, quoted } from '../../message/index.js';
import type { Operation } from '../../session/index.js';
import { destinationVariables, type DestinationVariables } from './destination-variables.js';
import type { ExceptionMapping } from './exception-handlers.js';
import type { Handler, MappingOptions, PayloadSchema } from './handler.js';
import { valueTargets, type ValueTargets } from './value-targets.js';

/** A handler of any payload. */
export type AnyHandler = Handler<never>;

export interface Mapping {
  readonly pattern: DestinationPattern;
  readonly handler: AnyHandler;
  readonly operations: ReadonlySet<Operation>;
  readonly schema: PayloadSchema;
  readonly isSerial: boolean;
  readonly timeoutMs: number;
  readonly targets: ValueTargets;
  /** Those of its controller, which come before everybody's. */
  readonly exceptions: readonly ExceptionMapping[];
}

export interface FoundMapping {
  readonly mapping: Mapping;
  readonly variables: DestinationVariables;
}

const OPTION_NAMES: Readonly<Record<keyof MappingOptions, true>> = {
  payload: true,
  operations: true,
  concurrency: true,
  timeoutMs: true,
  sendTo: true,
  sendToUser: true,
  broadcast: true,
  excludeSender: true,
};
const OPERATIONS: readonly Operation[] = ['send', 'request', 'subscribe'];
const NO_VARIABLES: DestinationVariables = destinationVariables(new Map());

/** Throws a RequestError `destination/invalid`, a TypeError where there is no handler, a RangeError for an option that is none. */
export function mappingOf(
  patternText: string,
  options: MappingOptions,
  handler: AnyHandler,
  exceptions: readonly ExceptionMapping[] = [],
): Mapping {
  // Found here, where the mistake is, and not at the first message.
  if (typeof handler !== 'function') {
    throw new TypeError(`the mapping ${patternText} has no handler`);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTION_NAMES, name));
  if (unknown !== undefined) {
    const known = Object.keys(OPTION_NAMES).join(', ');
    throw new RangeError(`the mapping ${patternText}: ${unknown} is no option; known: ${known}`);
  }
  const pattern = DestinationPattern.parse(patternText);
  const { payload: schema, concurrency = 'serial', timeoutMs = Infinity } = options;
  const isTime = typeof timeoutMs === 'number' && timeoutMs > 0;
  if (!isTime || (timeoutMs > MAX_TIMER_MS && timeoutMs !== Infinity)) {
    throw new RangeError(
      `the mapping ${patternText}: timeoutMs must be above 0, and at most ${MAX_TIMER_MS} or Infinity`,
    );
  }
  if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
    throw new TypeError(`the mapping ${patternText}: payload is no schema (Standard Schema)`);
  }
  return {
    pattern,
    handler,
    operations: operationsOf(patternText, options),
    schema,
    isSerial: concurrency === 'serial',
    timeoutMs,
    targets: valueTargets(options, pattern.captureNames),
    exceptions,
  };
}

function operationsOf(patternText: string, options: MappingOptions): ReadonlySet<Operation> {
  const { operations, payload } = options;
  // A subscription brings no payload for a schema to look at.
  if (operations === undefined) {
    return new Set(payload === undefined ? OPERATIONS : ['send', 'request']);
  }
  const list = typeof operations === 'string' ? [operations] : operations;
  const unknown = list.find((operation) => !OPERATIONS.includes(operation));
  if (unknown === undefined) return new Set(list);
  throw new RangeError(
    `the mapping ${patternText}: ${quoted(unknown)} is no operation; known: ${OPERATIONS.join(', ')}`,
  );
}

/** Mappings are tried in the order in which they were made. */
export class MappingTable {
  readonly #mappings: Mapping[] = [];

  add(mapping: Mapping): void {
    this.#mappings.push(mapping);
  }

  /** Throws a RequestError `app/no-handler`, or `destination/unsupported-operation` where only another operation is mapped. */
  find(operation: Operation, destination: string, path: string): FoundMapping {
    let isMapped = false;
    // The bare prefix has no segment for a pattern to match.
    for (const mapping of path === '' ? [] : this.#mappings) {
      if (!mapping.pattern.matches(path)) continue;
      isMapped = true;
      if (!mapping.operations.has(operation)) continue;
      const { pattern } = mapping;
      const captures = pattern.hasCaptures ? pattern.capturesOf(path) : undefined;
      const variables = captures === undefined ? NO_VARIABLES : destinationVariables(captures);
      return { mapping, variables };
    }
    if (!isMapped) {
      throw new RequestError('app/no-handler', `no message mapping matches ${quoted(destination)}`);
    }
    throw new RequestError(
      'destination/unsupported-operation',
      `the message mapping of ${quoted(destination)} does not take ${operation}`,
    );
  }
}
