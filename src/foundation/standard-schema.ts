/**
 * Owns the interface through which every validator hands over its schemas: Standard Schema 1, copied here as its specification
 * invites (https://standardschema.dev), because host-free layers import no package.
 */

/** A schema of zod, valibot, arktype or any other library that follows the specification. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardSchemaProperties<Input, Output>;
}

export interface StandardSchemaProperties<Input = unknown, Output = Input> {
  readonly version: 1;
  readonly vendor: string;
  /** Never set at run time; it carries the types. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  readonly validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
}

/** A value, or what is wrong with it: `issues` counts when it is there. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

export interface StandardSchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema makes of a value that it accepts. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<
  Schema['~standard']['types']
>['output'];
