/** Proves the caps of connections: who is refused, with what, who is ended for whom, and that nothing stays behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryMetrics } from '../foundation/index.js';
import { ConnectionPair, SeededRandom, VirtualTime } from '../testing/index.js';
import { Admission, DEFAULT_ADMISSION_LIMITS, type AdmissionLimits, type Peer } from './index.js';

const peerOf = (share?: string): Peer => ({
  address: share ?? '127.0.0.1',
  port: 1,
  isSecure: false,
  share,
});

function setUp(limits: Partial<AdmissionLimits>) {
  const time = new VirtualTime();
  const metrics = new MemoryMetrics();
  const admission = new Admission({
    limits: { ...DEFAULT_ADMISSION_LIMITS, ...limits },
    clock: time,
    random: new SeededRandom(1),
    metrics,
  });
  /** Comes as a door would let it; undefined when it is refused. */
  const come = (share?: string): ConnectionPair | undefined => {
    if (admission.refusalOf(peerOf(share)) !== undefined) return undefined;
    const pair = new ConnectionPair(
      time,
      (connection) => ({
        textReceived() {},
        binaryReceived() {},
        writable() {},
        closed: () => admission.ended(connection),
      }),
      { handshake: { peer: peerOf(share) } },
    );
    admission.arrived(pair.connection);
    return pair;
  };
  const reached = (limit: keyof AdmissionLimits): number =>
    metrics.value('limit_reached', { limit });
  return { time, admission, come, reached, metrics };
}

test('[C3] beyond maxConnectionCount everybody is refused with 503, until one has gone', async () => {
  const { admission, come, reached, time } = setUp({ maxConnectionCount: 2 });
  const first = come();
  come('203.0.113.1');
  const refusal = admission.refusalOf(peerOf('203.0.113.2'));
  assert.deepEqual([refusal?.status, refusal?.limit], [503, 'maxConnectionCount']);
  assert.equal(come(), undefined);
  assert.equal(reached('maxConnectionCount'), 2);
  first?.cut();
  time.advance(0);
  await Promise.resolve();
  assert.equal(admission.connectionCount, 1);
  assert.notEqual(come(), undefined);
});

test('[C3] beyond maxConnectionsPerAddress an address is refused with 429; loopback and proxies are not', () => {
  const { admission, come } = setUp({ maxConnectionsPerAddress: 2 });
  for (let count = 0; count < 2; count++) assert.notEqual(come('203.0.113.1'), undefined);
  const refusal = admission.refusalOf(peerOf('203.0.113.1'));
  assert.deepEqual([refusal?.status, refusal?.limit], [429, 'maxConnectionsPerAddress']);
  assert.notEqual(come('203.0.113.2'), undefined);
  for (let count = 0; count < 10; count++) assert.notEqual(come(), undefined);
});

test('who connects too often is refused with 429, before the other limits count', () => {
  const { come, admission, reached } = setUp({ maxConnectsPerSecond: 2, maxConnectionCount: 3 });
  for (let count = 0; count < 3; count++) assert.notEqual(come('203.0.113.1'), undefined);
  assert.equal(admission.refusalOf(peerOf('203.0.113.1'))?.limit, 'maxConnectionCount');
  const refusal = admission.refusalOf(peerOf('203.0.113.1'));
  assert.deepEqual([refusal?.status, refusal?.limit], [429, 'maxConnectsPerSecond']);
  assert.equal(reached('maxConnectsPerSecond'), 1);
});

test('those who were refused together are not told to come back together', () => {
  const { admission } = setUp({ maxConnectionCount: 0 });
  const waits = Array.from({ length: 50 }, () => admission.refusalOf(peerOf())?.retryAfterSeconds);
  assert.ok(new Set(waits).size > 4);
  assert.ok(waits.every((wait) => Number.isInteger(wait) && wait! >= 1 && wait! <= 11));
});

test('[C4] a crowd of silent connections makes room for one more after two seconds, the oldest first', async () => {
  const { time, admission, come, reached } = setUp({ maxUnauthenticatedConnectionCount: 2 });
  const [first, second] = [come(), come()];
  assert.equal(admission.refusalOf(peerOf())?.limit, 'maxUnauthenticatedConnectionCount');
  time.advance(1_999);
  assert.equal(come(), undefined, 'its first message may be on its way');
  time.advance(1);
  assert.notEqual(come(), undefined);
  await Promise.resolve();
  time.advance(0);
  assert.deepEqual([first?.ended?.closeCode, second?.ended], [1006, undefined]);
  assert.equal(admission.unauthenticatedCount, 2);
  assert.equal(reached('maxUnauthenticatedConnectionCount'), 3);
});

test('[C4] who waits for an answer to his token is ended for nobody; an open session takes no place', () => {
  const { time, admission, come, metrics } = setUp({ maxUnauthenticatedConnectionCount: 2 });
  const [first, second] = [come(), come()];
  admission.asks(first!.connection);
  admission.asks(second!.connection);
  time.advance(60_000);
  assert.equal(come(), undefined);
  admission.opened(first!.connection);
  assert.equal(metrics.value('connections_unauthenticated'), 1);
  assert.notEqual(come(), undefined);
  assert.equal(first?.ended, undefined);
});

test('whatever comes and goes, nothing is left of it', () => {
  const { time, admission, come, metrics } = setUp({
    maxConnectionsPerAddress: 3,
    maxConnectionCount: 8,
    maxUnauthenticatedConnectionCount: 5,
    maxTrackedAddressCount: 4,
  });
  const random = new SeededRandom(7);
  const below = (count: number): number => {
    const octets = new Uint8Array(1);
    random.fill(octets);
    return octets[0]! % count;
  };
  const open: ConnectionPair[] = [];
  for (let step = 0; step < 5_000; step++) {
    time.advance(below(4) * 300);
    const some = open[below(Math.max(1, open.length))];
    switch (below(4)) {
      case 0:
      case 1: {
        const pair = come(below(3) === 0 ? undefined : `203.0.113.${below(9)}`);
        if (pair !== undefined) open.push(pair);
        break;
      }
      case 2:
        if (some?.ended === undefined && some !== undefined) admission.asks(some.connection);
        if (below(2) === 0 && some?.ended === undefined && some !== undefined) {
          admission.opened(some.connection);
        }
        break;
      case 3:
        if (some !== undefined) open.splice(open.indexOf(some), 1)[0]?.cut();
    }
    assert.ok(admission.unauthenticatedCount <= 5);
    assert.ok(admission.trackedAddressCount <= 4);
    assert.ok(admission.connectionCount <= 8);
  }
  for (const pair of open) pair.cut();
  time.advance(0);
  assert.deepEqual([admission.connectionCount, admission.unauthenticatedCount], [0, 0]);
  assert.equal(metrics.value('connections_unauthenticated'), 0);
  for (let count = 0; count < 3; count++) assert.notEqual(come('203.0.113.1'), undefined);
});
