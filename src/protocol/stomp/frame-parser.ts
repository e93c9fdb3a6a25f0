/** Owns reading frames from octets that arrive in any pieces. Knows no connection: it tells a sink. */
import { decodeUtf8, NO_OCTETS, type Octets } from '../../foundation/index.js';
import type { StompFrame } from './frames.js';
import { isEscapedIn, unescaped } from './header-escaping.js';
import { OctetCollector } from './octet-collector.js';
import type { StompVersion } from './version.js';
import { StompViolation } from './violation.js';

/** What one frame may be; each is checked before memory is taken for what would exceed it. */
export interface StompLimits {
  /** Header lines of one frame. */
  readonly maxStompHeaderCount: number;
  /** Octets of one header line. */
  readonly maxStompHeaderLineBytes: number;
  /** Octets of all header lines of one frame. */
  readonly maxStompHeadersBytes: number;
  /** Octets of the body of one frame. */
  readonly maxMessageBytes: number;
}

/** Who is told what was read, in order. Nothing comes after `violated`. */
export interface StompFrameSink<Command extends string> {
  frameReceived(frame: StompFrame<Command>): void;
  violated(violation: StompViolation): void;
}

type State = 'between' | 'command' | 'headers' | 'counted-body' | 'open-body' | 'end' | 'stopped';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const NUL = 0x00;
/** Longer than any command. */
const MAX_COMMAND_BYTES = 16;

/** Total: any octets give frames and at most one violation, after which it reads no more. */
export class StompParser<Command extends string> {
  /** Decides about escapes; the first frame, which says the version, has none. */
  version: StompVersion = '1.0';
  readonly #commands: readonly Command[];
  readonly #limits: StompLimits;
  readonly #sink: StompFrameSink<Command>;
  #state: State = 'between';
  readonly #line = new OctetCollector();
  readonly #body = new OctetCollector();
  #command: Command | undefined;
  #headers = new Map<string, string>();
  #headerCount = 0;
  #headersBytes = 0;
  #missingBytes = 0;
  #isPaused = false;
  /** What has come and was not read, because it was paused; `#position` is where to go on in the first of them. */
  #unread: Octets[] = [];
  #position = 0;

  constructor(commands: readonly Command[], limits: StompLimits, sink: StompFrameSink<Command>) {
    this.#commands = commands;
    this.#limits = limits;
    this.#sink = sink;
  }

  /** Whether nothing of a frame waits for the rest of it. */
  get isBetweenFrames(): boolean {
    return this.#state === 'between' || this.#state === 'stopped';
  }

  /** Octets that it keeps of what has not been handed on, about. */
  get keptBytes(): number {
    const unreadBytes = this.#unread.reduce((bytes, { length }) => bytes + length, 0);
    return unreadBytes + this.#headersBytes + this.#line.roomBytes + this.#body.roomBytes;
  }

