/** Proves that whatever ends gives back what it was charged for: repairs, openings, readers, batches of streams that are let go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeadlineWheel, NO_METRICS, TurnBudget } from '../foundation/index.js';
import { DestinationPattern, Message, Publication } from '../message/index.js';
import { SharedBatch, SharedMessage } from '../session/index.js';
import { VirtualTime } from '../testing/index.js';
import { HistoryPages } from './history-pages.js';
import { KeptBatches } from './kept-batches.js';
import { PatternReader } from './pattern-reader.js';
import { RetainedTally } from './retained-tally.js';
import { Stream } from './stream.js';
import { A, gate, Held, pull, rig, settled, Sink } from './streams-rig.test.js';

const ANY = DestinationPattern.parse('/topic/*');

for (const [how, end] of [
  ['closed the gap', async ({ open }: Repairing) => open()],
  ['failed', async ({ open }: Repairing) => open()],
  ['took too long', async ({ around }: Repairing) => around.time.advance(11_000)],
  ['lost its stream', async ({ around }: Repairing) => around.time.advance(6_000)],
] as const) {
  test(`[S3] what waited for a repair is charged no more when it has ${how}`, async () => {
    const around = rig({ historySize: 10, lingerMs: 5_000 });
    const { streams, store, publish, time } = around;
    const { source } = await streams.open(A, new Sink(), undefined);
    const { promise, open } = gate();
    store.gate = promise;
    store.loses = ({ offset }) => offset === 2;
    if (how === 'failed') {
      store.answersInstead = () => promise.then(() => ({ kind: 'unrecoverable' }));
    }
    for (let count = 0; count < 5; count++) await publish(A, 1_000);
    const { retainedBytes } = streams;
    assert.ok(retainedBytes > 4_000, 'three of them wait');
    if (how === 'lost its stream') source.close();
    await end({ around, open });
    await settled();
    pull(source);
    source.close();
    if (how !== 'lost its stream') time.advance(6_000);
    assert.equal(streams.retainedBytes, 0);
  });
}

interface Repairing {
  readonly around: ReturnType<typeof rig>;
  readonly open: () => void;
}

for (const isAnswered of [true, false]) {
  test(`[S4] what came while a stream was opened is its ring's or nobody's: ${isAnswered ? 'answered' : 'failed'}`, async () => {
    const { streams, store, publish, time } = rig({ lingerMs: 60_000 });
    const { promise, open } = gate();
    store.gate = promise;
    const opening = streams.open(A, new Sink(), undefined);
    opening.catch(() => {});
    await settled();
    for (let count = 0; count < 1_100; count++) await publish(A, 100);
    assert.ok(streams.retainedBytes > 300_000, 'and it is counted meanwhile');
    if (!isAnswered) store.failure = new Error('down');
    open();
    await settled();
    if (isAnswered) (await opening).source.close();
    time.advance(70_000);
    assert.equal(streams.retainedBytes, 0);
  });
}

test('[S9] of what comes while a stream is opened no more waits than its ring holds, and the newest in any case', async () => {
  const { streams, store, publish } = rig({ liveRingBytes: () => 20_000 });
  const { promise, open } = gate();
  store.gate = promise;
  const opening = streams.open(A, new Sink(), undefined);
  for (let count = 0; count < 100; count++) {
    await publish(A, 1_000);
    assert.ok(streams.retainedBytes <= 20_000, `${streams.retainedBytes}`);
  }
  await publish(A, 50_000);
  assert.ok(streams.retainedBytes > 50_000 && streams.retainedBytes < 60_000);
  open();
  const { source, cursor } = await opening;
  assert.match(cursor ?? '', /:101$/);
  await publish(A);
  assert.deepEqual(pull(source), [102]);
});

test('[P1] a reader by a pattern that has met its end has no places any more, though nobody has pulled that end', async () => {
  const { streams, store, publish, time } = rig();
  const { source } = await streams.openPattern(ANY, new Sink(), undefined);
  for (const name of ['a', 'b', 'c']) await publish(`/topic/${name}`);
  time.advance(0);
  assert.equal(streams.releaseLingering(Infinity), 0, 'it has to pull them');
  store.loses = ({ publication, offset }) => publication.destination === A && offset === 2;
  await publish(A);
  await publish(A);
  await settled();
  time.advance(0);
  assert.ok(streams.releaseLingering(Infinity) > 0);
  assert.deepEqual([streams.heldCount, streams.retainedBytes], [0, 0]);
  assert.deepEqual(pull(source), ['stream/interrupted']);
});

test('a stream that is let go leaves none of its encodings behind, neither live ones nor pages', async () => {
  const { streams, publish, time, store } = rig({ historySize: 100, liveRingBytes: () => 5_000 });
  const { source } = await streams.open(A, new Sink(), undefined);
  for (let count = 0; count < 20; count++) await publish(A, 1_000);
  time.advance(0);
  const { epoch } = store.inner.follow(A);
  const late = await streams.open(A, new Sink(), `${epoch}:0`);
  await publish(A, 1_000);
  time.advance(0);
  for (const reader of [source, late.source]) {
    for (
      let next = reader.pull(65_536);
      next?.kind === 'publications';
      next = reader.pull(65_536)
    ) {
      next.batch.encodedAs('dialect', ({ publications }) => {
        return new SharedBatch(publications.map(({ body }) => new SharedMessage(body, false)));
      });
    }
  }
  for (const reader of [source, late.source]) reader.close();
  const { lingeringBytes, retainedBytes } = streams;
  assert.ok(retainedBytes > lingeringBytes + 10_000);
  assert.ok(streams.releaseLingering(Infinity) > 0);
  assert.equal(streams.retainedBytes, 0);
});

test('of live encodings a stream keeps the one that its readers share now', async () => {
  const { streams, publish, time } = rig({ liveRingBytes: () => 1_000 });
  const { source } = await streams.open(A, new Sink(), undefined);
  const sizes: number[] = [];
  for (let count = 0; count < 5; count++) {
    await publish(A, 100_000);
    time.advance(0);
    const delivery = source.pull(65_536);
    assert.ok(delivery?.kind === 'publications');
    delivery.batch.encodedAs('dialect', ({ publications }) => {
      return new SharedBatch(publications.map(({ body }) => new SharedMessage(body, false)));
    });
    sizes.push(streams.retainedBytes);
  }
  assert.equal(new Set(sizes).size, 1, sizes.join());
});

test('[P1] when all readers by patterns have as many places as there may be, one that is far behind has overflowed', () => {
  const time = new VirtualTime();
  const tally = new RetainedTally();
  const deadlines = new DeadlineWheel(time, 1_000);
  const turns = new TurnBudget(time);
  const environment = { tally, keeper: new KeptBatches(deadlines, tally, 1_000_000) };
  const pages = new HistoryPages(new Held(time), NO_METRICS, turns, deadlines, tally);
  const readerOf = (): PatternReader => {
    const made = new PatternReader(pages, tally, new Sink(), () => {});
    made.begin(1);
    return made;
  };
  const [reader, other] = [readerOf(), readerOf()];
  const stream = (index: number): Stream => {
    const destination = `/topic/${index}`;
    const made = new Stream(destination, { epoch: 'e', offset: 0 }, 1_000_000, 1, environment);
    const fields = { destination, epoch: 'e', offset: 1, publishedAtMs: 0 };
    const publication = new Publication(Message.fromJson(index), fields);
    made.accept({ publication, epoch: 'e', offset: 1, previousOffset: 0 }, 1);
    return made;
  };
  const behindIn = (each: PatternReader, count: number): void => {
    for (let index = 0; index < count; index++) {
      stream(index).tell([{ readers: new Set([each]) }], Infinity, turns);
    }
  };
  behindIn(reader, 512);
  assert.equal(tally.places.total, 256);
  tally.places.add('others', 524_288 - 256);
  behindIn(reader, 1);
  assert.equal(tally.places.total, 524_288 - 256, 'it has ended, and its places are free');
  assert.deepEqual(pull(reader), ['session/slow-consumer']);
  tally.places.add('others', 256);
  behindIn(other, 256);
  assert.equal(pull(other).length, 256, 'who is behind in few goes on');
});
