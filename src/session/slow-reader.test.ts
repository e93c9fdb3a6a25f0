/** Proves what slow readers have waiting together: who counts, until when, and how one ends that has too much. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldTotal, MemoryMetrics, type Disconnect } from '../foundation/index.js';
import type { Connection } from './connection.js';
import { SlowReader } from './slow-reader.js';

/** Sessions of one address with so much waiting, and what became of them. */
function rig(maxTotalBytes: number) {
  const told: string[] = [];
  const outbound = new HeldTotal(maxTotalBytes);
  const metrics = new MemoryMetrics();
  const bounds = { limits: { maxOutboundBytes: 100 }, metrics, outbound };
  const slow = (name: string, bufferedBytes: number): SlowReader => {
    let isEnded = false;
    const connection = { bufferedBytes, destroy: () => told.push(`${name} destroyed`) };
    return new SlowReader(bounds, {
      connection: connection as unknown as Connection,
      owner: { id: name, share: 'address' },
      get isEnded() {
        return isEnded;
      },
      disconnect: ({ code }: Disconnect) => {
        isEnded = true;
        told.push(`${name} ${code}`);
      },
    });
  };
  return { told, outbound, metrics, slow };
}

test('beyond the sum the one that has been slow for the longest ends, without a closing handshake', () => {
  const { told, outbound, metrics, slow } = rig(200);
  for (const name of ['a', 'b', 'c']) slow(name, 80).check();
  assert.deepEqual(told, ['a session/slow-consumer', 'a destroyed']);
  assert.equal(outbound.bytes, 160);
  assert.equal(metrics.value('limit_reached', { limit: 'maxTotalOutboundBytes' }), 1);
});

test('who has caught up counts no more', () => {
  const { told, outbound, slow } = rig(200);
  const reader = slow('a', 80);
  reader.check();
  reader.caughtUp();
  for (const name of ['b', 'c']) slow(name, 80).check();
  assert.deepEqual(told, []);
  assert.equal(outbound.bytes, 160);
});

test('alone, one has maxOutboundBytes; it counts until its connection has gone', () => {
  const { told, outbound, slow } = rig(200);
  const reader = slow('a', 101);
  reader.check();
  assert.deepEqual(told, ['a session/slow-consumer']);
  assert.equal(outbound.bytes, 101);
  slow('b', 100).check();
  assert.deepEqual(told, ['a session/slow-consumer', 'a destroyed']);
});
