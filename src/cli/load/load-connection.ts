/** Owns one raw connection of the load generator: TCP, the opening handshake, a few words of set-up, then frames that are only counted. */
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  FrameParser,
  OPCODE_PONG,
  OPCODE_TEXT,
  acceptKey,
} from '../../protocol/websocket/index.js';
import { FrameBelt } from './frame-belt.js';
import { FrameScanner } from './frame-scanner.js';

/** Where and how to connect. */
export interface LoadTarget {
  readonly url: URL;
  /** Header fields beside those of the handshake. */
  readonly headers: Readonly<Record<string, string>>;
  /** No handshake and no frames of the peer's own: for programs that only move octets. */
  readonly isRaw: boolean;
}

/** Why a run cannot go on, in words for people. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/** One step of the talk before the load: send a text, or wait for a text that has these words in it. */
export type SetUpStep = { readonly send: string } | { readonly expect: string };

export interface LoadConnectionEvents {
  /** Messages ended; called for each chunk that ends some. */
  messagesReceived(messageCount: number): void;
  /** It is gone without having been closed here. */
  lost(error: LoadError): void;
}

const READ_BUFFER_BYTES = 262_144;
const MAX_RESPONSE_BYTES = 16_384;

/** One buffer for every socket of a run: what is counted at once need not be kept. */
export function newReadBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
}

export class LoadConnection {
  readonly #socket: Socket;
  readonly #target: LoadTarget;
  readonly #events: LoadConnectionEvents;
  readonly #scanner: FrameScanner;
  #take: (chunk: Uint8Array, length: number) => void = () => {};
  #fail: (error: LoadError) => void = () => {};
  /** What came before anybody asked for it. */
  #early: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  #failure: LoadError | undefined = undefined;
  /** Octets of any kind that came in. */
  receivedBytes = 0;

