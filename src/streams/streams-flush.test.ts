/** Proves that telling readers has a budget of work, and that whoever comes, goes, publishes or fails meanwhile misses nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8, MemoryMetrics, TurnBudget } from '../foundation/index.js';
import { DestinationPattern, Message } from '../message/index.js';
import type { DeliverySource } from '../session/index.js';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { MemoryStreamStore, Streams } from './index.js';
import { A, Held, pull, settled } from './streams-rig.test.js';

const RETENTION = { historySize: 0, historyTtlMs: Infinity };
const APPEND = { key: undefined, messageId: undefined, retention: RETENTION };

/** Turns that a test runs by hand, in which telling one reader takes a tenth of a millisecond. */
class Loop extends VirtualTime {
  #monotonicMs = 0;
  #turns: (() => void)[] = [];
  readonly #own = new VirtualTime();

  override monotonicMs(): number {
    return this.#monotonicMs;
  }

  override after(delayMs: number, callback: () => void): () => void {
    return this.#own.after(delayMs, callback);
  }

  override afterTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  work(durationMs: number): void {
    this.#monotonicMs += durationMs;
  }

  get isIdle(): boolean {
    return this.#turns.length === 0;
  }

  async turn(): Promise<void> {
    const due = this.#turns;
    this.#turns = [];
    for (const callback of due) {
      callback();
      await settled();
    }
  }

  async untilIdle(): Promise<number> {
    let count = 0;
    for (; !this.isIdle; count++) {
      assert.ok(count < 10_000, 'the loop never rests');
      await this.turn();
    }
    return count;
  }
}

function rig(liveRingBytes?: number) {
  const time = new Loop();
  const metrics = new MemoryMetrics();
  const store = new MemoryStreamStore(time, new SeededRandom(3));
  const turns = new TurnBudget(time);
  const streams = new Streams(store, time, metrics, {
    turns,
    ...(liveRingBytes !== undefined && { liveRingBytes: () => liveRingBytes }),
  });
  const publish = (text: string, destination: string = A): Promise<unknown> =>
    streams.publish(destination, new Message(encodeUtf8(text), 'text/plain'), APPEND);
  return { time, metrics, store, streams, turns, publish };
}

/** Reads at once when it is told, and takes its time. */
class Reader {
  readonly read: (string | number)[] = [];
  source: DeliverySource | undefined;
  toldCount = 0;
  onReady: () => void = () => {};
  /** What it takes to tell it. */
  costMs = 0.1;
  readonly #time: Loop;

  constructor(time: Loop) {
    this.#time = time;
  }

  ready(): void {
    this.toldCount += 1;
    this.#time.work(this.costMs);
    this.onReady();
    if (this.source !== undefined) this.read.push(...pull(this.source));
  }
}

async function open(around: ReturnType<typeof rig>, count: number, destination: string = A) {
  const readers = Array.from({ length: count }, () => new Reader(around.time));
  for (const reader of readers) {
    reader.source = (await around.streams.open(destination, reader, undefined)).source;
  }
  return readers;
}

const upTo = (count: number, from: number = 1): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

test('[O2] a fan-out that fits into a turn is told in one go', async () => {
  const around = rig();
  const readers = await open(around, 40);
  await around.publish('x');
  await around.time.turn();
  assert.ok(readers.every(({ read }) => read.length === 1));
});

test('[O2] a fan-out that is larger than a turn goes on in the next ones, and in no turn does more than fits', async () => {
  const around = rig();
  const readers = await open(around, 1_000);
  await around.publish('x');
  let toldBefore = 0;
  let turnCount = 0;
  for (; !around.time.isIdle; turnCount++) {
    await around.time.turn();
    const told = readers.filter(({ read }) => read.length > 0).length;
    assert.ok(told - toldBefore <= 80, `${told - toldBefore} in one turn`);
    toldBefore = told;
  }
  assert.ok(turnCount > 10);
  assert.ok(readers.every(({ read, toldCount }) => read.length === 1 && toldCount === 1));
});

test('[O2] streams are told in turns: a large one does not make a small one wait', async () => {
  const around = rig();
  const large = await open(around, 2_000, '/topic/large');
  const small = await open(around, 1, '/topic/small');
  await around.publish('x', '/topic/large');
  await around.publish('x', '/topic/small');
  for (let turn = 0; turn < 4; turn++) await around.time.turn();
  assert.deepEqual(small[0]?.read, [1]);
  assert.ok(
    large.some(({ read }) => read.length === 0),
    'the large one is not done yet',
  );
  await around.time.untilIdle();
  assert.ok(large.every(({ read }) => read.length === 1));
});