  /** Reads no more, and lets go of what was read in part. */
  stop(): void {
    this.#state = 'stopped';
    this.#line.take();
    this.#body.take();
    this.#headers = new Map();
    this.#unread = [];
    this.#position = 0;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether there is something that it has not looked at. */
  get hasUnread(): boolean {
    const [first] = this.#unread;
    return first !== undefined && (this.#unread.length > 1 || this.#position < first.length);
  }

  /** Tells the sink of no more frames until `resume`: for a sink that has had enough for now. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Reads on where it was paused; the sink may pause it again. */
  resume(): void {
    this.#isPaused = false;
    this.#read();
  }

  /** Takes the next octets. Bodies are handed on as views of them, or as copies where that would keep much else alive. */
  receive(octets: Octets): void {
    if (this.#state === 'stopped') return;
    this.#unread.push(octets);
    // A sink that hands in more while it is told of a frame is served by the loop that is telling it.
    if (this.#unread.length === 1) this.#read();
  }

  #read(): void {
    for (let octets = this.#unread[0]; octets !== undefined; octets = this.#unread[0]) {
      while (this.#position < octets.length) {
        if (this.#isPaused) return;
        const next = this.#step(octets, this.#position);
        // It has stopped, and let go of all.
        if (next === undefined) return;
        this.#position = next;
      }
      this.#unread.shift();
      this.#position = 0;
    }
  }

  /** Answers where to go on, or undefined when it is over. */
  #step(octets: Octets, position: number): number | undefined {
    switch (this.#state) {
      case 'between':
        return this.#skipLineEnds(octets, position);
      case 'command':
      case 'headers':
        return this.#readLine(octets, position);
      case 'counted-body':
        return this.#readCountedBody(octets, position);
      case 'open-body':
        return this.#readOpenBody(octets, position);
      case 'end':
        if (octets[position] !== NUL) {
          return this.#violated('content-length is not the length of the body: no NUL follows it');
        }
        return this.#frameEnded(this.#body.take(), position + 1);
      case 'stopped':
        return undefined;
    }
  }

  /** STOMP 1.2, "Augmented BNF": any number of line ends after a frame; they are heart-beats too. */
  #skipLineEnds(octets: Octets, position: number): number {
    let next = position;
    while (octets[next] === LINE_FEED || octets[next] === CARRIAGE_RETURN) next += 1;
    if (next < octets.length) this.#state = 'command';
    return next;
  }

  #readLine(octets: Octets, position: number): number | undefined {
    const lineFeed = octets.indexOf(LINE_FEED, position);
    const end = lineFeed < 0 ? octets.length : lineFeed;
    const part = octets.subarray(position, end);
    const fault = this.#lineFault(part);
    if (fault !== undefined) return this.#violated(fault.message, fault.limit);
    if (lineFeed < 0) {
      this.#line.append(part, this.#limits.maxStompHeaderLineBytes);
      return end;
    }
    if (this.#line.length === 0) return this.#lineRead(part) ? end + 1 : undefined;
    this.#line.append(part, this.#limits.maxStompHeaderLineBytes);
    return this.#lineRead(this.#line.take()) ? end + 1 : undefined;
  }

  /** Judged before the part is kept. */
  #lineFault(part: Octets): StompViolation | undefined {
    const length = this.#line.length + part.length;
    if (this.#state === 'command') {
      return length > MAX_COMMAND_BYTES || part.includes(NUL)
        ? new StompViolation('a frame begins with a command of STOMP')
        : undefined;
    }
    const { maxStompHeaderLineBytes, maxStompHeadersBytes } = this.#limits;
    if (length > maxStompHeaderLineBytes) {
      return new StompViolation(
        `a header line has more than ${maxStompHeaderLineBytes} octets`,
        'maxStompHeaderLineBytes',
      );
    }
    if (this.#headersBytes + length > maxStompHeadersBytes) {
      return new StompViolation(
        `the headers of a frame have more than ${maxStompHeadersBytes} octets`,
        'maxStompHeadersBytes',
      );
    }
    return part.includes(NUL) ? new StompViolation('there is a NUL in a header') : undefined;
  }

  /** Whether reading goes on. */
  #lineRead(line: Octets): boolean {
    // STOMP 1.2, "STOMP Frames": a line ends with a line feed, before which a carriage return may stand.
    const hasReturn = line[line.length - 1] === CARRIAGE_RETURN;
    const octets = hasReturn ? line.subarray(0, -1) : line;
    if (this.#state === 'command') return this.#commandRead(octets);
    if (octets.length === 0) return this.#headersRead();
    this.#headersBytes += line.length;
    return this.#headerRead(octets);
  }

  #commandRead(octets: Octets): boolean {
    const word = textOf(octets);
    this.#command = this.#commands.find((command) => command === word);
    if (this.#command === undefined) {
      this.#violated(`${JSON.stringify(word ?? '')} is no command that may be said here`);
      return false;
    }
    this.#state = 'headers';
    return true;
  }

