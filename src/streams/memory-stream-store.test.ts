/** Proves the memory store: the contract of all stores, and its own bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeUtf8,
  MemoryMetrics,
  RequestError,
  RetainedBudget,
  type Owner,
} from '../foundation/index.js';
import { Message, type StreamPosition } from '../message/index.js';
import { fullStoreCase, SeededRandom, streamStoreContract, VirtualTime } from '../testing/index.js';
import { MemoryStreamStore, type AppendOptions, type MemoryStreamStoreOptions } from './index.js';
import { RememberedIds } from './remembered-ids.js';

const makeStore = (options?: MemoryStreamStoreOptions) => ({
  store: new MemoryStreamStore(new VirtualTime(1), new SeededRandom(1), options),
});

for (const { name, run } of [
  ...streamStoreContract(makeStore),
  fullStoreCase(() => makeStore({ maxStreamCount: 3 }), 3),
]) {
  test(`memory store: ${name}`, run);
}

function rig(options: MemoryStreamStoreOptions = {}) {
  const time = new VirtualTime(1_000_000);
  const store = new MemoryStreamStore(time, new SeededRandom(1), options);
  const append = async (destination: string, given: Partial<AppendOptions> = {}) =>
    store.append(destination, new Message(encodeUtf8('x'), 'text/plain'), {
      key: undefined,
      messageId: undefined,
      retention: { historySize: 10, historyTtlMs: Infinity },
      ...given,
    });
  return { time, store, append };
}

/** Somebody with a share of its own. */
const of = (id: string): Owner => ({ id, share: id });

const isUnavailable = (error: unknown): boolean =>
  error instanceof RequestError && error.code === 'stream/unavailable';

test('history ends by age too, for readers and without another append', async () => {
  const { time, store, append } = rig();
  const retention = { historySize: 10, historyTtlMs: 1_000 };
  const { position } = await append('/topic/a', { retention });
  const start = { epoch: position.epoch, offset: 0 };
  time.advance(1_000);
  assert.equal((await store.read('/topic/a', start, 1e6)).kind, 'publications');
  time.advance(1);
  assert.equal((await store.read('/topic/a', start, 1e6)).kind, 'unrecoverable');
  assert.deepEqual(await store.read('/topic/a', position, 1e6), {
    kind: 'publications',
    publications: [],
  });
});

test('[S8] a message id is forgotten after its window, or when too many came after it', async () => {
  const { time, append } = rig({ messageIdWindowMs: 1_000, maxMessageIdCount: 2 });
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, false);
  time.advance(999);
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, true);
  time.advance(1);
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, false);
  await append('/topic/a', { messageId: 'm2' });
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, true);
  await append('/topic/a', { messageId: 'm3' });
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, false);
});

test('[S8] message ids are of who gives them: nobody suppresses the message of another', async () => {
  const { append } = rig();
  const to = (id: string | undefined) =>
    append('/topic/a', { messageId: 'm', owner: id === undefined ? undefined : of(id) });
  assert.equal((await to('p:ada')).isDuplicate, false);
  assert.equal((await to('p:bob')).isDuplicate, false);
  assert.equal((await to(undefined)).isDuplicate, false);
  assert.equal((await to('p:ada')).position.offset, 1);
  assert.equal((await to('p:bob')).position.offset, 2);
  assert.equal(
    (await append('/topic/a', { messageId: 'bm', owner: of('p:a') })).isDuplicate,
    false,
  );
  assert.equal(
    (await append('/topic/a', { messageId: 'm', owner: of('p:ab') })).isDuplicate,
    false,
  );
});

test('[S2] a full store forgets what nobody follows, the least recently used first, and never what somebody does', async () => {
  const { store, append } = rig({ maxStreamCount: 4 });
  const followed = store.follow('/topic/followed');
  const [first] = [await append('/topic/first'), await append('/topic/second')];
  await append('/topic/third');
  const again = await append('/topic/first');
  assert.equal(again.position.epoch, first.position.epoch);
  await append('/topic/fourth');
  assert.equal(store.streamCount, 4);
  assert.deepEqual(store.follow('/topic/followed'), followed);
  assert.equal((await append('/topic/first')).position.offset, 3);
  assert.equal((await append('/topic/second')).position.offset, 1, 'it was forgotten');
});

