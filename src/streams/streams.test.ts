/** Proves streams: the feed alone fans out, replay joins live, recovery is all or nothing, nobody is left behind unnoticed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryMetrics } from '../foundation/index.js';
import { DestinationPattern, Message } from '../message/index.js';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { MemoryStreamStore, Streams } from './index.js';
import { A, gate, pull, rig, settled, Sink, wordOf } from './streams-rig.test.js';

test('[S1] readers are told once for a turn, after it, of what the feed brought', async () => {
  const { streams, publish, time, store } = rig();
  const sink = new Sink();
  const { source } = await streams.open(A, sink, undefined);
  store.isFeedHeld = true;
  await publish();
  time.advance(0);
  assert.deepEqual([sink.readyCount, pull(source)], [0, []], 'appended is not delivered');
  store.releaseFeed();
  await publish();
  await publish();
  assert.equal(sink.readyCount, 0, 'not before the end of the turn');
  time.advance(0);
  assert.equal(sink.readyCount, 1);
  assert.deepEqual(pull(source), [1, 2, 3]);
});

test('[O2] a thousand publications in one turn tell a reader once, and two readers share a batch', async () => {
  const { streams, publishMany, time } = rig();
  const sinks = [new Sink(), new Sink()];
  const opened = await Promise.all(sinks.map((sink) => streams.open(A, sink, undefined)));
  await publishMany(1_000);
  time.advance(0);
  assert.deepEqual(
    sinks.map((sink) => sink.readyCount),
    [1, 1],
  );
  const [left, right] = opened.map(({ source }) => source.pull(20_000));
  assert.equal(left?.kind, 'publications');
  assert.ok(left.kind === 'publications' && right?.kind === 'publications');
  assert.equal(left.batch, right.batch);
});

test('[S4] what is published after open has answered is delivered, what was before is not', async () => {
  const { streams, publish } = rig();
  await publish();
  const first = await streams.open(A, new Sink(), undefined);
  await publish();
  const second = await streams.open(A, new Sink(), undefined);
  await publish();
  assert.deepEqual(pull(first.source), [2, 3]);
  assert.deepEqual(pull(second.source), [3]);
  assert.match(second.cursor ?? '', /^[A-Za-z0-9_-]+:2$/);
});

test('[S4] a store that answers late loses nothing that came meanwhile', async () => {
  const { streams, publish, store } = rig();
  const { promise, open } = gate();
  store.gate = promise;
  const opening = streams.open(A, new Sink(), undefined);
  await publish();
  await publish();
  open();
  const { source, cursor } = await opening;
  const stood = Number(cursor?.split(':')[1]);
  await publish();
  const expected = [1, 2, 3].filter((offset) => offset > stood);
  assert.deepEqual(pull(source), expected, 'all after the cursor, without an interruption');
});

test('[S4] an entry that comes in any tick after the answer of the store is not lost', async () => {
  for (let tickCount = 0; tickCount < 16; tickCount++) {
    const { streams, publish, store, metrics } = rig();
    await publish();
    // Entries 2 and 3 are on their way; 3 comes so many ticks after the store has answered.
    store.isFeedHeld = true;
    await publish();
    await publish();
    const entries = store.takeFeed();
    const { promise, open } = gate();
    store.gate = promise;
    const opening = streams.open(A, new Sink(), undefined);
    store.feed(entries[0]!);
    open();
    for (let tick = 0; tick < tickCount; tick++) await Promise.resolve();
    store.feed(entries[1]!);
    store.isFeedHeld = false;
    const { source } = await opening;
    await publish();
    assert.deepEqual(pull(source).slice(-1), [4], `${tickCount} ticks later`);
    assert.equal(metrics.value('stream_gaps'), 0, `${tickCount} ticks later`);
  }
});

test('[S4] entries that were counted already when the store answered are not taken for a gap', async () => {
  const { streams, publish, store, metrics } = rig();
  store.isFeedHeld = true;
  await publish();
  await publish();
  const { source } = await streams.open(A, new Sink(), undefined);
  store.releaseFeed();
  await publish();
  assert.deepEqual(pull(source), [3]);
  assert.equal(metrics.value('streams_interrupted'), 0);
});

test('[S4] more than is kept while a store is silent: the stream begins later, honestly', async () => {
  const { streams, publish, store } = rig();
  await publish();
  const { epoch } = store.inner.follow(A);
  const { promise, open } = gate();
  store.gate = promise;
  const opening = [undefined, `${epoch}:1`].map((cursor) => streams.open(A, new Sink(), cursor));
  for (let index = 0; index < 1_100; index++) await publish();
  open();
  const [fresh, recovering] = await Promise.all(opening);
  await publish();
  const stood = Number(fresh?.cursor?.split(':')[1]);
  assert.equal(pull(fresh!.source)[0], stood + 1);
  assert.equal(recovering?.recovered, false);
});

interface Recovery {
  readonly title: string;
  readonly historySize: number;
  readonly liveRingBytes?: number;
  /** Publications before the cursor's own place, and after it. */
  readonly before: number;
  readonly missed: number;
  readonly isHeld: boolean;
  readonly cursor?: string;
  readonly recovered: boolean;
}