test('[O2] so it does where the turn has room for both: a slice of the large one comes first', async () => {
  const around = rig();
  const large = await open(around, 2_000, '/topic/large');
  const [small] = await open(around, 1, '/topic/small');
  for (const reader of [...large, small!]) reader.costMs = 0;
  const toldCount = (): number => large.filter((reader) => reader.toldCount > 0).length;
  let toldBefore: number | undefined;
  small!.onReady = () => (toldBefore = toldCount());
  await around.publish('x', '/topic/large');
  await around.publish('x', '/topic/small');
  await around.time.untilIdle();
  assert.ok(toldBefore !== undefined && toldBefore <= 80, `${toldBefore} were told before it`);
  assert.equal(toldCount(), 2_000);
});

test('[O1] who comes, goes and publishes while a fan-out is under way: each has what he is owed, in order', async () => {
  const around = rig();
  const readers = await open(around, 300);
  await around.publish('1');
  await around.time.turn();
  await around.time.turn();
  const told = readers.filter(({ read }) => read.length > 0).length;
  assert.ok(told > 0 && told < 200, `${told}`);
  const leaving = readers.slice(250);
  for (const reader of leaving) {
    reader.source?.close();
    reader.source = undefined;
  }
  await around.publish('2');
  const late = await open(around, 50);
  await around.publish('3');
  await around.time.turn();
  await around.publish('4');
  await around.time.untilIdle();
  for (const { read } of readers.slice(0, 250)) assert.deepEqual(read, [1, 2, 3, 4]);
  for (const { read } of leaving) assert.deepEqual(read, []);
  for (const { read } of late) assert.deepEqual(read, [3, 4]);
});

test('[O1] what a reader publishes while it is told interrupts nobody, and comes in order', async () => {
  const around = rig(1_000);
  const readers = await open(around, 20);
  let publishedCount = 1;
  for (const reader of readers) {
    reader.onReady = () => {
      if (publishedCount >= 60) return;
      publishedCount += 1;
      void around.publish(`${publishedCount}`);
    };
  }
  void around.publish('1');
  await around.time.untilIdle();
  for (const { read } of readers) assert.deepEqual(read, upTo(60));
  assert.equal(around.metrics.value('streams_interrupted'), 0);
});

test('[P1] a burst larger than the ring overflows nobody: publishers wait until the readers were told', async () => {
  const around = rig(2_000);
  const readers = await open(around, 100);
  const texts = upTo(200).map(String);
  let appendedCount = 0;
  const published = Promise.all(
    texts.map(async (text) => {
      await around.publish(text);
      appendedCount += 1;
    }),
  );
  await settled();
  assert.ok(appendedCount < 20, `${appendedCount} appended before anybody was told`);
  assert.ok(around.streams.retainedBytes < 150_000, 'and what waits is counted');
  await around.time.untilIdle();
  await published;
  for (const { read } of readers) assert.deepEqual(read, upTo(200));
  assert.equal(around.metrics.value('streams_interrupted'), 0);
});

/** A reader whose session has no room in the turns in which it is told: it is due, and pulls when it is let. */
class DueReader extends Reader {
  isDue = false;
  readonly #turns: TurnBudget;

  constructor(around: ReturnType<typeof rig>) {
    super(around.time);
    this.#turns = around.turns;
  }

  override ready(): void {
    if (!this.isDue) this.#turns.pendingDeliveryCount += 1;
    this.isDue = true;
  }

  pullNow(): void {
    if (this.isDue) this.#turns.pendingDeliveryCount -= 1;
    this.isDue = false;
    if (this.source !== undefined) this.read.push(...pull(this.source));
  }
}

async function openDue(around: ReturnType<typeof rig>, how: 'exact' | 'pattern') {
  const reader = new DueReader(around);
  const opened =
    how === 'exact'
      ? around.streams.open(A, reader, undefined)
      : around.streams.openPattern(DestinationPattern.parse('/*/a'), reader, undefined);
  reader.source = (await opened).source;
  return reader;
}

for (const how of ['exact', 'pattern'] as const) {
  test(`[O2] what a session had no room to pull waits for it in the ring, and publishers to a full one do (${how})`, async () => {
    const around = rig(2_000);
    const reader = await openDue(around, how);
    let appendedCount = 0;
    for (const text of upTo(100))
      void around.publish(String(text)).then(() => (appendedCount += 1));
    for (let turn = 0; turn < 1_000 && !around.time.isIdle; turn++) {
      await around.time.turn();
      assert.ok(appendedCount - reader.read.length < 20, 'no more than the ring holds, about');
      if (turn % 20 === 19) reader.pullNow();
    }
    reader.pullNow();
    assert.deepEqual(reader.read, upTo(100));
  });

  test(`[O2] it makes nobody else wait: not for what is published next, nor on other streams (${how})`, async () => {
    const around = rig(20_000);
    const due = await openDue(around, how);
    const [other] = await open(around, 1);
    const [elsewhere] = await open(around, 1, '/topic/elsewhere');
    for (let count = 1; count <= 10; count++) {
      await around.publish(String(count));
      await around.publish(String(count), '/topic/elsewhere');
      await around.time.turn();
      assert.deepEqual(other!.read, upTo(count));
      assert.deepEqual(elsewhere!.read, upTo(count));
    }
    due.pullNow();
    assert.deepEqual(due.read, upTo(10));
  });

  test(`[O2] a ring waits for it for some turns, not for ever (${how})`, async () => {
    const around = rig(2_000);
    const due = await openDue(around, how);
    const [other] = await open(around, 1);
    const published = Promise.all(upTo(100).map((text) => around.publish(String(text))));
    await around.time.untilIdle();
    await published;
    assert.deepEqual(other!.read, upTo(100));
    due.pullNow();
    assert.deepEqual(due.read, ['session/slow-consumer']);
    due.source?.close();
    await around.time.untilIdle();
    assert.ok(around.streams.retainedBytes < 10_000);
  });
}