  #headerRead(octets: Octets): boolean {
    this.#headerCount += 1;
    const { maxStompHeaderCount } = this.#limits;
    if (this.#headerCount > maxStompHeaderCount) {
      const words = `a frame has more than ${maxStompHeaderCount} headers`;
      return this.#refuse(words, 'maxStompHeaderCount');
    }
    const text = textOf(octets);
    if (text === undefined) return this.#refuse('a header is not UTF-8');
    if (text.includes('\r')) return this.#refuse('there is a carriage return in a header');
    const colon = text.indexOf(':');
    if (colon < 1) return this.#refuse('a header line is a name, a colon and a value');
    return this.#headerParsed(text.slice(0, colon), text.slice(colon + 1));
  }

  #headerParsed(rawName: string, rawValue: string): boolean {
    const { version } = this;
    let name: string | undefined = rawName;
    let value: string | undefined = rawValue;
    if (isEscapedIn(version, this.#command!)) {
      // STOMP 1.2, "Augmented BNF": no colon in a value. But clients that never escape are in wide use, and a colon
      // behind the first of its line can begin nothing.
      name = unescaped(rawName, version);
      value = unescaped(rawValue, version);
      if (name === undefined || value === undefined) {
        return this.#refuse(`a header has an escape that STOMP ${version} does not know`);
      }
    }
    // STOMP 1.2, "Repeated Header Entries": the first one counts.
    if (!this.#headers.has(name)) this.#headers.set(name, value);
    return true;
  }

  #headersRead(): boolean {
    const given = this.#headers.get('content-length');
    if (given === undefined) {
      this.#state = 'open-body';
      return true;
    }
    if (!/^\d{1,15}$/.test(given)) return this.#refuse('content-length is not a number of octets');
    this.#missingBytes = Number(given);
    if (this.#missingBytes > this.#limits.maxMessageBytes) return this.#refuseBody();
    this.#state = this.#missingBytes === 0 ? 'end' : 'counted-body';
    return true;
  }

  #readCountedBody(octets: Octets, position: number): number {
    const end = Math.min(octets.length, position + this.#missingBytes);
    const part = octets.subarray(position, end);
    const isWhole = this.#body.length === 0 && part.length === this.#missingBytes;
    this.#missingBytes -= part.length;
    if (this.#missingBytes === 0) this.#state = 'end';
    // The usual case: all of it, and the NUL behind it, in one piece.
    if (isWhole && octets[end] === NUL) return this.#frameEnded(ownBody(octets, part), end + 1);
    this.#body.append(part, this.#limits.maxMessageBytes);
    return end;
  }

  #readOpenBody(octets: Octets, position: number): number | undefined {
    const nul = octets.indexOf(NUL, position);
    const part = octets.subarray(position, nul < 0 ? octets.length : nul);
    if (this.#body.length + part.length > this.#limits.maxMessageBytes) {
      this.#refuseBody();
      return undefined;
    }
    if (nul >= 0 && this.#body.length === 0) {
      return this.#frameEnded(ownBody(octets, part), nul + 1);
    }
    this.#body.append(part, this.#limits.maxMessageBytes);
    return nul < 0 ? octets.length : this.#frameEnded(this.#body.take(), nul + 1);
  }

  #frameEnded(body: Octets, position: number): number {
    const frame = { command: this.#command!, headers: this.#headers, body };
    this.#state = 'between';
    this.#headers = new Map();
    this.#headerCount = 0;
    this.#headersBytes = 0;
    this.#sink.frameReceived(frame);
    return position;
  }

  #refuseBody(): boolean {
    const { maxMessageBytes } = this.#limits;
    return this.#refuse(`the body has more than ${maxMessageBytes} octets`, 'maxMessageBytes');
  }

  #refuse(message: string, limit?: string): boolean {
    this.#violated(message, limit);
    return false;
  }

  #violated(message: string, limit?: string): undefined {
    this.stop();
    this.#sink.violated(new StompViolation(message, limit));
  }
}

function textOf(octets: Octets): string | undefined {
  try {
    return decodeUtf8(octets);
  } catch {
    return undefined;
  }
}

/** A body is kept for long by those it is handed to: a small part of a large piece must not keep that alive. */
function ownBody(octets: Octets, part: Octets): Octets {
  if (part.length === 0) return NO_OCTETS;
  return part.length * 4 >= octets.length ? part : part.slice();
}
