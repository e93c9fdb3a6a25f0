/** Proves that replays are shared, and that what streams keep is counted, bounded, and let go of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8, MemoryMetrics, TurnBudget } from '../foundation/index.js';
import { Message } from '../message/index.js';
import { SharedBatch, SharedMessage, type Batch, type DeliverySource } from '../session/index.js';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { MemoryStreamStore, Streams } from './index.js';
import { A, pull, rig, settled, Sink } from './streams-rig.test.js';

/** Encodes as a dialect does, and counts what it encodes. */
function encoder() {
  const counts = { publications: 0 };
  const encode = (batch: Batch): SharedBatch =>
    batch.encodedAs('dialect', ({ publications }) => {
      counts.publications += publications.length;
      return new SharedBatch(publications.map(({ body }) => new SharedMessage(body, false)));
    });
  return { counts, encode };
}

/** Pulls and encodes all that a source has now; answers the offsets. */
function pullEncoded(source: DeliverySource, encode: (batch: Batch) => SharedBatch): number[] {
  const offsets: number[] = [];
  for (let next = source.pull(65_536); next !== undefined; next = source.pull(65_536)) {
    assert.ok(next.kind === 'publications', JSON.stringify(next));
    encode(next.batch);
    offsets.push(...next.batch.publications.map(({ offset }) => offset ?? 0));
  }
  return offsets;
}

const from = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

for (const [where, liveRingBytes] of [
  ['history', 4_000],
  ['ring', 1_000_000],
] as const) {
  test(`[S6] many who replay from the ${where} at the same time cost one encoding and few reads, wherever they begin`, async () => {
    const { streams, publishMany, store, time } = rig({
      historySize: 10_000,
      liveRingBytes: () => liveRingBytes,
    });
    await streams.open(A, new Sink(), undefined);
    await publishMany(500, 100);
    time.advance(0);
    const { epoch } = store.inner.follow(A);
    const { counts, encode } = encoder();
    const READER_COUNT = 200;
    const opened = await Promise.all(
      Array.from({ length: READER_COUNT }, (_, index) =>
        streams.open(A, new Sink(), `${epoch}:${index}`),
      ),
    );
    const read = opened.map((): number[] => []);
    for (let round = 0; round < 200; round++) {
      for (const [index, { source }] of opened.entries()) {
        read[index]!.push(...pullEncoded(source, encode));
      }
      await settled();
    }
    for (const [index, offsets] of read.entries()) {
      assert.equal(opened[index]!.recovered, true);
      assert.deepEqual(offsets, from(index + 1, 500));
    }
    // 200 readers of 300 to 500 publications each; apart from the first page of each, every page is everybody's.
    assert.ok(counts.publications < 500 + READER_COUNT * 16 + 200, `${counts.publications}`);
    assert.ok(store.reads.length < READER_COUNT + 60, `${store.reads.length}`);
  });
}

test('[S6] readers who begin at the same place wait for one read', async () => {
  const { streams, publishMany, store } = rig({ historySize: 10_000, liveRingBytes: () => 500 });
  await publishMany(100, 100);
  const { epoch } = store.inner.follow(A);
  const opened = await Promise.all(
    Array.from({ length: 50 }, () => streams.open(A, new Sink(), `${epoch}:16`)),
  );
  assert.deepEqual(store.reads, [16]);
  const [first, second] = opened.map(({ source }) => source.pull(65_536));
  assert.ok(first?.kind === 'publications' && second?.kind === 'publications');
  assert.equal(first.batch, second.batch);
});

test('[O2] those who waited for one read are told in slices of a turn', async () => {
  let nowMs = 0;
  let due: (() => void)[] = [];
  const time = Object.assign(new VirtualTime(), {
    monotonicMs: () => nowMs,
    afterTurn: (callback: () => void) => void due.push(callback),
  });
  const store = new MemoryStreamStore(time, new SeededRandom(1));
  const turns = new TurnBudget(time);
  const streams = new Streams(store, time, new MemoryMetrics(), {
    turns,
    liveRingBytes: () => 500,
  });
  const retention = { historySize: 1_000, historyTtlMs: Infinity };
  for (let count = 0; count < 400; count++) {
    const message = new Message(encodeUtf8(String(count)), 'text/plain');
    await store.append(A, message, { key: undefined, messageId: undefined, retention });
  }
  const { epoch } = store.follow(A);
  let toldCount = 0;
  const opened = [];
  for (let count = 0; count < 300; count++) {
    const sink = {
      ready: () => {
        toldCount += 1;
        nowMs += 1;
      },
    };
    const opening = streams.open(A, sink, `${epoch}:0`);
    for (let round = 0; round < 5; round++) {
      await settled();
      for (const step of due.splice(0)) step();
    }
    opened.push(await opening);
  }
  // Past what is kept, so that all have to wait for the store.
  for (const { source } of opened) while (source.pull(1) !== undefined);
  await settled();
  const toldAtOnce = toldCount;
  assert.ok(toldAtOnce > 0 && toldAtOnce <= 32, `${toldAtOnce} in one turn`);
  for (let turn = 0; turn < 100 && toldCount < 300; turn++) {
    for (const step of due.splice(0)) step();
    await settled();
  }
  assert.equal(toldCount, 300);
});

