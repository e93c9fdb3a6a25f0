/** Hardening test 4: a length that is too large is refused on the header alone, and costs no memory. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WebSocketServer } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import { isFullSize } from './hardening.js';
import { encode } from './matrix/frames.js';
import { binary } from './matrix/case.js';
import { closeFrame, openRaw, type RawPeer } from './raw-peer.js';

const IS_FULL = isFullSize(4);
const MIB = 1024 * 1024;
const LENGTHS: readonly (readonly [declared: bigint, closeCode: number])[] = [
  [(1n << 64n) - 1n, 1002],
  [1n << 63n, 1002],
  [(1n << 63n) - 1n, 1009],
  [1n << 53n, 1009],
  [(1n << 53n) - 1n, 1009],
  [1n << 32n, 1009],
  [BigInt(16 * MIB + 1), 1009],
];

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Octets outside the heap, and all pages of the process. */
function memory(): { buffers: number; resident: number } {
  collectGarbage();
  const { arrayBuffers, rss } = process.memoryUsage();
  return { buffers: arrayBuffers, resident: rss };
}

async function refused(port: number, declared: bigint, closeCode: number): Promise<void> {
  const peer = await openRaw(port);
  peer.socket.write(encode({ ...binary(), declared }, 'client'));
  await peer.ended;
  assert.deepEqual(peer.received, closeFrame(closeCode), String(declared));
  peer.destroy();
}

test('[hardening 4] lengths of 2^64 - 1 to one above the limit: 1002 or 1009 on the header, and no memory', async (context) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  context.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const round = async (): Promise<void> => {
    for (const [declared, closeCode] of LENGTHS) await refused(port, declared, closeCode);
  };
  // The pages of a process grow with its first thousands of connections, whatever these say: what counts is that
  // there comes a time when they do not grow any more.
  const windows: { buffers: number; resident: number }[] = [];
  let before = memory();
  const roundCount = IS_FULL ? 100 : 30;
  for (let index = 0; index < (IS_FULL ? 20 : 6); index++) {
    for (let count = 0; count < roundCount; count++) await round();
    const after = memory();
    windows.push({
      buffers: after.buffers - before.buffers,
      resident: after.resident - before.resident,
    });
    before = after;
  }
  const grownBytes = Math.max(...windows.slice(1).map(({ buffers }) => buffers));
  const residentBytes = Math.min(...windows.map(({ resident }) => Math.abs(resident)));
  checkBound(grownBytes < MIB, `${grownBytes} octets of buffers are left`);
  checkBound(residentBytes < MIB, `${residentBytes} octets of pages`);
  context.diagnostic(
    `figure: ${windows.length * roundCount * LENGTHS.length} lengths refused; ` +
      `per ${roundCount * LENGTHS.length}: buffers at most ${kib(grownBytes)}, ` +
      `resident at least ${kib(residentBytes)}`,
  );
});

test('[hardening 4] a length within the limit reserves little until its octets come', async (context) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const count = IS_FULL ? 500 : 50;
  const peers: RawPeer[] = [];
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  for (let index = 0; index < count; index++) peers.push(await openRaw(port));
  const before = memory();
  const head = encode({ ...binary(Buffer.of(1)), declared: BigInt(16 * MIB) }, 'client');
  for (const peer of peers) peer.socket.write(head);
  // A Ping behind it would be payload; a connection that comes later proves that all were read.
  const last = await openRaw(port);
  last.socket.write(encode(binary(Buffer.of(1)), 'client'));
  last.destroy();
  const perConnection = (memory().buffers - before.buffers) / count;
  checkBound(perConnection <= 80 * 1024, `${perConnection} octets for each connection`);
  for (const peer of peers) peer.destroy();
  context.diagnostic(`figure: ${kib(perConnection)} for 16 MiB that are declared and do not come`);
});

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(0)} KiB`;
}
