/** Proves that an answer which nobody reads is given up, and the file with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryMetrics, SILENT_LOG, TurnBudget } from '../foundation/index.js';
import { serveStaticFiles } from './static-files.js';

const time = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  afterTick: (callback: () => void) => process.nextTick(callback),
  afterTurn: (callback: () => void) => void setImmediate(callback),
};

test('an answer whose reader takes nothing for a while ends, with its file and its connection', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tideway-'));
  t.after(() => rmSync(directory, { recursive: true }));
  // More than the kernel takes for a peer that does not read.
  writeFileSync(join(directory, 'large.bin'), Buffer.alloc(33_554_432));
  const metrics = new MemoryMetrics();
  const parts = { metrics, turns: new TurnBudget(time) };
  const none: RequestListener = (_, response) => void response.end();
  const answer = serveStaticFiles(directory, undefined, SILENT_LOG, parts, none, 100);
  const server = createServer(answer).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const closed = once(server, 'connection').then(([socket]) => once(socket as never, 'close'));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => client.destroy());
  client.pause();
  client.write('GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n');
  await closed;
  assert.equal(metrics.value('limit_reached', { limit: 'unreadTimeoutMs' }), 1);
});