test('[S2] one client cannot fill the table of streams: it has what is free, and gives of its own', async () => {
  const { store, append } = rig({ maxStreamCount: 100 });
  const follow = (id: string, name: string) => store.follow(`/topic/${id}/${name}`, of(id));
  let openedCount = 0;
  assert.throws(() => {
    for (; openedCount < 100; openedCount++) follow('s:greedy', String(openedCount));
  }, isUnavailable);
  assert.equal(openedCount, 50);
  for (let index = 0; index < 25; index++) follow('s:modest', String(index));
  // What it no longer follows makes room for it, and for it alone.
  for (let index = 0; index < 10; index++) store.unfollow(`/topic/s:greedy/${index}`);
  follow('s:greedy', 'more');
  assert.equal(store.streamCount, 75);
  await append('/topic/s:modest/0', { owner: of('s:modest') });
});

test('[S2] who has less than its part gets a place of who has most, even in a full table', () => {
  const { store } = rig({ maxStreamCount: 40 });
  for (let index = 0; index < 40; index++) store.follow(`/topic/${index}`);
  assert.throws(() => store.follow('/topic/a', of('s:late')), isUnavailable);
  for (let index = 0; index < 40; index++) store.unfollow(`/topic/${index}`);
  for (let index = 0; index < 13; index++) store.follow(`/topic/late/${index}`, of('s:late'));
  assert.equal(store.streamCount, 40);
});

test('[Q2] a crowd that takes all it can leaves places for those who come with little', () => {
  const { store } = rig({ maxStreamCount: 800 });
  for (let crowd = 0; crowd < 40; crowd++) {
    try {
      for (let index = 0; index < 100; index++) {
        store.follow(`/topic/${crowd}/${index}`, of(`s:${crowd}`));
      }
    } catch (error) {
      assert.ok(isUnavailable(error));
    }
  }
  for (let late = 0; late < 50; late++) store.follow(`/topic/late/${late}`, of(`late${late}`));
  assert.ok(store.streamCount <= 800);
});

const BIG = 10_000;

function budgetRig(maxRetainedBytes: number, options: MemoryStreamStoreOptions = {}) {
  const time = new VirtualTime(1_000_000);
  const metrics = new MemoryMetrics();
  const budget = new RetainedBudget(maxRetainedBytes, metrics);
  const store = new MemoryStreamStore(time, new SeededRandom(1), options, budget);
  const append = async (destination: string, given: Partial<AppendOptions> = {}, size = BIG) =>
    store.append(destination, new Message(new Uint8Array(size), 'application/json'), {
      key: undefined,
      messageId: undefined,
      retention: { historySize: 100, historyTtlMs: Infinity },
      ...given,
    });
  const historyOf = async (destination: string, epoch: string): Promise<string> =>
    (await store.read(destination, { epoch, offset: 0 }, 1)).kind;
  return { time, metrics, budget, store, append, historyOf };
}

test('a history is bounded in octets too', async () => {
  const { append, budget, store } = budgetRig(1_000_000);
  const retention = { historySize: 100, historyTtlMs: Infinity, historyBytes: 35_000 };
  store.follow('/topic/a');
  const before = budget.bytes;
  let last: StreamPosition = { epoch: '', offset: 0 };
  for (let index = 0; index < 20; index++) {
    last = (await append('/topic/a', { retention })).position;
  }
  assert.ok(budget.bytes - before <= 35_000 && budget.bytes - before > 25_000);
  const part = await store.read('/topic/a', { ...last, offset: 17 }, 1e6);
  assert.equal(part.kind === 'publications' && part.publications.length, 3);
  await append('/topic/a', { retention }, 40_000);
  assert.equal(budget.bytes, before, 'one that is larger than all is not kept');
});

test('a full budget takes histories that nobody follows, the least recently used first, and says so to who comes back', async () => {
  const { append, budget, metrics, store, historyOf } = budgetRig(100_000);
  const epochs = new Map<string, string>();
  for (let index = 0; index < 30; index++) {
    const destination = `/topic/${index}`;
    epochs.set(destination, (await append(destination)).position.epoch);
    if (index === 0) store.follow(destination);
    assert.ok(budget.bytes <= 100_000);
  }
  assert.equal(await historyOf('/topic/0', epochs.get('/topic/0')!), 'publications', 'followed');
  assert.equal(await historyOf('/topic/1', epochs.get('/topic/1')!), 'unrecoverable');
  assert.equal(await historyOf('/topic/29', epochs.get('/topic/29')!), 'publications');
  assert.notEqual(store.follow('/topic/1').epoch, epochs.get('/topic/1'), 'its epoch has ended');
  assert.ok(metrics.value('retained_evictions', { stage: 'history' }) > 10);
  assert.ok(metrics.value('retained_bytes') > 50_000);
});