  constructor(target: LoadTarget, readBuffer: Buffer, events: LoadConnectionEvents) {
    this.#target = target;
    this.#events = events;
    this.#scanner = new FrameScanner({
      pingReceived: (payload) => this.#pong(payload),
      closeReceived: (code) => this.#end(`the server closed a connection with ${code}`),
    });
    this.#socket = this.#connect(readBuffer);
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => this.#end(`a connection failed: ${error.message}`));
    this.#socket.on('close', () => this.#end('the server dropped a connection'));
  }

  #connect(readBuffer: Buffer): Socket {
    const { url } = this.#target;
    const isSecure = url.protocol === 'wss:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = Number(url.port) || (isSecure ? 443 : 80);
    if (isSecure) {
      const socket = connectTls({ host, port });
      socket.on('data', (chunk: Buffer) => this.#received(chunk, chunk.length));
      return socket;
    }
    const callback = (length: number, buffer: Uint8Array): boolean => {
      this.#received(buffer, length);
      return true;
    };
    return connect({ host, port, onread: { buffer: readBuffer, callback } });
  }

  #received(chunk: Uint8Array, length: number): void {
    this.receivedBytes += length;
    this.#take(chunk, length);
  }

  /** Payload octets of data messages that came in. */
  get payloadBytes(): number {
    return this.#scanner.payloadBytes;
  }

  /** Whether the last data frame was compressed (RFC 7692 §6: RSV1). */
  get isCompressed(): boolean {
    return (this.#scanner.lastDataOctet & 0x40) !== 0;
  }

  /** Connects, does the handshake and the steps. Rejects with a LoadError. */
  async open(steps: readonly SetUpStep[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      const isSecure = this.#target.url.protocol === 'wss:';
      this.#socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        if (this.#target.isRaw) resolve();
        else this.#shakeHands(resolve);
      });
    });
    if (steps.length > 0) await this.#setUp(steps);
    else this.#scanner.scan(this.#early, this.#early.length);
    // The server may have said too much in the same breath as the last thing that was expected.
    if (this.#failure !== undefined) throw this.#failure;
    this.#fail = (error) => this.#events.lost(error);
    this.#take = (chunk, length) => {
      const messageCount = this.#scanner.scan(chunk, length);
      if (messageCount > 0) this.#events.messagesReceived(messageCount);
    };
  }

  #shakeHands(done: () => void): void {
    const { url, headers } = this.#target;
    const key = randomBytes(16).toString('base64');
    const fields = {
      Host: url.host,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Version': '13',
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`);
    let response = '';
    this.#take = (chunk, length) => {
      response += Buffer.from(chunk.buffer, chunk.byteOffset, length).toString('latin1');
      const end = response.indexOf('\r\n\r\n');
      if (end < 0 && response.length < MAX_RESPONSE_BYTES) return;
      const problem = problemOf(response.slice(0, Math.max(0, end)), key);
      if (problem !== undefined) {
        this.#end(problem);
        return;
      }
      this.#early = Buffer.from(response.slice(end + 4), 'latin1');
      // What comes with the answer or just after it waits for the set-up.
      this.#take = (more, count) => {
        this.#early = Buffer.concat([this.#early, more.subarray(0, count)]);
      };
      done();
    };
  }

  /** Says and hears what the steps want, with the parser that looks at everything. */
  #setUp(steps: readonly SetUpStep[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      const left = [...steps];
      const goOn = (): void => {
        for (let step = left[0]; step !== undefined && 'send' in step; step = left[0]) {
          this.write(new FrameBelt(OPCODE_TEXT, Buffer.from(step.send), 1).take(1));
          left.shift();
        }
        if (left.length === 0) resolve();
      };
      const heard = (text: string): void => {
        const step = left.shift();
        if (step !== undefined && 'expect' in step && text.includes(step.expect)) goOn();
        else this.#end(`during set-up the server said ${JSON.stringify(text.slice(0, 200))}`);
      };
      const parser = this.#setUpParser(heard);
      this.#take = (chunk, length) =>
        parser.parse(Uint8Array.prototype.slice.call(chunk, 0, length));
      parser.parse(this.#early);
      goOn();
    });
  }

  #setUpParser(heard: (text: string) => void): FrameParser {
    const unexpected = (): void => this.#end('the server said something else during set-up');
    return new FrameParser(
      {
        onText: (octets, start, end) => heard(Buffer.from(octets.subarray(start, end)).toString()),
        onBinary: unexpected,
        onPing: (octets, start, end) => this.#pong(octets.slice(start, end)),
        onPong: () => {},
        onClose: (code, octets, start, end) => {
          const reason = Buffer.from(octets.subarray(start, end)).toString();
          this.#end(`the server closed a connection with ${code} ${reason}`.trimEnd());
        },
        onViolation: ({ message }) => this.#end(`the server broke the protocol: ${message}`),
      },
      { role: 'client', maxMessageBytes: 1_048_576, maxFragmentCount: 1000 },
    );
  }

  /** Sends octets as they are; they must not be changed afterwards. */
  write(octets: Uint8Array): void {
    this.#socket.write(octets);
  }

  /** Drops the connection; nothing is told after it. */
  destroy(): void {
    this.#hasEnded = true;
    this.#socket.destroy();
  }

  #pong(payload: Uint8Array): void {
    this.write(new FrameBelt(OPCODE_PONG, payload, 1).take(1));
  }

  #end(message: string): void {
    if (this.#hasEnded) return;
    this.destroy();
    this.#failure = new LoadError(message);
    this.#fail(this.#failure);
  }
}

/** What is wrong with the answer to a handshake, in words. */
function problemOf(head: string, key: string): string | undefined {
  const [statusLine = '', ...lines] = head.split('\r\n');
  if (!/^HTTP\/1\.1 101\b/.test(statusLine)) {
    return `the server did not open a WebSocket: ${statusLine || 'no HTTP answer'}`;
  }
  const accept = lines
    .find((line) => /^sec-websocket-accept:/i.test(line))
    ?.replace(/^[^:]*:\s*/, '')
    .trim();
  const expected = acceptKey(key, (text) => createHash('sha1').update(text).digest('base64'));
  return accept === expected ? undefined : 'the answer to the handshake is not to this handshake';
}
