/** Hardening test 15: a message that comes an octet at a time is cut off by the message deadline, however steadily it comes. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { WebSocketError } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import {
  clientFrame,
  closeCodeFor,
  isFullSize,
  openPeer,
  serve,
  tellFigure,
} from './hardening-rig.js';

const isFull = isFullSize(15);
const MESSAGE_TIMEOUT_MS = isFull ? 60_000 : 600;
const STEP_MS = isFull ? 10_000 : 100;
/** One turn of the wheel, and what a busy machine adds. */
const LATE_MS = 2_000;

const WAYS: Readonly<Record<string, (step: number) => Buffer>> = {
  'fragments of one octet': (step) => clientFrame(step === 0 ? 0x01 : 0x00, Buffer.of(0x61)),
  'octets of one frame': (step) =>
    step === 0 ? clientFrame(0x82, new Uint8Array(125)).subarray(0, 7) : Buffer.of(0),
  'octets of a frame header': (step) =>
    step === 0 ? Buffer.of(0x82) : step === 1 ? Buffer.of(0xff) : Buffer.of(0),
  'empty fragments': (step) => clientFrame(step === 0 ? 0x02 : 0x00),
};

/** Sends a step at a time until the connection ends. */
function drip(peer: Socket, stepOf: (step: number) => Buffer): () => void {
  let step = 0;
  peer.write(stepOf(step++));
  const timer = setInterval(() => peer.write(stepOf(step++)), STEP_MS);
  return () => clearInterval(timer);
}

test('[hardening 15] a message that does not end is closed at its deadline', async (context) => {
  const { server, port } = await serve(context, { messageTimeoutMs: MESSAGE_TIMEOUT_MS });
  const errors: (string | undefined)[] = [];
  server.on('connection', (client) =>
    client.on('error', (error) => errors.push((error as WebSocketError).limit)),
  );
  const took = await Promise.all(
    Object.entries(WAYS).map(async ([words, stepOf]) => {
      const peer = await openPeer(port);
      const code = closeCodeFor(peer);
      const startedAtMs = performance.now();
      const stop = drip(peer, stepOf);
      context.after(stop);
      assert.equal(await code, 1008, words);
      const tookMs = performance.now() - startedAtMs;
      assert.ok(tookMs >= MESSAGE_TIMEOUT_MS - 1, `${words}: ${tookMs} ms`);
      checkBound(tookMs < MESSAGE_TIMEOUT_MS + LATE_MS, `${words}: ${tookMs} ms`);
      return tookMs;
    }),
  );
  assert.deepEqual(
    errors,
    Object.keys(WAYS).map(() => 'messageTimeoutMs'),
  );
  tellFigure(context, `closed after ${(Math.max(...took) / 1000).toFixed(2)} s at the latest`);
});

test('[hardening 15] a message that ends in time starts no clock for the next, nor does silence between messages', async (context) => {
  const { server, port } = await serve(context, { messageTimeoutMs: 1_500 });
  const peer = await openPeer(port);
  context.after(() => peer.destroy());
  const received = new Promise<number>((resolve) => {
    let count = 0;
    server.on('connection', (client) => {
      client.on('message', () => {
        count += 1;
        if (count === 40) resolve(count);
      });
    });
  });
  const late = await openPeer(port);
  context.after(() => late.destroy());
  // Each chunk ends in the middle of a message, for far longer than one message may take.
  const frame = clientFrame(0x82, new Uint8Array(20));
  late.write(frame.subarray(0, 10));
  const timer = setInterval(() => {
    late.write(Buffer.concat([frame.subarray(10), frame.subarray(0, 10)]));
  }, 50);
  context.after(() => clearInterval(timer));
  assert.equal(await received, 40);
  assert.equal(server.clients.size, 2);
});