test('what streams keep is counted: rings, encodings, pages; and it is all gone when nobody needs it', async () => {
  const { streams, publishMany, store, time } = rig({
    historySize: 1_000,
    liveRingBytes: () => 50_000,
    lingerMs: 30_000,
  });
  assert.equal(streams.retainedBytes, 0);
  const { source } = await streams.open(A, new Sink(), undefined);
  await publishMany(200, 1_000);
  time.advance(0);
  const ring = streams.retainedBytes;
  assert.ok(ring > 48_000 && ring < 54_000, `${ring}`);
  source.close();
  const { encode } = encoder();
  const { epoch } = store.inner.follow(A);
  const { source: late } = await streams.open(A, new Sink(), `${epoch}:0`);
  for (let round = 0; round < 20; round++) {
    pullEncoded(late, encode);
    await settled();
  }
  assert.ok(
    streams.retainedBytes > ring + 200_000,
    'the replayed publications and their encodings',
  );
  time.advance(4_000);
  assert.equal(streams.retainedBytes, ring, 'they are of no use for long');
  late.close();
  assert.equal(streams.lingeringBytes, ring);
  time.advance(40_000);
  assert.deepEqual([streams.retainedBytes, streams.lingeringBytes], [0, 0]);
});

test('the encoding of a live publication goes when those who were told had their time', async () => {
  const { streams, publish, time } = rig();
  const { source } = await streams.open(A, new Sink(), undefined);
  await publish(A, 500_000);
  time.advance(0);
  const before = streams.retainedBytes;
  const { counts, encode } = encoder();
  pullEncoded(source, encode);
  assert.ok(streams.retainedBytes >= before + 1_000_000, 'with the form that a transport makes');
  time.advance(4_000);
  assert.equal(streams.retainedBytes, before);
  const { epoch } = {
    epoch: (await streams.open(A, new Sink(), undefined)).cursor!.split(':')[0]!,
  };
  const late = await streams.open(A, new Sink(), `${epoch}:0`);
  assert.deepEqual(pullEncoded(late.source, encode), [1]);
  assert.equal(counts.publications, 2, 'made anew for who comes later');
});

test('encodings of many streams at once stay below their bound', async () => {
  const { streams, publish, time } = rig();
  const { encode } = encoder();
  const rings = [];
  for (let index = 0; index < 100; index++) {
    const { source } = await streams.open(`/topic/${index}`, new Sink(), undefined);
    await publish(`/topic/${index}`, 200_000);
    rings.push(source);
  }
  time.advance(0);
  const before = streams.retainedBytes;
  for (const source of rings) pullEncoded(source, encode);
  assert.ok(streams.retainedBytes - before < 9_000_000, `${streams.retainedBytes - before}`);
});

test('what lingers is let go of when room is needed, least recently left first, and nothing else', async () => {
  const { streams, publish, time, store } = rig({ lingerMs: 60_000 });
  const opened = new Map<string, DeliverySource>();
  for (const name of ['a', 'b', 'c', 'read']) {
    const { source } = await streams.open(`/topic/${name}`, new Sink(), undefined);
    opened.set(name, source);
    await publish(`/topic/${name}`, 10_000);
  }
  time.advance(0);
  assert.equal(streams.lingeringBytes, 0);
  assert.equal(streams.releaseLingering(1), 0);
  for (const name of ['b', 'a', 'c']) opened.get(name)?.close();
  const { lingeringBytes, retainedBytes } = streams;
  const freed = streams.releaseLingering(1);
  assert.deepEqual(store.unfollowed, ['/topic/b']);
  assert.deepEqual(
    [streams.lingeringBytes, streams.retainedBytes],
    [lingeringBytes - freed, retainedBytes - freed],
  );
  assert.ok(freed > 10_000);
  assert.equal(streams.releaseLingering(Infinity), freed * 2);
  assert.deepEqual(store.unfollowed, ['/topic/b', '/topic/a', '/topic/c']);
  assert.deepEqual([streams.lingeringBytes, streams.heldCount], [0, 1]);
  await publish('/topic/read');
  assert.deepEqual(pull(opened.get('read')!), [1, 2]);
  const again = await streams.open('/topic/a', new Sink(), undefined);
  await publish('/topic/a');
  assert.deepEqual(pull(again.source), [2]);
});

test('[S4] a stream that only patterns read is let go of when they have pulled it, not before', async () => {
  const { DestinationPattern } = await import('../message/index.js');
  const { streams, publish, time } = rig();
  const { source } = await streams.openPattern(
    DestinationPattern.parse('/topic/*'),
    new Sink(),
    undefined,
  );
  await publish();
  assert.equal(streams.releaseLingering(Infinity), 0, 'its readers were not told');
  time.advance(0);
  assert.equal(streams.releaseLingering(Infinity), 0, 'nor have they pulled it');
  assert.deepEqual(pull(source), [1]);
  assert.ok(streams.releaseLingering(Infinity) > 0);
  await publish();
  time.advance(0);
  assert.deepEqual(pull(source), [2]);
});
