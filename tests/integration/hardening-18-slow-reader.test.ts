/** Hardening test 18: a reader that never reads is disconnected or left out at its limit, and the others do not feel it. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ServerOptions, WebSocket, WebSocketError, WebSocketServer } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import { LoadProcess, grouped, isFullSize, serve, tellFigure } from './hardening-rig.js';

const isFull = isFullSize(18);
const READER_COUNT = 20;
const PER_SECOND = 1000;
const ROUND_COUNT = isFull ? 5 : 1;
const FOR_MS = isFull ? 3_000 : 2_000;
const MAX_OUTBOUND_BYTES = 1_048_576;
const PAYLOAD_BYTES = 4096;

/** Sends to all, `PER_SECOND` times a second; answers how many messages that were. */
function broadcast(server: WebSocketServer, forMs: number, look: () => void): Promise<number> {
  const payload = Buffer.alloc(PAYLOAD_BYTES);
  const startedAtMs = performance.now();
  let count = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startedAtMs;
      const due = (Math.min(elapsedMs, forMs) * PER_SECOND) / 1000;
      for (; count < due; count++) {
        const copy = Buffer.from(payload);
        copy.writeDoubleBE(Number(process.hrtime.bigint()) / 1e6);
        for (const client of server.clients) client.send(copy);
      }
      look();
      if (elapsedMs < forMs) return;
      clearInterval(timer);
      resolve(count);
    }, 1);
  });
}

async function latencies(load: LoadProcess): Promise<{ count: number; p99Ms: number }> {
  const report = load.report('latencies');
  load.start({ kind: 'latencies' });
  const { count, p99Ms = 0 } = await report;
  return { count, p99Ms };
}

/** All that was sent has been read. */
async function settled(load: LoadProcess, expected: number): Promise<number> {
  let count = 0;
  let worstMs = 0;
  while (count < expected) {
    const seen = await latencies(load);
    if (seen.count > 0) worstMs = Math.max(worstMs, seen.p99Ms);
    count += seen.count;
  }
  assert.equal(count, expected, 'every reader has every message, once');
  return worstMs;
}

interface Run {
  readonly aloneP99Ms: number;
  readonly besideP99Ms: number;
  readonly waitingBytes: number;
  readonly stuck: WebSocket;
  readonly sentCount: number;
  readonly errors: readonly string[];
}

async function run(context: TestContext, options: ServerOptions): Promise<Run> {
  const { server, port } = await serve(context, {
    maxOutboundBytes: MAX_OUTBOUND_BYTES,
    ...options,
  });
  const load = new LoadProcess(context);
  const open = load.report('open');
  load.start({ kind: 'readers', port, count: READER_COUNT });
  await open;
  // Warm.
  await settled(load, (await broadcast(server, 300, () => {})) * READER_COUNT);
  const aloneMs: number[] = [];
  const besideMs: number[] = [];
  const errors: string[] = [];
  let waitingBytes = 0;
  let sentCount = 0;
  let stuck: WebSocket | undefined;
  // In turn, because what else the machine does changes.
  for (let round = 0; round < ROUND_COUNT; round++) {
    stuck?.terminate();
    aloneMs.push(await settled(load, (await broadcast(server, FOR_MS, () => {})) * READER_COUNT));
    const connected = new Promise<WebSocket>((resolve) => server.once('connection', resolve));
    load.start({ kind: 'stuck', port });
    const one = await connected;
    stuck = one;
    errors.length = 0;
    one.on('error', (error) => errors.push((error as WebSocketError).code));
    sentCount = await broadcast(server, FOR_MS, () => {
      waitingBytes = Math.max(waitingBytes, one.readyState === 1 ? one.bufferedAmount : 0);
    });
    besideMs.push(await settled(load, sentCount * READER_COUNT));
  }
  assert.ok(stuck !== undefined);
  // The best of each: what else the machine does only adds, and what a stuck reader does would add every time.
  const [aloneP99Ms, besideP99Ms] = [Math.min(...aloneMs), Math.min(...besideMs)];
  return { aloneP99Ms, besideP99Ms, waitingBytes, stuck, sentCount, errors };
}

function checkOthers(context: TestContext, words: string, result: Run): void {
  const { aloneP99Ms, besideP99Ms, waitingBytes } = result;
  assert.ok(
    waitingBytes <= MAX_OUTBOUND_BYTES + PAYLOAD_BYTES + 14,
    `${waitingBytes} octets waited`,
  );
  assert.ok(
    waitingBytes > MAX_OUTBOUND_BYTES / 2,
    `${waitingBytes} octets waited: it was not stuck`,
  );
  checkBound(
    besideP99Ms < 2 * Math.max(aloneP99Ms, 1),
    `p99 ${besideP99Ms} ms, alone ${aloneP99Ms} ms`,
  );
  tellFigure(
    context,
    `${words}: p99 of ${READER_COUNT} others ${besideP99Ms.toFixed(2)} ms ` +
      `(${aloneP99Ms.toFixed(2)} without it), at most ${grouped(waitingBytes)} octets waited`,
  );
}

test('[hardening 18] a reader that never reads is disconnected at maxOutboundBytes', async (context) => {
  const result = await run(context, { onOverflow: 'disconnect' });
  checkOthers(context, 'disconnected', result);
  assert.equal(result.stuck.readyState, 3);
  assert.deepEqual(result.errors, ['WS_ERR_OUTBOUND_OVERFLOW']);
  assert.equal(result.stuck.droppedMessageCount, 0);
});

test('[hardening 18] a reader that never reads is left out of new messages with dropNewest', async (context) => {
  const result = await run(context, { onOverflow: 'dropNewest' });
  checkOthers(context, 'dropNewest', result);
  assert.equal(result.stuck.readyState, 1);
  assert.deepEqual(result.errors, []);
  const { droppedMessageCount } = result.stuck;
  assert.ok(droppedMessageCount > 0 && droppedMessageCount < result.sentCount);
});
