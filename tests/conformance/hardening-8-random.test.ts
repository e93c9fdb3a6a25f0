/** Hardening test 8: random octets after a good handshake end that connection and nothing else, for server and client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WebSocket, WebSocketServer } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import { Dice } from './differential/random-frames.js';
import { isFullSize } from './hardening.js';
import { answerTo } from './matrix/endpoint.js';
import { GOOD_HEADERS } from './raw-peer.js';

const IS_FULL = isFullSize(8);
const COUNT = IS_FULL ? 100_000 : 2000;
const PARALLEL_COUNT = 32;
const PATIENCE = { timeout: IS_FULL ? 1_800_000 : 110_000 };
const EXTENSION = 'Sec-WebSocket-Extensions: permessage-deflate';
const HANDSHAKE = ['GET / HTTP/1.1', ...GOOD_HEADERS, EXTENSION, '', ''].join('\r\n');
const OPTIONS = { closeTimeoutMs: 1000, maxMessageBytes: 65_536, perMessageDeflate: true };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Octets that begin like a frame half of the time, so that not all fail at the first. */
function noise(seed: number, isMasked: boolean): Buffer {
  const dice = new Dice(seed);
  const octets = Buffer.alloc(1 + dice.below(200));
  for (let index = 0; index < octets.length; index++) octets[index] = dice.below(256);
  if (octets.length > 2 && dice.once(2)) {
    octets[0] = dice.pick([0x81, 0x82, 0xc1, 0xc2, 0x01, 0x41, 0x89, 0x88]);
    octets[1] = (isMasked ? 0x80 : 0) | dice.below(64);
  }
  return octets;
}

async function inParallel(count: number, run: (seed: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL_COUNT }, worker));
}

/** Runs all seeds, a tenth of them first, and answers by how much the memory grew from there on. */
async function grownBytes(run: (seed: number) => Promise<void>): Promise<number> {
  const used = (): number => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  await inParallel(COUNT / 10, run);
  const before = used();
  await inParallel(COUNT, run);
  return used() - before;
}

/** Nothing may be thrown where nobody catches it. */
function watch(context: TestContext): unknown[] {
  const faults: unknown[] = [];
  const note = (fault: unknown): void => void faults.push(fault);
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
  context.after(() => {
    process.off('unhandledRejection', note);
    process.off('uncaughtException', note);
  });
  return faults;
}

const MOST_GROWN_BYTES = 4 * 1024 * 1024;

test(
  `[hardening 8] ${COUNT} seeds of random octets for our server: it stays up and its memory is flat`,
  PATIENCE,
  async (context) => {
    const faults = watch(context);
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...OPTIONS });
    const ends = new Map<string, number>();
    server.on('connection', (socket) => {
      socket.on('error', (error: Error & { code?: string }) => {
        ends.set(error.code ?? '', (ends.get(error.code ?? '') ?? 0) + 1);
      });
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const grown = await grownBytes(async (seed) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.write(HANDSHAKE);
      socket.once('data', () => socket.end(noise(seed, true)));
      await new Promise((resolve) => socket.on('close', resolve));
    });
    server.close();
    await once(server, 'close');
    assert.deepEqual(faults, []);
    assert.ok(ends.size >= 5, [...ends.keys()].join());
    checkBound(grown < MOST_GROWN_BYTES, `${grown} octets are left`);
    context.diagnostic(
      `figure: server, ${COUNT} seeds, ${ends.size} kinds of violations, memory ${Math.round(grown / 1024)} KiB`,
    );
  },
);

test(
  `[hardening 8] ${COUNT} seeds of random octets for our client: it stays up and its memory is flat`,
  PATIENCE,
  async (context) => {
    const faults = watch(context);
    const server = createServer((socket: Socket) => {
      socket.on('error', () => {});
      socket.once('data', (request: Buffer) => {
        const head = request.toString('latin1');
        const seed = Number(/^GET \/(\d+)/.exec(head)?.[1]);
        const extension = { offer: '', answer: 'permessage-deflate' };
        socket.write(answerTo(head, { extension }));
        socket.end(noise(seed, false));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ends = new Map<string, number>();
    const grown = await grownBytes(async (seed) => {
      const client = new WebSocket(`ws://127.0.0.1:${port}/${seed}`, OPTIONS);
      client.on('error', (error: Error & { code?: string }) => {
        ends.set(error.code ?? '', (ends.get(error.code ?? '') ?? 0) + 1);
      });
      // Not once(): that would take the error for its own.
      await new Promise((resolve) => client.on('close', resolve));
    });
    server.close();
    assert.deepEqual(faults, []);
    assert.ok(ends.size >= 5, [...ends.keys()].join());
    checkBound(grown < MOST_GROWN_BYTES, `${grown} octets are left`);
    context.diagnostic(
      `figure: client, ${COUNT} seeds, ${ends.size} kinds of violations, memory ${Math.round(grown / 1024)} KiB`,
    );
  },
);
