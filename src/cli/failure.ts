/** Owns how a command fails: what is said, and whether it was the use of the command or the run. */

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

/** What an unknown thrown value says. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's name of a failure, such as `ENOENT`; undefined when it is no failure of the system. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
