/** Owns where a command writes: results to stdout, everything else to stderr, colour only where it is wanted. */
import { basename, relative } from 'node:path';
import { surviveErrors, tryWriting, MAX_OUTPUT_BYTES } from '../transport/index.js';
import { EXIT_FAILURE, EXIT_OK } from './failure.js';

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
  /**
   * From now on what is printed is a courtesy: neither an output that fails nor one that nobody reads ends the process, or holds it up;
   * what finds no room is dropped.
   */
  outliveOutput(): void;
  /** Resolves when everything printed has left the process, or will not. */
  flushed(): Promise<void>;
}

/** How long a process that outlives its output waits for it at its end. */
const LAST_WORDS_MS = 500;

export function createTerminal(host: NodeJS.Process): Terminal {
  const { stdout, stderr, env } = host;
  const hasColour = stdout.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const styled = (on: number, off: number) => (text: string) =>
    hasColour ? `\u001B[${on}m${text}\u001B[${off}m` : text;
  let outlivesOutput = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (outlivesOutput) return;
    // `tideway subscribe … | head -1`: the reader has left, and that is how such a pipe ends.
    if (error.code === 'EPIPE') host.exit(EXIT_OK);
    stderr.write(`error: stdout: ${error.message}\n`);
    host.exit(EXIT_FAILURE);
  });
  // What is said beside the result is worth no failure.
  surviveErrors(stderr);
  const write = (stream: NodeJS.WriteStream, line: string): void => {
    if (outlivesOutput && stream.writableLength > MAX_OUTPUT_BYTES) return;
    tryWriting(stream, `${line}\n`, () => {});
  };
  return {
    env,
    commandName: commandNameOf(host.argv[1] ?? 'tideway', host.cwd()),
    stdin: host.stdin,
    print: (line) => write(stdout, line),
    note: (line) => write(stderr, line),
    bold: styled(1, 22),
    dim: styled(2, 22),
    outliveOutput: () => {
      outlivesOutput = true;
      for (const stream of [stdout, stderr]) if (stream.isTTY) doNotBlock(stream);
    },
    flushed: async () => {
      const written = [stdout, stderr].map(
        (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
      );
      const waits: Promise<unknown>[] = [Promise.all(written)];
      if (outlivesOutput) waits.push(new Promise((late) => setTimeout(late, LAST_WORDS_MS)));
      await Promise.race(waits);
    },
  };
}

/** The part of a stream's handle with which Node itself makes terminals block. */
interface BlockingStream {
  readonly _handle?: { readonly setBlocking?: (isBlocking: boolean) => unknown } | null;
}

/** A terminal that was stopped (Ctrl+S) would stop the whole process. */
function doNotBlock(stream: NodeJS.WriteStream): void {
  (stream as BlockingStream)._handle?.setBlocking?.(false);
}

/** From a clone the program is a file for `node`; installed, it is a command. */
export function commandNameOf(script: string, directory: string): string {
  if (!script.endsWith('.js')) return basename(script);
  const path = relative(directory, script);
  return `node ${/\s/.test(path) ? `'${path}'` : path}`;
}
