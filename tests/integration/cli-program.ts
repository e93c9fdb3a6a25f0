/** Owns running the built program as a user does: what it printed, line by line, and how it ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const MAIN = join(root, 'dist/cli/main.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  /** How many descriptors the process may have open, as `ulimit -n` says it. */
  readonly maxOpenFiles?: number;
}

/** The lines of one stream, those that were and those that come. */
class Lines {
  readonly seen: string[] = [];
  readonly #waiting = new Set<() => void>();
  #hasEnded = false;

  constructor(stream: Readable) {
    const lines = createInterface(stream);
    lines.on('line', (line) => {
      this.seen.push(line);
      this.#wake();
    });
    lines.on('close', () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  get text(): string {
    return this.seen.join('\n');
  }

  /** The first match in a line, as soon as there is one. Rejects when the stream ends without. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      for (const line of this.seen) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (this.#hasEnded) throw new Error(`the program ended without ${pattern}:\n${this.text}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

export interface Running {
  readonly stdout: Lines;
  readonly stderr: Lines;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** As a reader that has had enough. */
  closeStdout(): void;
}

/** Starts the program; it is ended with the test. */
export function start(t: TestContext, args: readonly string[], options: RunOptions = {}): Running {
  const { PORT: _port, TIDEWAY_TOKEN: _token, ...inherited } = process.env;
  const { maxOpenFiles } = options;
  const command = [process.execPath, MAIN, ...args];
  const [file = '', ...rest] =
    maxOpenFiles === undefined
      ? command
      : ['/bin/sh', '-c', `ulimit -n ${maxOpenFiles} && exec "$0" "$@"`, ...command];
  const child = spawn(file, rest, {
    cwd: options.cwd ?? root,
    env: { ...inherited, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stdout = new Lines(child.stdout);
  const stderr = new Lines(child.stderr);
  feed(child.stdin, options.stdin);
  const ended = once(child, 'close').then(([code]): Ended => ({
    code: code as number | null,
    stdout: stdout.text,
    stderr: stderr.text,
  }));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return {
    stdout,
    stderr,
    ended,
    kill: (signal) => void child.kill(signal),
    closeStdout: () => void child.stdout.destroy(),
  };
}

function feed(stdin: Writable, content: RunOptions['stdin']): void {
  // A program that does not read has ended before everything was written.
  stdin.on('error', () => {});
  stdin.end(content ?? '');
}

/** Runs the program to its end. */
export function run(t: TestContext, args: readonly string[], options?: RunOptions): Promise<Ended> {
  return start(t, args, options).ended;
}

export interface Serving extends Running {
  /** The WebSocket endpoint. */
  readonly url: string;
  /** The same server for HTTP, without a path. */
  readonly httpUrl: string;
}

/** `tideway serve` on a port of the system's choice, when it listens. */
export async function serve(
  t: TestContext,
  args: readonly string[] = [],
  options?: RunOptions,
): Promise<Serving> {
  const running = start(t, ['serve', '--port', '0', ...args], options);
  const [url = ''] = await running.stdout.match(/ws:\/\/\S+/).catch(async (error: unknown) => {
    throw new Error((await running.ended).stderr, { cause: error });
  });
  await running.stdout.match(/Ctrl\+C/);
  return { ...running, url, httpUrl: new URL(url.replace(/^ws/, 'http')).origin };
}

/** A folder with files, below the repository so that `tideway` can be imported, gone with the test. */
export function folderWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(root, 'build', 'cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}
