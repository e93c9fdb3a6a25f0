/** Proves the memory store: the contract of all stores, and its own bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8, RequestError } from '../foundation/index.js';
import { Message } from '../message/index.js';
import { fullStoreCase, SeededRandom, streamStoreContract, VirtualTime } from '../testing/index.js';
import { MemoryStreamStore, type AppendOptions, type MemoryStreamStoreOptions } from './index.js';

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
  time.advance(1_000);
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, true);
  time.advance(1);
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, false);
  await append('/topic/a', { messageId: 'm2' });
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, true);
  await append('/topic/a', { messageId: 'm3' });
  assert.equal((await append('/topic/a', { messageId: 'm1' })).isDuplicate, false);
});

test('[S2] a full store forgets only streams that are idle: not followed, no history, no message id', async () => {
  const { time, store, append } = rig({
    maxStreamCount: 4,
    idleStreamTtlMs: 100,
    messageIdWindowMs: 10_000,
  });
  const none = { historySize: 0, historyTtlMs: Infinity };
  const first = await append('/topic/idle', { retention: none });
  const followed = store.follow('/topic/followed');
  const kept = await append('/topic/kept');
  const once = { retention: none, messageId: 'once' };
  await append('/topic/once', once);
  time.advance(5_000);
  await append('/topic/new', { retention: none });
  await assert.rejects(append('/topic/other', { retention: none }), isUnavailable);
  assert.deepEqual(store.follow('/topic/followed'), followed);
  assert.equal((await append('/topic/kept')).position.epoch, kept.position.epoch);
  assert.equal((await append('/topic/once', once)).isDuplicate, true);
  time.advance(20_000);
  const again = await append('/topic/idle', { retention: none });
  assert.notEqual(
    again.position.epoch,
    first.position.epoch,
    'a stream born again has a new epoch',
  );
  assert.equal(again.position.offset, 1);
});
