/** Owns a client of the native dialect for tests: a socket of the package `ws`, frames by hand. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

/** Waits for what it is told to wait for, never for time. */
export class NativePeer {
  readonly socket: WebSocket;
  /** Everything that was received, as text; binary messages as latin1. */
  readonly texts: string[] = [];
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ closeCode: number; reason: string }>;
  #waiting: { test: (frame: Frame) => boolean; resolve: (frame: Frame) => void }[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      const text = data.toString(isBinary ? 'latin1' : 'utf8');
      this.texts.push(text);
      const frame = JSON.parse(isBinary ? text.slice(0, text.indexOf('\n')) : text) as Frame;
      this.frames.push(frame);
      const waiting = this.#waiting;
      this.#waiting = waiting.filter(({ test }) => !test(frame));
      for (const { test, resolve } of waiting) if (test(frame)) resolve(frame);
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (closeCode, reason) => resolve({ closeCode, reason: String(reason) }));
    });
  }

  /** Opens a connection; `connect` is sent unless `token` is null. */
  static async open(
    url: string | undefined,
    given: { token?: string; headers?: Record<string, string> } = {},
  ): Promise<NativePeer> {
    assert.ok(url !== undefined, 'the server listens');
    const { headers = {}, token } = given;
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, 'tideway.v1', { headers });
    const peer = new NativePeer(socket);
    await once(socket, 'open');
    peer.send({ type: 'connect', token });
    return peer;
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** The first frame that fits, of those that came already or will. */
  async frame(type: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Frame> {
    const test = (frame: Frame): boolean =>
      frame.type === type && Object.entries(fields).every(([name, value]) => frame[name] === value);
    const known = this.frames.find(test);
    if (known !== undefined) return known;
    const found = new Promise<Frame>((resolve) => this.#waiting.push({ test, resolve }));
    const ended = this.closed.then(({ closeCode }) => {
      throw new Error(
        `closed with ${closeCode} while waiting for ${type}; got ${this.texts.join(' ')}`,
      );
    });
    return Promise.race([found, ended]);
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/** The status and the text of a refused handshake; status 101 when it was accepted. */
export async function handshake(
  url: string | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; text: string }> {
  assert.ok(url !== undefined, 'the server listens');
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, { headers });
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.terminate();
      resolve({ status: 101, text: '' });
    });
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    socket.on('error', reject);
  });
}
