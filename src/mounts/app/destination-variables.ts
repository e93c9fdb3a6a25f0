/** Owns the values of a pattern's `{name}` segments: as properties whose names the pattern's own text gives, and as a map. */
import type { Captures } from '../../message/index.js';

/** The names of a pattern's variables: `'id' | 'item'` for `/orders/{id}/items/{item}`, any text where the pattern is not known. */
export type VariableNames<Pattern extends string> = string extends Pattern
  ? string
  : Pattern extends `${string}/{${infer Name}}${infer Rest}`
    ? Name | VariableNames<Rest>
    : never;

/**
 * One property for each variable of a pattern whose text is known; and a map, whose own members yield to variables of the same
 * name. Of a pattern that is not known, the map alone.
 */
export type DestinationVariables<Pattern extends string = string> = string extends Pattern
  ? Captures
  : Omit<Captures, VariableNames<Pattern>> & {
      readonly [Name in VariableNames<Pattern>]: string;
    };

/** A map that has its entries as properties too. */
export function destinationVariables(captures: Captures): DestinationVariables {
  const variables = new Map(captures);
  for (const [name, value] of captures) {
    // Defined, not assigned: `{__proto__}` is a name like any other.
    Object.defineProperty(variables, name, { value, enumerable: true });
  }
  return variables;
}
