/** Owns which keys the config file knows, read from its schema, and which of them somebody may have meant. */
import { z } from 'zod';

type Path = readonly PropertyKey[];

/** A schema without the wrappers that say "optional", "default" and what is made of it. */
function bare(schema: unknown): unknown {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodExactOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return bare(schema.unwrap());
  }
  // Something made of it before, or after: its keys are those of the schema between.
  if (schema instanceof z.ZodPipe) {
    return bare(schema.in instanceof z.ZodTransform ? schema.out : schema.in);
  }
  return schema;
}

/** The keys that the object at a path may have; none where the path leads to no object. */
export function knownKeys(schema: unknown, path: Path): readonly string[] {
  const here = bare(schema);
  const [first, ...rest] = path;
  if (first === undefined) return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
  if (here instanceof z.ZodObject) {
    return knownKeys(here.shape[String(first)] ?? here.def.catchall, rest);
  }
  if (here instanceof z.ZodArray) return knownKeys(here.element, rest);
  if (here instanceof z.ZodRecord) return knownKeys(here.valueType, rest);
  return [];
}

/** One key of the config file as documentation writes it: `limits.maxMessageBytes`, `topics.<pattern>.historySize`. */
export interface ConfigKey {
  readonly name: string;
  /** Undefined when there is none. */
  readonly defaultValue: unknown;
}

/** Every key that has a value, not a group of keys. */
export function configKeys(schema: unknown, prefix = ''): readonly ConfigKey[] {
  const here = bare(schema);
  if (here instanceof z.ZodObject) {
    const dot = prefix === '' ? '' : `${prefix}.`;
    const others = here.def.catchall;
    return [
      ...Object.entries(here.shape).flatMap(([key, value]) => configKeys(value, dot + key)),
      ...(others === undefined || others instanceof z.ZodNever
        ? []
        : configKeys(others, `${prefix}.<pattern>`)),
    ];
  }
  if (here instanceof z.ZodArray && bare(here.element) instanceof z.ZodObject) {
    return configKeys(here.element, `${prefix}[]`);
  }
  if (here instanceof z.ZodRecord) {
    const { description = 'pattern' } = here.keyType as z.ZodType;
    return configKeys(here.valueType, `${prefix}.<${description}>`);
  }
  const defaultValue = schema instanceof z.ZodDefault ? schema.parse(undefined) : undefined;
  return [{ name: prefix, defaultValue }];
}

/** The known key nearest to a mistyped one; undefined when none is near. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(key.length / 3));
  const near = known
    .map((candidate) => ({
      candidate,
      distance: editDistance(key.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.candidate;
}

/** How many characters have to be put in, left out or replaced (Levenshtein). */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 0; row < from.length; row += 1) {
    const current = [row + 1];
    for (let column = 0; column < to.length; column += 1) {
      const replaced = (previous[column] ?? 0) + (from[row] === to[column] ? 0 : 1);
      const inserted = (current[column] ?? 0) + 1;
      const leftOut = (previous[column + 1] ?? 0) + 1;
      current.push(Math.min(replaced, inserted, leftOut));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
