/** Owns making mappings of a controller: an object whose class has decorators. */
import { notesOf, prefixOf, type MethodNotes } from './decorators.js';
import { exceptionMapping, type ExceptionMapping } from './exception-handlers.js';
import type { MappingOptions, ValueOptions } from './handler.js';
import { mappingOf, type Mapping } from './mapping.js';

/** Throws a TypeError for an object without mappings, and whatever `mappingOf` throws. */
export function controllerMappings(instance: object): readonly Mapping[] {
  const methods = [...(notesOf(instance) ?? new Map<PropertyKey, MethodNotes>())];
  const exceptions = methods.flatMap(([, notes]) => exceptionsOf(instance, notes));
  const prefix = prefixOf(instance);
  const mappings = methods.flatMap(([name, notes]) => {
    const handler = (context: unknown): unknown => notes.method(instance).call(instance, context);
    const targets = targetsOf(notes);
    if (isUnused(notes))
      throw new TypeError(`${String(name)} says where a value goes, but maps none`);
    return notes.mappings.map(({ pattern, options }) => {
      const given: MappingOptions = { ...options, ...targets };
      return mappingOf(`${prefix}${pattern}`, given, handler, exceptions);
    });
  });
  if (mappings.length > 0) return mappings;
  const { name } = instance.constructor;
  throw new TypeError(`${name} has no mappings: give its methods @messageMapping`);
}

function exceptionsOf(instance: object, notes: MethodNotes): ExceptionMapping[] {
  const { sendToUser: defaulted, ...targets } = targetsOf(notes);
  // What goes to the path of a mapping, of an error goes to where errors go.
  const options = {
    ...targets,
    ...(defaulted !== undefined && {
      sendToUser: defaulted === true ? '/queue/errors' : defaulted,
    }),
  };
  return notes.exceptions.map((selector) =>
    exceptionMapping(
      selector,
      (error, context) => notes.method(instance).call(instance, error, context),
      options,
    ),
  );
}

function targetsOf(notes: MethodNotes): Pick<ValueOptions, 'sendTo' | 'sendToUser' | 'broadcast'> {
  const { sendTo, sendToUser, hasDefaultUserDestination, broadcast } = notes;
  return {
    ...(sendTo.length > 0 && { sendTo }),
    ...(sendToUser.length > 0 && { sendToUser }),
    ...(sendToUser.length === 0 && hasDefaultUserDestination && { sendToUser: true as const }),
    ...(broadcast !== undefined && { broadcast }),
  };
}

function isUnused({ mappings, exceptions }: MethodNotes): boolean {
  return mappings.length === 0 && exceptions.length === 0;
}
