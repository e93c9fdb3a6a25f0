/** Owns where a command writes: results to stdout, everything else to stderr, colour only where it is wanted. */
import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { surviveErrors, tryWriting, MAX_OUTPUT_BYTES } from '../transport/index.js';
import { EXIT_FAILURE, EXIT_OK } from './failure.js';

export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  /** How this program was called, as one types it: `npx tideway`, where npx finds it. */
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

/**
 * `npx tideway` wherever that leads to this very program: in a clone that is built, and in a project that has the package. Elsewhere npx
 * would fetch another by that name; then it is the command itself, or the file for `node`.
 */
export function commandNameOf(script: string, directory: string): string {
  if (isWhatNpxFinds(script, directory)) return 'npx tideway';
  if (!script.endsWith('.js')) return basename(script);
  const path = relative(directory, script);
  return `node ${/\s/.test(path) ? `'${path}'` : path}`;
}

/** npx looks into the nearest folder upwards that has packages. */
function isWhatNpxFinds(script: string, directory: string): boolean {
  for (let folder = directory; ; folder = dirname(folder)) {
    const found = realPath(join(folder, 'node_modules/tideway/dist/cli/main.js'));
    if (found !== undefined) return found === realPath(script);
    if (folder === dirname(folder)) return false;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
