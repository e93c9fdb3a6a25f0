/** Owns where a command writes: results to stdout, everything else to stderr, colour only where it is wanted. */
import { basename, relative } from 'node:path';

export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  /** How this program was called, as one types it: `tideway`, or `node dist/cli/main.js` in a clone. */
  readonly commandName: string;
  readonly stdin: NodeJS.ReadStream;
  /** One line of the result. */
  print(line: string): void;
  /** One line beside the result: a state, a hint, an error. */
  note(line: string): void;
  /** Emphasis on stdout. */
  bold(text: string): string;
  /** Less important on stdout. */
  dim(text: string): string;
  /** Resolves when everything printed has left the process. */
  flushed(): Promise<void>;
}

export function createTerminal(host: NodeJS.Process): Terminal {
  const { stdout, stderr, env } = host;
  const hasColour = stdout.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const styled = (on: number, off: number) => (text: string) =>
    hasColour ? `\u001B[${on}m${text}\u001B[${off}m` : text;
  // `tideway subscribe … | head -1`: the reader has left, and that is how such a pipe ends.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') host.exit(0);
    throw error;
  });
  return {
    env,
    commandName: commandNameOf(host.argv[1] ?? 'tideway', host.cwd()),
    stdin: host.stdin,
    print: (line) => void stdout.write(`${line}\n`),
    note: (line) => void stderr.write(`${line}\n`),
    bold: styled(1, 22),
    dim: styled(2, 22),
    flushed: async () => {
      for (const stream of [stdout, stderr]) {
        await new Promise<void>((resolve) => stream.write('', () => resolve()));
      }
    },
  };
}

/** From a clone the program is a file for `node`; installed, it is a command. */
export function commandNameOf(script: string, directory: string): string {
  if (!script.endsWith('.js')) return basename(script);
  const path = relative(directory, script);
  return `node ${/\s/.test(path) ? `'${path}'` : path}`;
}
