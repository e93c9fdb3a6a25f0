/** Owns how a command fails: what is said, and whether it was the use of the command or the run. */
export { wordsOf } from '../foundation/index.js';

export const EXIT_OK = 0;
/** The command was understood and could not do it: refused, unreachable, a taken port. */
export const EXIT_FAILURE = 1;
/** Flags, arguments or the config file are wrong; nothing was tried. */
export const EXIT_WRONG_USE = 2;

/** Ends the command with a message for people and an exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export function failed(message: string, options?: ErrorOptions): CommandFailure {
  return new CommandFailure(EXIT_FAILURE, message, options);
}

export function wrongUse(message: string, options?: ErrorOptions): CommandFailure {
  return new CommandFailure(EXIT_WRONG_USE, message, options);
}

/** The stack of an unknown thrown value; undefined where it has none. */
export function stackOf(error: unknown): string | undefined {
  return textIn(error, 'stack');
}

/** The system's name of a failure, such as `ENOENT`; undefined when it is no failure of the system. */
export function systemCodeOf(error: unknown): string | undefined {
  return textIn(error, 'code');
}

/** Never `instanceof Error`: under a test runner the system's errors are of another realm. */
function textIn(error: unknown, name: 'stack' | 'code'): string | undefined {
  const text = (error as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return typeof text === 'string' ? text : undefined;
}
