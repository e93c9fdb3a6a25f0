/** Owns lines on their way to stdout or stderr: nobody waits for them, their memory is bounded, and no failed output ends the process. */
import { fstatSync, write, writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';

/** Octets that wait for an output; lines beyond are dropped and counted. */
export const MAX_OUTPUT_BYTES = 1_048_576;

/** What becomes of lines that are lost: the output has no room, its reader is gone (`EPIPE`), the disk is full (`ENOSPC`). */
export interface LineOutputOptions {
  /** Is told of each. */
  readonly dropped?: () => void;
  /** The line that says how many they were, once there is room again. Default: none. */
  readonly lostLine?: (count: number) => string;
}

/** Standard output or error of this process, from the first line on. */
export class LineOutput {
  readonly #fd: 1 | 2;
  readonly #options: LineOutputOptions;
  #target: Target | undefined;
  /** Lost and not told yet. */
  #lostCount = 0;
  readonly #lost = (): void => {
    this.#lostCount += 1;
    this.#options.dropped?.();
  };

  constructor(fd: 1 | 2, options: LineOutputOptions = {}) {
    this.#fd = fd;
    this.#options = options;
  }

  /** Takes a line without its end. Never throws, never waits. */
  write(line: string): void {
    this.#target ??= isWrittenAsFile(this.#fd) ? new FileTarget(this.#fd) : streamTarget(this.#fd);
    const target = this.#target;
    if (!target.isOpen || target.waitingBytes + line.length > MAX_OUTPUT_BYTES) return this.#lost();
    this.#tellLost(target);
    target.write(`${line}\n`, this.#lost);
  }

  #tellLost(target: Target): void {
    const count = this.#lostCount;
    const { lostLine } = this.#options;
    if (count === 0 || lostLine === undefined) return;
    this.#lostCount = 0;
    target.write(`${lostLine(count)}\n`, () => (this.#lostCount += count));
  }
}

/** Where lines go. `write` never throws and never waits. */
interface Target {
  /** False when nothing will be written any more. */
  readonly isOpen: boolean;
  readonly waitingBytes: number;
  write(text: string, failed: () => void): void;
}

/** What Node would write synchronously: files, and devices that are no terminal, such as `/dev/full`. */
function isWrittenAsFile(fd: 1 | 2): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFile() || (stats.isCharacterDevice() && !streamOf(fd).isTTY);
  } catch {
    return false;
  }
}

/** Node makes the stream when it is first asked for. */
function streamOf(fd: 1 | 2): WriteStream {
  return fd === 1 ? process.stdout : process.stderr;
}

/** A pipe, a socket or a terminal: Node keeps for it what the kernel does not take. */
function streamTarget(fd: 1 | 2): Target {
  const stream = streamOf(fd);
  surviveErrors(stream);
  return {
    get isOpen() {
      return stream.writable;
    },
    get waitingBytes() {
      return stream.writableLength;
    },
    write(text, failed) {
      tryWriting(stream, text, failed);
    },
  };
}

/** Writes to a stream of the process; `failed` is told what it throws, or says later. */
export function tryWriting(stream: WriteStream, text: string, failed: () => void): void {
  try {
    stream.write(text, (error) => {
      if (error) failed();
    });
  } catch {
    failed();
  }
}

/** A write that fails is told to its callback; without a listener it would end the process too. */
export function surviveErrors(stream: WriteStream): void {
  if (!stream.listeners('error').includes(ignoreError)) stream.on('error', ignoreError);
}

function ignoreError(): void {}

const LINE_FEED = 10;

/** A line with its end, and who is told that it was lost. */
interface Waiting {
  readonly text: string;
  readonly failed: () => void;
}

/** Written by Node's thread pool, one write at a time, since a disk may take its time. */
class FileTarget implements Target {
  readonly isOpen = true;
  readonly #fd: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  /** Whether the disk was full in the midst of a line: the next one would be part of it. */
  #endsMidLine = false;
  /** What a process says before it ends is not lost in here. */
  readonly #writeLast = (): void => this.#writeSync();

  constructor(fd: number) {
    this.#fd = fd;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  write(text: string, failed: () => void): void {
    if (this.#waiting.push({ text, failed }) === 1) process.once('exit', this.#writeLast);
    this.#waitingBytes += text.length;
    if (!this.#isWriting) this.#writeNext();
  }

  #writeNext(): void {
    const lines = this.#take();
    this.#isWriting = lines.length > 0;
    if (!this.#isWriting) return;
    const octets = Buffer.from(this.#textOf(lines));
    this.#writeAll(octets, () => {
      for (const { failed } of lines) failed();
    });
  }

  #writeAll(octets: Buffer, failed: () => void): void {
    write(this.#fd, octets, (error, count) => {
      if (error === null && count > 0 && count < octets.length) {
        this.#endsMidLine = octets[count - 1] !== LINE_FEED;
        return this.#writeAll(octets.subarray(count), failed);
      }
      if (error === null) this.#endsMidLine = false;
      else failed();
      return this.#writeNext();
    });
  }

  #textOf(lines: readonly Waiting[]): string {
    return (this.#endsMidLine ? '\n' : '') + lines.map(({ text }) => text).join('');
  }

  #take(): readonly Waiting[] {
    const lines = this.#waiting;
    if (lines.length > 0) process.off('exit', this.#writeLast);
    this.#waiting = [];
    this.#waitingBytes = 0;
    return lines;
  }

  #writeSync(): void {
    try {
      writeSync(this.#fd, this.#textOf(this.#take()));
    } catch {
      // There is nobody left to tell.
    }
  }
}
