/** Proves that a reader without room keeps its place and no publications: neither beyond its window nor of a history. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DestinationPattern } from '../message/index.js';
import type { DeliverySource } from '../session/index.js';
import { A, pull, rig, settled, Sink, wordOf } from './streams-rig.test.js';

/** Pulls as a window does that has room for so many. */
const take = (source: DeliverySource, count: number): readonly (string | number)[] => {
  const delivery = source.pull(100_000, count);
  return delivery === undefined ? [] : wordOf(delivery);
};

test('[K1] a reader is given no more than there is room for, and the rest stays where it was', async () => {
  const { streams, publishMany, time } = rig();
  const exact = await streams.open(A, new Sink(), undefined);
  const pattern = await streams.openPattern(
    DestinationPattern.parse('/topic/*'),
    new Sink(),
    undefined,
  );
  await publishMany(5);
  time.advance(0);
  for (const { source } of [exact, pattern]) {
    assert.deepEqual([take(source, 1), take(source, 2)], [[1], [2, 3]]);
    assert.deepEqual(pull(source), [4, 5]);
    assert.deepEqual(take(source, 1), []);
  }
});

test('[K1] what a full window has no room for is in the ring, and gone with it', async () => {
  const { streams, publishMany, time } = rig({ liveRingBytes: () => 10_000 });
  const { source } = await streams.open(A, new Sink(), undefined);
  await publishMany(2, 100);
  time.advance(0);
  assert.deepEqual(take(source, 1), [1]);
  await publishMany(3, 9_000);
  time.advance(0);
  assert.deepEqual(take(source, 1), ['session/slow-consumer']);
});

test('[S6] [K1] a replay goes on one by one where there is room for one, then joins the live ones', async () => {
  const { streams, publishMany, publish, store, time } = rig({ historySize: 100 });
  await publishMany(40);
  const { epoch } = store.inner.follow(A);
  const { source, recovered } = await streams.open(A, new Sink(), `${epoch}:3`);
  assert.equal(recovered, true);
  const offsets: (string | number)[] = [];
  for (let tries = 0; tries < 500 && offsets.length < 38; tries++) {
    offsets.push(...take(source, 1));
    if (offsets.length === 10) await publish();
    time.advance(0);
    await settled();
  }
  assert.deepEqual(
    offsets,
    Array.from({ length: 38 }, (_, index) => index + 4),
  );
});

test('readers that do not pull keep a bounded part of histories, and recover all the same', async () => {
  const { streams, publishMany, store } = rig({ historySize: 1_000 });
  await publishMany(60, 1_000_000);
  const { epoch } = store.inner.follow(A);
  const readers = [];
  for (let offset = 1; offset <= 60; offset++) {
    readers.push(await streams.open(A, new Sink(), `${epoch}:${offset - 1}`));
  }
  const most = 16 + 8 + 2;
  assert.ok(streams.retainedBytes < most * 1_048_576, `${streams.retainedBytes} are kept`);
  const oldest = readers[0]!.source;
  const pulled: (string | number)[] = [];
  for (let tries = 0; tries < 200 && pulled.length < 60; tries++) {
    pulled.push(...pull(oldest));
    await settled();
  }
  assert.deepEqual([pulled.length, pulled.at(0), pulled.at(-1)], [60, 1, 60]);
  for (const { source } of readers) source.close();
  streams.close();
  assert.equal(streams.retainedBytes, 0);
});