test('an owner beyond its share lets go of its own, then is refused; one below it always gets room', async () => {
  const { append, budget, store, metrics } = budgetRig(200_000);
  const greedy = { owner: of('s:greedy') };
  let keptCount = 0;
  const fill = async (): Promise<void> => {
    for (; keptCount < 100; keptCount++) {
      store.follow(`/topic/g${keptCount}`, of('s:greedy'));
      await append(`/topic/g${keptCount}`, greedy);
    }
  };
  await assert.rejects(fill(), isUnavailable);
  assert.ok(budget.bytesOf('s:greedy') <= 100_000);
  assert.equal(metrics.value('limit_reached', { limit: 'maxRetainedBytes' }), 1);
  for (let index = 0; index < 4; index++) await append('/topic/m', { owner: of('s:modest') });
  await assert.rejects(append('/topic/other', greedy), isUnavailable);
  await append('/topic/new', { owner: of('s:newcomer') });
  store.unfollow('/topic/g0');
  const others = budget.bytes - budget.bytesOf('s:greedy');
  await append('/topic/other', greedy).catch(() => {});
  assert.equal(budget.bytes - budget.bytesOf('s:greedy'), others, 'it took nothing of others');
});

test('where all is followed, who is below its share gets the oldest of who has most', async () => {
  const { append, budget, store } = budgetRig(100_000);
  store.follow('/topic/server');
  for (let index = 0; index < 9; index++) await append('/topic/server');
  store.follow('/topic/late', of('s:late'));
  for (let index = 0; index < 3; index++) await append('/topic/late', { owner: of('s:late') });
  assert.ok(budget.bytesOf('s:late') > 3 * BIG && budget.bytes <= 100_000);
});

test('[Q1] owners of one share are charged together, for streams, publications and message ids', async () => {
  const { append, budget, store } = budgetRig(300_000, { maxStreamCount: 8 });
  const member = (index: number): Owner => ({ id: `m${index}`, share: 'all' });
  const retention = { historySize: 10, historyTtlMs: Infinity };
  for (let index = 0; index < 4; index++) {
    const options = { owner: member(index), messageId: 'm', retention };
    assert.equal((await append('/topic/one', options)).isDuplicate, false);
    store.follow(index === 0 ? '/topic/one' : `/topic/${index}`, member(index));
    assert.equal(budget.bytesOf('all'), budget.bytes);
  }
  assert.throws(() => store.follow('/topic/more', member(4)), isUnavailable);
  store.follow('/topic/other', of('other'));
  store.unfollow('/topic/1');
  store.follow('/topic/more', member(4));
  assert.equal(store.streamCount, 5, 'it has given one that another of them had left');
  // Above its half there is nothing, whoever of them asks.
  const fill = async (): Promise<void> => {
    for (let index = 0; index < 100; index++) {
      await append('/topic/one', {
        owner: member(index),
        retention: { ...retention, historySize: 100 },
      });
    }
  };
  await assert.rejects(fill(), isUnavailable);
  assert.ok(budget.bytesOf('all') > 120_000 && budget.bytesOf('all') <= 150_000);
  store.close();
  assert.deepEqual([budget.bytesOf('all'), budget.bytes], [0, 0]);
});

test('a history that is full asks for no more room than it has', async () => {
  const { append, budget, store } = budgetRig(100_000);
  const retention = { historySize: 4, historyTtlMs: Infinity };
  store.follow('/topic/a', of('s:one'));
  for (let index = 0; index < 100; index++) {
    await append('/topic/a', { owner: of('s:one'), retention });
  }
  assert.ok(budget.bytesOf('s:one') < 5 * (BIG + 1_000));
});

