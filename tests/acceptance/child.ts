/** Owns a child process of a test: it is asked and answers, and its CPU time and memory are read from outside. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
  /** Before others where the system allows it: an attacker from elsewhere would not take the CPU of whom it attacks. */
  readonly isFirst?: boolean;
}

interface Answer {
  readonly id: number;
  readonly value: unknown;
}

const READY_ID = 0;

/** A process that is ended with the run, whatever happens. */
export class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #nextId = 1;
  /** Its exit code or signal, once it has ended without being told to. */
  ended: string | undefined;
  /** The last of what it wrote to stderr. */
  said = '';

  private constructor(child: ChildProcess) {
    this.#process = child;
    child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer.value);
      this.#waiting.delete(answer.id);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-4_000);
    });
    child.once('exit', (code, signal) => {
      this.ended ??= String(signal ?? code);
      for (const resolve of this.#waiting.values()) resolve(undefined);
      this.#waiting.clear();
    });
  }

  /** Starts a built file. */
  static start(file: URL, { args = [], execArgv = [], isFirst = false }: ChildOptions = {}): Child {
    const path = fileURLToPath(file);
    const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const;
    const child = new Child(fork(path, args, { execArgv: [...execArgv], stdio: [...stdio] }));
    if (isFirst) child.#goFirst();
    return child;
  }

  /** Asks it; undefined when it does not answer in time or has ended. */
  ask<T>(kind: string, argument?: unknown, withinMs: number = 10_000): Promise<T | undefined> {
    const id = this.#nextId++;
    if (this.ended === undefined) this.#process.send({ id, kind, argument }, () => {});
    return this.#answer<T>(id, withinMs);
  }

  /** What it tells by `tellReady`, once. */
  ready<T>(): Promise<T | undefined> {
    return this.#answer<T>(READY_ID, 10_000);
  }

  async #answer<T>(id: number, withinMs: number): Promise<T | undefined> {
    if (this.ended !== undefined) return undefined;
    const answer = new Promise<unknown>((resolve) => this.#waiting.set(id, resolve));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, withinMs, undefined);
    });
    const value = await Promise.race([answer, late]);
    clearTimeout(timer);
    this.#waiting.delete(id);
    return value as T | undefined;
  }

  /** CPU time of all its threads; nothing is asked of it, so it may be stuck. */
  cpuMs(): number {
    return this.#sumOf((task) => Number(task.split(' ')[0]) / 1e6);
  }

  residentBytes(): number {
    return this.#status('VmRSS');
  }

  /** The most that was resident since `resetPeak`. */
  peakBytes(): number {
    return this.#status('VmHWM');
  }

  resetPeak(): void {
    try {
      writeFileSync(`/proc/${this.#process.pid}/clear_refs`, '5');
    } catch {
      // Then the peak is that of its whole life.
    }
  }

  async end(): Promise<void> {
    if (this.ended !== undefined) return;
    const gone = once(this.#process, 'exit');
    this.ended = 'told to end';
    this.#process.kill('SIGKILL');
    await gone;
  }

  #goFirst(): void {
    try {
      setPriority(this.#process.pid ?? 0, constants.priority.PRIORITY_HIGHEST);
    } catch {
      // Then it shares the machine like everybody.
    }
  }

  #sumOf(read: (task: string) => number): number {
    const folder = `/proc/${this.#process.pid}/task`;
    try {
      return readdirSync(folder).reduce(
        (sum, task) => sum + read(readFileSync(`${folder}/${task}/schedstat`, 'latin1')),
        0,
      );
    } catch {
      return 0;
    }
  }

  #status(name: string): number {
    try {
      const status = readFileSync(`/proc/${this.#process.pid}/status`, 'latin1');
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  }
}

/** In a child: tells once what its parent waits for before anything else. */
export function tellReady(value: unknown): void {
  process.send?.({ id: READY_ID, value });
}

/** In a child: what it answers, by the kind of the question. Other kinds are for somebody else in the same process. */
export function answer(kinds: Readonly<Record<string, (argument: never) => unknown>>): void {
  process.on('message', (asked: { id: number; kind: string; argument: never }) => {
    const act = kinds[asked.kind];
    if (act === undefined) return;
    void Promise.resolve(act(asked.argument)).then(
      (value) => process.send?.({ id: asked.id, value }),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.send?.({ id: asked.id, value: undefined });
      },
    );
  });
}
