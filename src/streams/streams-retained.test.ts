/** Proves that rings are part of what the server keeps: charged to who publishes, and let go of in the stated order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryMetrics, RequestError, RetainedBudget, type Owner } from '../foundation/index.js';
import { Message } from '../message/index.js';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { MemoryStreamStore, Streams, type Appended } from './index.js';

const BIG = 10_000;
const sink = { ready: () => {} };
/** Somebody with a share of its own. */
const of = (id: string): Owner => ({ id, share: id });
const isUnavailable = (error: unknown): boolean =>
  error instanceof RequestError && error.code === 'stream/unavailable';

function rig(maxRetainedBytes: number) {
  const time = new VirtualTime(1_000_000);
  const metrics = new MemoryMetrics();
  const retained = new RetainedBudget(maxRetainedBytes, metrics);
  const store = new MemoryStreamStore(time, new SeededRandom(1), {}, retained);
  const streams = new Streams(store, time, metrics, { retained });
  const publish = async (
    destination: string,
    owner: Owner | string,
    historySize = 0,
  ): Promise<Appended> => {
    const appended = await streams.publish(
      destination,
      new Message(new Uint8Array(BIG), 'application/json'),
      {
        key: undefined,
        messageId: undefined,
        owner: typeof owner === 'string' ? of(owner) : owner,
        retention: { historySize, historyTtlMs: Infinity },
      },
    );
    time.advance(0);
    return appended;
  };
  const open = (destination: string, owner: string) =>
    streams.open(destination, sink, undefined, of(owner));
  return { time, metrics, retained, store, streams, publish, open };
}

test('a ring is charged to who publishes into it, and given back with it', async () => {
  const { time, retained, streams, publish, open } = rig(1e9);
  const { source } = await open('/topic/a', 's:reader');
  const empty = retained.bytes;
  for (let index = 0; index < 3; index++) await publish('/topic/a', 's:writer');
  assert.ok(retained.bytesOf('s:writer') > 3 * BIG);
  assert.ok(retained.bytesOf('s:reader') < BIG);
  assert.ok(retained.bytes - empty < 4 * BIG, 'counted once');
  source.close();
  time.advance(130_000);
  assert.equal(retained.bytesOf('s:writer'), 0);
  assert.equal(streams.retainedBytes, 0);
  streams.close();
  assert.equal(retained.bytes, 0);
});

test('rings that somebody reads are bounded for each publisher, and take nothing of others', async () => {
  const { retained, store, streams, publish, open } = rig(1_000_000);
  const kept = await publish('/topic/kept', 's:other', 10);
  const flood = async (): Promise<void> => {
    for (let index = 0; index < 200; index++) {
      await open(`/topic/${index}`, 's:greedy');
      await publish(`/topic/${index}`, 's:greedy');
    }
  };
  await assert.rejects(flood(), isUnavailable);
  assert.ok(retained.bytes < 600_000, String(retained.bytes));
  const { epoch } = kept.position;
  const part = await store.read('/topic/kept', { epoch, offset: 0 }, 1);
  assert.equal(part.kind, 'publications', 'the history of another is there');
  await open('/topic/late', 's:late');
  await publish('/topic/late', 's:late');
  streams.close();
});

test('what lingers makes room: of its own publisher where that is beyond its share, of anybody where all is full', async () => {
  const { retained, metrics, streams, publish, open } = rig(1_000_000);
  for (let index = 0; index < 500; index++) {
    const owner = `s:${index % 2}`;
    const { source } = await open(`/topic/${index}`, owner);
    await publish(`/topic/${index}`, owner);
    source.close();
    assert.ok(retained.bytes <= 1_000_000);
  }
  assert.ok(metrics.value('retained_evictions', { stage: 'lingering' }) > 100);
  assert.ok(retained.bytesOf('s:0') > 100_000 && retained.bytesOf('s:1') > 100_000);
  streams.close();
});

test('[Q2] who is beyond its part lets go of its own lingering rings, though those of others were left before', async () => {
  const { store, metrics, streams, publish, open } = rig(1_000_000);
  const followed = (destination: string): boolean => !unfollowed.has(destination);
  const unfollowed = new Set<string>();
  const unfollow = store.unfollow.bind(store);
  store.unfollow = (destination) => {
    unfollowed.add(destination);
    unfollow(destination);
  };
  const linger = async (destination: string, owner: string): Promise<void> => {
    const { source } = await open(destination, owner);
    await publish(destination, owner);
    source.close();
  };
  for (let index = 0; index < 10; index++) await linger(`/topic/other/${index}`, 's:other');
  for (let index = 0; index < 200; index++) await linger(`/topic/${index}`, 's:greedy');
  assert.ok(metrics.value('retained_evictions', { stage: 'lingering' }) > 100);
  for (let index = 0; index < 10; index++) assert.ok(followed(`/topic/other/${index}`));
  assert.ok(!followed('/topic/0') && followed('/topic/199'));
  streams.close();
});

