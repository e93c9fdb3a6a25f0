/** Proves that a process without file descriptors is told of: once, again after a minute, and when there are some. */
import assert from 'node:assert/strict';
import { Server } from 'node:http';
import { test } from 'node:test';
import { MemoryMetrics, type Log } from '../foundation/index.js';
import { VirtualTime } from '../testing/index.js';
import { watchDescriptors } from './descriptor-watch.js';

/** Listens nowhere: it is told that it does. */
const server = new Server();
const listenerCounts = (): readonly number[] =>
  ['listening', 'close'].map((name) => server.listenerCount(name));

test('it is said once, again after a minute, and when it is over', () => {
  const before = listenerCounts();
  const time = new VirtualTime();
  const metrics = new MemoryMetrics();
  const lines: string[] = [];
  const write = (message: string, fields?: object): void =>
    void lines.push(`${time.monotonicMs()} ${message.split(':')[0]} ${JSON.stringify(fields)}`);
  const log: Log = { debug: write, info: write, warn: write, error: write };
  let code: string | undefined;
  const end = watchDescriptors(server, time, log, metrics, () => code);
  server.emit('listening');
  time.advance(10_000);
  assert.deepEqual(lines, []);
  code = 'EMFILE';
  time.advance(61_000);
  code = undefined;
  time.advance(10_000);
  assert.deepEqual(lines, [
    '11000 no file descriptor is left {"code":"EMFILE"}',
    '71000 no file descriptor is left {"code":"EMFILE"}',
    '72000 there are file descriptors again undefined',
  ]);
  assert.equal(metrics.value('limit_reached', { limit: 'openFiles' }), 61);
  server.emit('close');
  assert.equal(time.pendingTimerCount, 0);
  server.emit('listening');
  end();
  assert.equal(time.pendingTimerCount, 0);
  assert.deepEqual(listenerCounts(), before);
});