const RECOVERIES: readonly Recovery[] = [
  { title: 'nothing missed', historySize: 0, before: 3, missed: 0, isHeld: true, recovered: true },
  {
    title: 'nothing missed, nothing ever published',
    historySize: 0,
    before: 0,
    missed: 0,
    isHeld: true,
    recovered: true,
  },
  {
    title: 'missed, in the live ring [S9]',
    historySize: 0,
    before: 3,
    missed: 5,
    isHeld: true,
    recovered: true,
  },
  {
    title: 'missed, the ring gone, no history',
    historySize: 0,
    before: 3,
    missed: 5,
    isHeld: false,
    recovered: false,
  },
  {
    title: 'missed, the ring gone, in the history',
    historySize: 10,
    before: 3,
    missed: 5,
    isHeld: false,
    recovered: true,
  },
  {
    title: 'missed exactly what the history keeps',
    historySize: 5,
    before: 3,
    missed: 5,
    isHeld: false,
    recovered: true,
  },
  {
    title: 'missed one more than the history keeps',
    historySize: 4,
    before: 3,
    missed: 5,
    isHeld: false,
    recovered: false,
  },
  {
    title: 'missed more than the ring, in the history',
    historySize: 50,
    liveRingBytes: 600,
    before: 1,
    missed: 40,
    isHeld: true,
    recovered: true,
  },
  {
    title: 'missed more than the ring, no history',
    historySize: 0,
    liveRingBytes: 1_500,
    before: 1,
    missed: 40,
    isHeld: true,
    recovered: false,
  },
  {
    title: 'another epoch',
    historySize: 10,
    before: 3,
    missed: 0,
    isHeld: true,
    cursor: 'other:3',
    recovered: false,
  },
  {
    title: 'a place that is not there yet',
    historySize: 10,
    before: 3,
    missed: 0,
    isHeld: true,
    cursor: '+9',
    recovered: false,
  },
  {
    title: 'no cursor at all',
    historySize: 10,
    before: 3,
    missed: 0,
    isHeld: true,
    cursor: 'nonsense',
    recovered: false,
  },
];

for (const one of RECOVERIES) {
  test(`[S6] recovered is ${one.recovered}: ${one.title}`, async () => {
    const { streams, publishMany, store, metrics } = rig({
      historySize: one.historySize,
      ...(one.liveRingBytes !== undefined && { liveRingBytes: () => one.liveRingBytes ?? 0 }),
    });
    if (one.isHeld) await streams.open(A, new Sink(), undefined);
    await publishMany(one.before);
    const { epoch, offset } = store.inner.follow(A);
    await publishMany(one.missed);
    const own = one.cursor === '+9' ? `${epoch}:${offset + 9}` : one.cursor;
    const opened = await streams.open(A, new Sink(), own ?? `${epoch}:${offset}`);
    assert.equal(opened.recovered, one.recovered);
    assert.equal(metrics.value('recoveries', { recovered: String(one.recovered) }), 1);
    const pulled: (string | number)[] = [];
    await publishMany(2);
    for (let round = 0; round < 60; round++) {
      pulled.push(...pull(opened.source, 2_000));
      await settled();
    }
    const total = one.before + one.missed + 2;
    const from = one.recovered ? offset + 1 : one.before + one.missed + 1;
    assert.deepEqual(
      pulled,
      Array.from({ length: total - from + 1 }, (_, index) => from + index),
    );
  });
}

