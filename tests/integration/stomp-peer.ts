/** Owns a client of STOMP for tests: a socket of the package `ws`, frames by hand and read without our codec. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';

export interface PeerFrame {
  readonly command: string;
  /** Header lines as they stood, escapes included. */
  readonly lines: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly isBinary: boolean;
}

/** Reads one whole frame of a WebSocket message; undefined for a heartbeat. */
function frameOf(data: Buffer, isBinary: boolean): PeerFrame | undefined {
  if (data.toString('latin1') === '\n') return undefined;
  const end = data.indexOf('\n\n');
  const [command = '', ...lines] = data.subarray(0, end).toString().split('\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon)] ??= line.slice(colon + 1);
  }
  assert.equal(data.at(-1), 0, 'a frame ends with NUL');
  return { command, lines, headers, body: data.subarray(end + 2, -1), isBinary };
}

/** Waits for what it is told to wait for, never for time. */
export class StompPeer {
  readonly socket: WebSocket;
  readonly frames: PeerFrame[] = [];
  heartbeatCount = 0;
  readonly closed: Promise<{ closeCode: number; reason: string }>;
  #waiting: { test: (frame: PeerFrame) => boolean; resolve: (frame: PeerFrame) => void }[] = [];

  constructor(
    url: string | undefined,
    subprotocols: readonly string[] = ['v12.stomp'],
    headers: Readonly<Record<string, string>> = {},
  ) {
    assert.ok(url !== undefined, 'the server listens');
    this.socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, [...subprotocols], { headers });
    this.socket.on('message', (data: Buffer, isBinary) => {
      const frame = frameOf(data, isBinary);
      if (frame === undefined) {
        this.heartbeatCount += 1;
        return;
      }
      this.frames.push(frame);
      const waiting = this.#waiting;
      this.#waiting = waiting.filter(({ test }) => !test(frame));
      for (const { test, resolve } of waiting) if (test(frame)) resolve(frame);
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (closeCode, reason) => {
        resolve({ closeCode, reason: String(reason) });
      });
    });
  }

  /** A socket that has said nothing yet. */
  static async dial(
    url: string | undefined,
    subprotocols: readonly string[] = ['v12.stomp'],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<StompPeer> {
    const peer = new StompPeer(url, subprotocols, headers);
    await once(peer.socket, 'open');
    return peer;
  }

  /** Opens a session of a version. */
  static async open(
    url: string | undefined,
    version = '1.2',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<StompPeer> {
    const peer = await StompPeer.dial(url);
    peer.say('CONNECT', { 'accept-version': version, host: 'localhost', ...headers });
    await peer.frame('CONNECTED');
    return peer;
  }

  /** Header values stand as given: escape them where the test wants it. */
  say(command: string, headers: Readonly<Record<string, string>> = {}, body = ''): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
    this.raw(`${command}\n${lines.join('')}\n${body}\0`);
  }

  raw(data: string | Buffer): void {
    this.socket.send(data);
  }

  /** The first frame that fits, of those that came already or will. */
  async frame(command: string, headers: Readonly<Record<string, string>> = {}): Promise<PeerFrame> {
    const test = (frame: PeerFrame): boolean =>
      frame.command === command &&
      Object.entries(headers).every(([name, value]) => frame.headers[name] === value);
    const known = this.frames.find(test);
    if (known !== undefined) return known;
    const found = new Promise<PeerFrame>((resolve) => this.#waiting.push({ test, resolve }));
    const ended = this.closed.then(({ closeCode }) => {
      const heard = this.frames.map((frame) => `${frame.command} ${frame.lines.join(' ')}`);
      throw new Error(`closed with ${closeCode} before ${command}; got ${heard.join('; ')}`);
    });
    return Promise.race([found, ended]);
  }

  /** Waits until so many MESSAGEs have come. */
  async messages(count: number): Promise<readonly PeerFrame[]> {
    const come = (): PeerFrame[] => this.frames.filter(({ command }) => command === 'MESSAGE');
    while (come().length < count) await once(this.socket, 'message');
    return come();
  }

  /** Says something and waits for its receipt: everything before it has been taken. */
  async settled(): Promise<void> {
    const receipt = `settled-${this.frames.length}-${Math.random()}`;
    this.say('UNSUBSCRIBE', { id: 'nobody', receipt });
    await this.frame('RECEIPT', { 'receipt-id': receipt });
  }

  close(): void {
    this.socket.close();
  }
}