test('[Q1] rings of all owners of a share are charged together, and what of them lingers makes room for each', async () => {
  const { retained, metrics, streams, publish, open } = rig(1_000_000);
  const member = (index: number): Owner => ({ id: `m${index}`, share: 'all' });
  for (let index = 0; index < 200; index++) {
    const { source } = await open(`/topic/${index}`, 'reader');
    await publish(`/topic/${index}`, member(index));
    source.close();
    assert.ok(retained.bytesOf('all') <= 520_000);
    assert.equal(retained.bytesOf(`m${index}`), 0);
  }
  assert.ok(retained.bytesOf('all') > 300_000);
  assert.ok(metrics.value('retained_evictions', { stage: 'lingering' }) > 100);
  streams.close();
  assert.equal(retained.bytes, 0);
});

test('a ring that is full asks for no more room than it has', async () => {
  const { streams, publish, open, retained } = rig(3_000_000);
  await open('/topic/a', 's:one');
  for (let index = 0; index < 300; index++) await publish('/topic/a', 's:one');
  assert.ok(retained.bytesOf('s:one') <= 1_100_000);
  streams.close();
});

test('where all that is kept is read, who is below its share gets what readers were told of, of who has most', async () => {
  const { metrics, retained, streams, publish, open } = rig(1_000_000);
  const fill = async (owner: string): Promise<void> => {
    for (let index = 0; index < 100; index++) {
      await open(`/topic/${owner}/${index}`, owner);
      await publish(`/topic/${owner}/${index}`, owner);
    }
  };
  const greedy = Array.from({ length: 12 }, (_, index) => `s:greedy${index}`);
  const behind = await open(`/topic/${greedy[0]}/0`, 's:behind');
  for (const owner of greedy) await assert.rejects(fill(owner), isUnavailable);
  const { source } = await open('/topic/late', 's:late');
  for (let index = 0; index < 5; index++) await publish('/topic/late', 's:late');
  assert.ok(retained.bytes <= 1_000_000, `${retained.bytes} are kept`);
  const delivery = source.pull(1e6);
  assert.equal(delivery?.kind === 'publications' && delivery.batch.publications.length, 5);
  assert.ok(retained.bytesOf('s:late') > 5 * BIG);
  assert.ok(metrics.value('retained_evictions', { stage: 'followed-ring' }) > 0);
  const end = behind.source.pull(1e6);
  assert.equal(end?.kind === 'end' && end.error?.code, 'session/slow-consumer');
  assert.ok(streams.retainedBytes > 0);
  streams.close();
  assert.deepEqual([streams.retainedBytes, retained.bytes], [0, 0]);
});

test('what readers were not told of stays, however much room others ask for', async () => {
  const { time, retained, streams, open } = rig(200_000);
  const append = (destination: string, share: string, size: number) =>
    streams.publish(destination, new Message(new Uint8Array(size), 'application/json'), {
      key: undefined,
      messageId: undefined,
      owner: of(share),
      retention: { historySize: 0, historyTtlMs: Infinity },
    });
  const { source } = await open('/topic/a', 's:a');
  const others = await Promise.all(
    ['s:b', 's:c', 's:d'].map((name) => open(`/topic/${name}`, name)),
  );
  let count = 0;
  const fill = async (destination: string, share: string): Promise<void> => {
    for (;;) {
      await append(destination, share, BIG);
      if (share === 's:a') count += 1;
    }
  };
  for (const name of ['s:a', 's:b', 's:c']) {
    const destination = name === 's:a' ? '/topic/a' : `/topic/${name}`;
    await assert.rejects(fill(destination, name), isUnavailable);
  }
  await assert.rejects(append('/topic/s:d', 's:d', 35_000), isUnavailable);
  time.advance(0);
  const delivery = source.pull(1e6);
  assert.equal(delivery?.kind === 'publications' && delivery.batch.publications.length, count);
  await append('/topic/s:d', 's:d', 35_000);
  assert.ok(count > 5 && retained.bytes <= 201_000, `${retained.bytes}`);
  for (const other of others) other.source.close();
});