test('[S6] a long replay joins live without gap or duplicate while publications keep coming', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const { streams, publishMany, time, store } = rig({
      historySize: 100_000,
      liveRingBytes: () => 10_000,
    });
    await publishMany(100 + random.below(300), 200);
    const { epoch } = store.inner.follow(A);
    const { source, recovered } = await streams.open(A, new Sink(), `${epoch}:0`);
    assert.equal(recovered, true);
    const pulled: (string | number)[] = [];
    for (let round = 0; round < 600; round++) {
      // Slower than the reader, or the replay would never reach the ring.
      if (round < 400 && random.below(3) === 0) await publishMany(random.below(4), 200);
      const delivery = source.pull(1 + random.below(5_000));
      if (delivery !== undefined) pulled.push(...wordOf(delivery));
      time.advance(0);
      await settled();
    }
    const { offset } = store.inner.follow(A);
    assert.deepEqual(
      pulled,
      Array.from({ length: offset }, (_, index) => index + 1),
      `seed ${seed}`,
    );
  }
});

test('[S6] history that is trimmed away under a slow replay ends it, never skips', async () => {
  const { streams, publishMany, store } = rig({ historySize: 20, liveRingBytes: () => 1_500 });
  await publishMany(20, 5_000);
  const { epoch } = store.inner.follow(A);
  const sink = new Sink();
  const { source } = await streams.open(A, sink, `${epoch}:0`);
  const first = source.pull(1_000);
  assert.ok(first !== undefined);
  await publishMany(60, 100);
  const rest: (string | number)[] = [];
  for (let round = 0; round < 5; round++) {
    rest.push(...pull(source, 1_000));
    await settled();
  }
  assert.deepEqual(rest.slice(-1), ['session/slow-consumer']);
  const numbers = [...wordOf(first), ...rest].filter((one) => typeof one === 'number');
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  );
});

test('[P1] a live reader that falls off the ring ends as a slow consumer', async () => {
  const { streams, publishMany } = rig({ liveRingBytes: () => 2_000 });
  const { source } = await streams.open(A, new Sink(), undefined);
  await publishMany(2);
  assert.deepEqual(pull(source), [1, 2]);
  await publishMany(20);
  assert.deepEqual(pull(source), ['session/slow-consumer']);
});

