/** Owns what the hardening tests of the engine share: their size, memory after a collection, raw octets and a load process. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TestContext } from 'node:test';
import { WebSocketServer, type ServerOptions } from 'tideway/websocket';
import type { LoadReport, LoadTask } from './load-process.js';

/** Whether `npm run acceptance -- <number>` runs this test at full size. */
export function isFullSize(number: number): boolean {
  return process.env['TIDEWAY_ACCEPTANCE'] === String(number);
}

/** The figure of a test, for docs/acceptance.md. */
export function tellFigure(context: TestContext, words: string): void {
  context.diagnostic(`figure: ${words}`);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Octets in use after a full collection: the heap, and what lies outside of it. */
export async function usedBytes(): Promise<number> {
  // Finalizers of buffers and sockets run between collections.
  for (let round = 0; round < 4; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Octets with a thousands sign for people. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export interface Running {
  readonly server: WebSocketServer;
  readonly port: number;
}

/** A server of the engine that ends with the test. */
export async function serve(context: TestContext, options: ServerOptions = {}): Promise<Running> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', backlog: 4096, ...options });
  await once(server, 'listening');
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

const UPGRADE = [
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '',
  '',
].join('\r\n');

/** A raw peer through the handshake, which keeps nothing of what it receives but its last octets. */
export async function openPeer(port: number, path = '/'): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\n${UPGRADE}`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  if (!answer.includes(' 101 ')) throw new Error(`refused: ${answer.toString('latin1')}`);
  return socket;
}

/** The close code that a raw peer is sent, or undefined when the connection ends without one. */
export function closeCodeFor(socket: Socket): Promise<number | undefined> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    socket.once('close', () => resolve(closeCodeIn(Buffer.concat(chunks))));
  });
}

/** Walks over a server's small frames to its Close frame. */
function closeCodeIn(octets: Buffer): number | undefined {
  let at = 0;
  while (at + 4 <= octets.length && octets[at] !== 0x88) {
    const length = octets[at + 1]!;
    at += length < 126 ? 2 + length : 4 + octets.readUInt16BE(at + 2);
  }
  return at + 4 <= octets.length ? octets.readUInt16BE(at + 2) : undefined;
}

/** A client's frame; the mask is zero, so the payload stands as it is. */
export function clientFrame(firstOctet: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const { length } = payload;
  const head =
    length < 126
      ? [firstOctet, 0x80 | length]
      : length < 65_536
        ? [firstOctet, 0xfe, length >> 8, length & 255]
        : [firstOctet, 0xff, 0, 0, 0, 0, length >>> 24, length >> 16, length >> 8, length];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), payload]);
}

/** Writes and waits until the kernel has taken it, or the connection is gone. */
export function written(socket: Socket, octets: Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.write(octets, () => resolve()));
}

/** A process that makes the load, so that its memory and its time are not the server's. */
export class LoadProcess {
  readonly #child: ChildProcess;

  constructor(context: TestContext) {
    this.#child = fork(new URL('./load-process.js', import.meta.url), { stdio: 'inherit' });
    context.after(() => this.#child.kill());
  }

  /** Gives it a task. */
  start(task: LoadTask): void {
    this.#child.send(task);
  }

  /** What it reports under a name. */
  report(name: LoadReport['name']): Promise<LoadReport> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (report) => {
        if ((report as LoadReport).name === name) resolve(report as LoadReport);
      });
      this.#child.once('exit', () => reject(new Error('the load process has ended')));
    });
  }
}
