/** Owns the shape of a contract suite: named cases that any test runner can run. */

/** One thing that an implementation of a port promises. `run` rejects with a ContractViolation when it does not hold. */
export interface ContractCase {
  /** Plain words; a rule of docs/spec/semantics.md stands before them where there is one. */
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What an implementation did, where its contract says something else. */
export class ContractViolation extends Error {
  override readonly name: string = 'ContractViolation';
}

/** Throws a ContractViolation unless the condition holds. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ContractViolation(message);
}

/** Throws a ContractViolation unless both are the same as JSON. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  expect(got === wanted, `${what}: expected ${wanted}, got ${got}`);
}

/** Throws a ContractViolation unless the promise rejects with an error that has this code; answers nothing. */
export async function expectRejection(
  promise: Promise<unknown>,
  code: string,
  what: string,
): Promise<void> {
  const got = await promise.then(
    () => 'no rejection',
    (error: unknown) => (error as { code?: unknown } | undefined)?.code,
  );
  expectEqual(got, code, `${what}: the code of the rejection`);
}