test('[P1] a burst of one turn that is larger than the ring reaches a reader who reads at once, whole', async () => {
  const { streams, publishMany, time } = rig({ liveRingBytes: () => 2_000 });
  const read: (string | number)[] = [];
  let toldCount = 0;
  const sink = {
    ready: () => {
      toldCount += 1;
      read.push(...pull(source));
    },
  };
  const { source } = await streams.open(A, sink, undefined);
  await publishMany(50);
  time.advance(0);
  assert.deepEqual(
    read,
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  // One at a time would cost each its own write.
  assert.ok(toldCount < 25, `${toldCount} times`);
});

test('a publication larger than the ring is delivered all the same', async () => {
  const { streams, publish } = rig({ liveRingBytes: () => 1_000 });
  const { source } = await streams.open(A, new Sink(), undefined);
  await publish(A, 50_000);
  assert.deepEqual(pull(source), [1]);
});

test('[S3] a lost entry that the store has no more interrupts the readers, and later ones get a ring of their own', async () => {
  const { streams, publish, time, store, metrics } = rig({ historySize: 10 });
  store.answersInstead = () => Promise.resolve({ kind: 'unrecoverable' });
  const sink = new Sink();
  const { source, cursor } = await streams.open(A, sink, undefined);
  const pattern = await streams.openPattern(
    DestinationPattern.parse('/topic/*'),
    new Sink(),
    undefined,
  );
  store.loses = (entry) => entry.offset === 1;
  await publish();
  await publish();
  await settled();
  time.advance(0);
  assert.ok(sink.readyCount > 0, 'the reader is told');
  assert.deepEqual(pull(source), ['stream/interrupted']);
  store.answersInstead = undefined;
  assert.deepEqual(pull(pattern.source), ['stream/interrupted']);
  assert.equal(metrics.value('streams_interrupted'), 1);
  assert.deepEqual(store.unfollowed, [A]);
  source.close();
  pattern.source.close();
  const again = await streams.open(A, new Sink(), cursor);
  await publish();
  assert.equal(again.recovered, true);
  const pulled = [...pull(again.source)];
  await settled();
  assert.deepEqual([...pulled, ...pull(again.source)], [1, 2, 3]);
});

test('a stream lingers after its last reader, then it is released; a reader in time keeps it', async () => {
  const { streams, time, store } = rig({ lingerMs: 10_000 });
  const first = await streams.open(A, new Sink(), undefined);
  first.source.close();
  time.advance(9_000);
  const second = await streams.open(A, new Sink(), undefined);
  time.advance(60_000);
  assert.deepEqual([streams.heldCount, store.unfollowed], [1, []]);
  second.source.close();
  time.advance(9_999);
  assert.equal(streams.heldCount, 1);
  time.advance(1_001);
  assert.deepEqual([streams.heldCount, store.unfollowed], [0, [A]]);
  assert.equal(time.pendingTimerCount, 0);
});

test('a pattern reads what it matches, from streams that are born later too, each in order', async () => {
  const { streams, publish, time } = rig();
  await publish('/topic/a');
  const exact = await streams.open('/topic/b', new Sink(), undefined);
  const sink = new Sink();
  const { source, cursor, recovered } = await streams.openPattern(
    DestinationPattern.parse('/topic/*'),
    sink,
    undefined,
  );
  assert.deepEqual([cursor, recovered], [undefined, undefined]);
  for (const destination of [
    '/topic/a',
    '/topic/b',
    '/topic/new',
    '/topic/a/deep',
    '/queue/a',
    '/topic/new',
  ]) {
    await publish(destination);
  }
  time.advance(0);
  assert.ok(sink.readyCount > 0);
  const seen = new Map<string, (number | undefined)[]>();
  for (let next = source.pull(1); next !== undefined; next = source.pull(1)) {
    assert.ok(next.kind === 'publications');
    for (const { destination, offset } of next.batch.publications) {
      seen.set(destination, [...(seen.get(destination) ?? []), offset]);
    }
  }
  assert.deepEqual(
    [...seen].sort(([left], [right]) => (left < right ? -1 : 1)),
    [
      ['/topic/a', [2]],
      ['/topic/b', [1]],
      ['/topic/new', [1, 2]],
    ],
  );
  assert.deepEqual(pull(exact.source), [1]);
});

test('[S4] a pattern is given what was still on its way when the store said where a stream stands', async () => {
  const { streams, publish, time, store } = rig();
  const pattern = DestinationPattern.parse('/topic/*');
  const { source } = await streams.openPattern(pattern, new Sink(), undefined);
  store.isFeedHeld = true;
  await publish();
  await publish();
  const exact = await streams.open(A, new Sink(), undefined);
  assert.match(exact.cursor ?? '', /:2$/);
  store.releaseFeed();
  await publish();
  time.advance(0);
  assert.deepEqual(pull(source), [1, 2, 3]);
  assert.deepEqual(pull(exact.source), [3]);
});

test('a pattern takes its streams in turns', async () => {
  const { streams, publish, time } = rig();
  const { source } = await streams.openPattern(
    DestinationPattern.parse('/topic/*'),
    new Sink(),
    undefined,
  );
  for (let round = 0; round < 3; round++)
    for (const name of ['a', 'b']) await publish(`/topic/${name}`);
  time.advance(0);
  const order: string[] = [];
  for (let next = source.pull(1); next !== undefined; next = source.pull(1)) {
    if (next.kind === 'publications') order.push(next.batch.publications[0]?.destination ?? '');
  }
  assert.deepEqual(order, ['/topic/a', '/topic/b', '/topic/a', '/topic/b', '/topic/a', '/topic/b']);
});

test('a pattern with a cursor says that it was not recovered', async () => {
  const { streams } = rig();
  const opened = await streams.openPattern(DestinationPattern.parse('/topic/*'), new Sink(), 'e:1');
  assert.equal(opened.recovered, false);
});

test('the last reader of a pattern unfollows it and lets its streams go', async () => {
  const { streams, publish, time, store } = rig({ lingerMs: 1_000 });
  const pattern = DestinationPattern.parse('/topic/*');
  const [left, right] = [
    await streams.openPattern(pattern, new Sink(), undefined),
    await streams.openPattern(pattern, new Sink(), undefined),
  ];
  await publish();
  left.source.close();
  assert.deepEqual(store.unfollowed, []);
  right.source.close();
  assert.deepEqual(store.unfollowed, ['/topic/*']);
  time.advance(3_000);
  assert.deepEqual([streams.heldCount, store.unfollowed], [0, ['/topic/*', A]]);
});

test('a pattern keeps no stream that rests, and misses nothing of one that is born again', async () => {
  const { streams, publish, time, store } = rig({ lingerMs: 1_000 });
  const pattern = DestinationPattern.parse('/topic/*');
  const [quick, slow] = [
    await streams.openPattern(pattern, new Sink(), undefined),
    await streams.openPattern(pattern, new Sink(), undefined),
  ];
  for (const name of ['a', 'b', 'c']) await publish(`/topic/${name}`);
  time.advance(0);
  assert.deepEqual(pull(quick.source), [1, 1, 1]);
  time.advance(5_000);
  assert.equal(streams.heldCount, 3, 'one reader has not read them');
  assert.deepEqual(pull(slow.source), [1, 1, 1]);
  const exact = await streams.open('/topic/b', new Sink(), undefined);
  time.advance(5_000);
  assert.deepEqual(store.unfollowed, [A, '/topic/c'], 'the other is wanted by its name');
  for (let second = 0; second < 5; second++) {
    await publish();
    time.advance(900);
    assert.equal(streams.heldCount, 2, 'what goes on is kept');
  }
  assert.deepEqual(pull(quick.source), [2, 3, 4, 5, 6]);
  assert.deepEqual(pull(slow.source), [2, 3, 4, 5, 6]);
  exact.source.close();
  time.advance(5_000);
  assert.deepEqual([streams.heldCount, time.pendingTimerCount], [0, 0]);
  quick.source.close();
  slow.source.close();
});

test('a pattern that lives for long does not fill the store', async () => {
  const time = new VirtualTime();
  const store = new MemoryStreamStore(time, new SeededRandom(1), { maxStreamCount: 10 });
  const streams = new Streams(store, time, new MemoryMetrics());
  const { source } = await streams.openPattern(
    DestinationPattern.parse('/topic/**'),
    new Sink(),
    undefined,
  );
  const retention = { historySize: 0, historyTtlMs: Infinity };
  const append = { key: undefined, messageId: undefined, retention };
  for (let index = 0; index < 100; index++) {
    await streams.publish(`/topic/${index}`, Message.fromJson(index), append);
    time.advance(60_000);
    assert.deepEqual(pull(source), [1]);
  }
  streams.close();
});

test('a store that fails to follow, to read or to follow a pattern leaves no reader behind', async () => {
  const { streams, publishMany, time, store } = rig({
    historySize: 100,
    liveRingBytes: () => 500,
    lingerMs: 1_000,
  });
  store.gate = Promise.resolve();
  store.failure = new Error('the store is down');
  await assert.rejects(streams.open(A, new Sink(), undefined), /down/);
  await assert.rejects(
    streams.openPattern(DestinationPattern.parse('/topic/*'), new Sink(), undefined),
    /down/,
  );
  assert.deepEqual([streams.heldCount, store.unfollowed], [0, ['/topic/*']]);
  store.failure = undefined;
  const first = await streams.open(A, new Sink(), undefined);
  await publishMany(20);
  store.failure = new Error('the store is down');
  const { epoch } = store.inner.follow(A);
  await assert.rejects(streams.open(A, new Sink(), `${epoch}:0`), { code: 'stream/unavailable' });
  first.source.close();
  time.advance(3_000);
  assert.equal(streams.heldCount, 0, 'the stream is released');
});

test('a replay whose store fails on the way ends the reader, so that it comes back', async () => {
  const { streams, publishMany, store } = rig({ historySize: 1_000, liveRingBytes: () => 500 });
  await publishMany(300, 1_000);
  const { epoch } = store.inner.follow(A);
  const { source } = await streams.open(A, new Sink(), `${epoch}:0`);
  assert.ok(pull(source, 1_000).length > 0);
  store.failure = new Error('the store is down');
  pull(source, 1_000);
  await settled();
  const end = pull(source, 1_000);
  await settled();
  assert.equal([...end, ...pull(source, 1_000)].at(-1), 'stream/interrupted');
});
