/** Owns assertions: what fails here is a defect of ours, never a peer's. */

/** Throws when our own reasoning proves wrong. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Marks the branch of an exhaustive switch that cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable value: ${String(value)}`);
}

/** A defect in Tideway itself; report it. */
export class AssertionFailure extends Error {
  override readonly name: string = 'AssertionFailure';
}