test('what is over is let go of though nobody touches it: history by age, message ids', async () => {
  const { append, budget, time, store } = budgetRig(1e9);
  const retention = { historySize: 100, historyTtlMs: 10_000 };
  for (let index = 0; index < 50; index++) await append(`/topic/${index}`, { retention });
  for (let index = 0; index < 50; index++) {
    await append('/topic/ids', {
      messageId: String(index),
      retention: { ...retention, historySize: 0 },
    });
  }
  const full = budget.bytes;
  assert.ok(full > 50 * BIG);
  time.advance(12_000);
  assert.ok(budget.bytes < full - 50 * BIG);
  time.advance(300_000);
  const streamBytes = budget.bytes;
  assert.ok(streamBytes < 51 * 1_000, String(streamBytes));
  assert.equal(time.pendingTimerCount, 0);
  store.close();
  assert.equal(budget.bytes, 0);
});

test('one look for what is over ends, however much there is, and goes on in the next', async () => {
  const { append, budget, time, store } = budgetRig(1e9);
  const retention = { historySize: 10_000, historyTtlMs: 1_000 };
  for (let index = 0; index < 9_000; index++) await append('/topic/a', { retention }, 1);
  const { epoch, offset } = store.follow('/topic/a');
  time.advance(2_000);
  const left = budget.bytes;
  assert.ok(left > 3_000 * 600 && left < 6_000 * 700, String(left));
  const start = { epoch, offset: offset - 5 };
  assert.equal((await store.read('/topic/a', start, 1)).kind, 'unrecoverable', 'over all the same');
  time.advance(3_000);
  assert.ok(budget.bytes < 1_000);
});

test('message ids that are over cost their owner nothing, and are forgotten a bounded part at a time', () => {
  let chargedBytes = 0;
  const ids = new RememberedIds((_, bytes) => (chargedBytes += bytes));
  const bounds = { overAtMs: 0, maxCount: 10_000 };
  for (let index = 0; index < 1_000; index++) ids.remember(of('a'), `${index}`, index, 1, bounds);
  assert.ok(chargedBytes > 300_000);
  const over = { overAtMs: 1, maxCount: 10_000 };
  assert.equal(ids.offsetOf(of('a'), '999', over), undefined, 'over, though not forgotten yet');
  assert.equal(ids.count, 1_000 - 256);
  for (let part = 0; part < 3; part++) assert.ok(ids.forget(over) <= 256);
  assert.deepEqual([ids.count, chargedBytes], [0, 0]);
});

/** A store with a budget, and appends of so many octets that keep a history of so many. */
function budgeted(maxRetainedBytes: number) {
  const time = new VirtualTime(1_000_000);
  const budget = new RetainedBudget(maxRetainedBytes);
  const store = new MemoryStreamStore(time, new SeededRandom(1), {}, budget);
  const append = (destination: string, share: string, bytes: number, historySize: number) =>
    store.append(destination, new Message(new Uint8Array(bytes), 'x/y'), {
      key: undefined,
      messageId: undefined,
      owner: of(share),
      retention: { historySize, historyTtlMs: Infinity },
    });
  return { time, budget, store, append };
}

test('what is published to never goes for its own publication', async () => {
  const { store, append } = budgeted(100_000);
  const { position } = await append('/topic/a', 'a', 10_000, 100);
  let refusedCount = 0;
  for (let count = 0; count < 10; count++) {
    await append('/topic/a', 'a', 10_000, 100).catch(() => (refusedCount += 1));
  }
  assert.ok(refusedCount > 0);
  assert.equal(store.streamCount, 1);
  const part = await store.read('/topic/a', { epoch: position.epoch, offset: 0 }, 1e6);
  assert.ok(part.kind === 'publications');
  assert.equal(part.publications.length, 11 - refusedCount);
});

test('one publication makes a bounded number of others go, however much room it asks for', async () => {
  const streams = budgeted(1_000_000);
  for (let index = 0; index < 900; index++) await streams.append(`/topic/${index}`, 'a', 1, 0);
  await streams.append('/topic/large', 'a', 450_000, 1).catch(() => {});
  assert.ok(streams.store.streamCount >= 900 - 8 * 32, `${streams.store.streamCount} are left`);
  assert.ok(streams.store.streamCount < 901, 'some went');
});

test('a store that is closed looks for nothing any more', async () => {
  const { time, store, append } = rig();
  await append('/topic/a', { retention: { historySize: 1, historyTtlMs: 1_000 } });
  assert.equal(time.pendingTimerCount, 1);
  store.close();
  assert.equal(time.pendingTimerCount, 0);
});