test('[O2] a reader that leaves while it is due is waited for no longer', async () => {
  const around = rig(2_000);
  const due = await openDue(around, 'exact');
  const published = Promise.all(upTo(100).map((text) => around.publish(String(text))));
  await around.time.turn();
  due.source?.close();
  due.source = undefined;
  due.pullNow();
  const turnCount = await around.time.untilIdle();
  await published;
  assert.ok(turnCount < 30, `${turnCount} turns`);
});

test('[P1] the ring does not wait for ever for a session that never has room: publishers go on without it', async () => {
  const around = rig(2_000);
  const [reader] = await open(around, 1);
  const { turns } = around;
  reader!.onReady = () => turns.later(() => {}, 'prompt');
  turns.pendingDeliveryCount += 1;
  const published = Promise.all(upTo(100).map((text) => around.publish(String(text))));
  // Of each round some turns: the ring holds a few publications.
  for (let turn = 0; turn < 100 * 40 && !around.time.isIdle; turn++) await around.time.turn();
  assert.ok(around.time.isIdle);
  await published;
  assert.deepEqual(reader!.read, upTo(100));
});

test('[B1] publications that waited for the readers are appended in turns', async () => {
  const around = rig(500_000);
  await open(around, 1);
  const { store, time } = around;
  let appendedCount = 0;
  const append = store.append.bind(store);
  store.append = (...given) => {
    appendedCount += 1;
    time.work(1);
    return append(...given);
  };
  const published = [around.publish('x'.repeat(600_000))];
  for (const text of upTo(200)) published.push(around.publish(String(text)));
  assert.equal(appendedCount, 1, 'the others wait');
  for (let before = 1; !time.isIdle; before = appendedCount) {
    await time.turn();
    assert.ok(appendedCount - before <= 32, `${appendedCount - before} of 1 ms in one turn`);
  }
  await Promise.all(published);
  assert.equal(appendedCount, 201);
});

test('a reader that throws when it is told harms no other', async () => {
  const around = rig();
  const readers = await open(around, 5);
  readers[1]!.onReady = () => {
    throw new Error('a sink of a foreign mount');
  };
  await around.publish('1');
  await around.publish('2');
  await around.time.untilIdle();
  assert.deepEqual(
    readers.map(({ read }) => read.length),
    [2, 0, 2, 2, 2],
  );
  assert.equal(around.metrics.value('readers_failed'), 1);
});

test('readers that all leave while others wait to publish make nobody wait for ever', async () => {
  const around = rig(1_000);
  const readers = await open(around, 3);
  const published = Promise.all(upTo(50).map((text) => around.publish(String(text))));
  for (const { source } of readers) source?.close();
  await around.time.untilIdle();
  await published;
});

test('[S3] an interruption between two slices is told before what the next stream of that name has', async () => {
  const time = new Loop();
  const store = new Held(time);
  const turns = new TurnBudget(time);
  const streams = new Streams(store, time, new MemoryMetrics(), { turns });
  const publish = (text: string): Promise<unknown> =>
    streams.publish(A, new Message(encodeUtf8(text), 'text/plain'), APPEND);
  const reader = new Reader(time);
  // Somebody's work waits, so the round is not over when all were told.
  reader.onReady = () => turns.later(() => {}, 'prompt');
  const pattern = DestinationPattern.parse('/topic/*');
  reader.source = (await streams.openPattern(pattern, reader, undefined)).source;
  await publish('1');
  await time.turn();
  assert.deepEqual(reader.read, [1]);
  store.loses = ({ offset }) => offset === 2;
  store.answersInstead = () => Promise.resolve({ kind: 'unrecoverable' });
  for (const text of ['2', '3']) await publish(text);
  await settled();
  await publish('4');
  await time.untilIdle();
  assert.deepEqual(reader.read.slice(0, 2), [1, 'stream/interrupted']);
});
