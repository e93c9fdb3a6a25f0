/** Proves what stores that lose, fail, hang or lie cost: the readers of their own stream at most, and never the loop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeUtf8 } from '../foundation/index.js';
import { DestinationPattern, Message, Publication } from '../message/index.js';
import { streamStoreContract } from '../testing/index.js';
import type { Appended } from './index.js';
import { A, gate, pull, rig, settled, Sink } from './streams-rig.test.js';

const ANY = DestinationPattern.parse('/topic/*');

/** A publication that was never appended. */
function of(offset: number): Publication {
  const fields = { destination: A, epoch: 'e', offset, publishedAtMs: 0 };
  return new Publication(Message.fromJson('other'), fields);
}

test('[S3] a gap is read from the store, once for all readers, and nobody notices', async () => {
  const { streams, publish, time, store, metrics } = rig({ historySize: 10 });
  const exact = [
    await streams.open(A, new Sink(), undefined),
    await streams.open(A, new Sink(), undefined),
  ];
  const pattern = await streams.openPattern(ANY, new Sink(), undefined);
  store.loses = ({ offset }) => offset === 2 || offset === 3;
  for (let count = 0; count < 4; count++) await publish();
  await settled();
  time.advance(0);
  for (const { source } of [...exact, pattern]) assert.deepEqual(pull(source), [1, 2, 3, 4]);
  assert.deepEqual(store.reads, [1]);
  await publish();
  assert.deepEqual(pull(exact[0]!.source), [5]);
  const counted = ['stream_gaps', 'stream_gaps_repaired', 'streams_interrupted'];
  assert.deepEqual(
    counted.map((name) => metrics.value(name)),
    [1, 1, 0],
  );
  time.advance(60_000);
});

test('[S3] what comes while a gap is read waits, in its order, and a second gap behind it is read too', async () => {
  const { streams, publish, store, metrics } = rig({ historySize: 10 });
  const { source } = await streams.open(A, new Sink(), undefined);
  const { promise, open } = gate();
  store.gate = promise;
  store.loses = ({ offset }) => offset === 2 || offset === 5;
  for (let count = 0; count < 6; count++) await publish();
  assert.deepEqual(pull(source), [1]);
  open();
  await settled();
  await settled();
  assert.deepEqual(pull(source), [2, 3, 4, 5, 6]);
  assert.equal(metrics.value('stream_gaps_repaired'), 2);
});

test('[S3] more than the bound that waits for a repair, and a store that takes too long, interrupt', async () => {
  for (const isLate of [true, false]) {
    const { streams, publish, time, store } = rig({ historySize: 5_000 });
    const { source } = await streams.open(A, new Sink(), undefined);
    store.answersInstead = () => new Promise(() => {});
    store.loses = ({ offset }) => offset === 1;
    await publish();
    await publish();
    assert.deepEqual(pull(source), []);
    if (isLate) time.advance(11_000);
    else for (let count = 0; count < 1_024; count++) await publish();
    assert.deepEqual(pull(source), ['stream/interrupted']);
  }
});

test('[S3] more octets than the ring holds that wait for a repair interrupt', async () => {
  const { streams, publish, store } = rig({ historySize: 100, liveRingBytes: () => 20_000 });
  const { source } = await streams.open(A, new Sink(), undefined);
  store.answersInstead = () => new Promise(() => {});
  store.loses = ({ offset }) => offset === 1;
  await publish(A, 1);
  for (let count = 0; count < 10; count++) await publish(A, 1_000);
  assert.deepEqual(pull(source), [], 'they wait');
  for (let count = 0; count < 10; count++) await publish(A, 1_000);
  assert.deepEqual(pull(source), ['stream/interrupted']);
});

test('[S3] a gap larger than the ring interrupts, as do a store that fails, lies or answers nothing', async () => {
  const answers = [
    undefined,
    () => Promise.reject(new Error('down')),
    () => Promise.resolve({ kind: 'publications' as const, publications: [] }),
    () => Promise.resolve({ kind: 'publications' as const, publications: [of(99)] }),
    () => {
      throw new Error('at once');
    },
  ];
  for (const answer of answers) {
    const { streams, publish, store } = rig({ historySize: 1_000, liveRingBytes: () => 20_000 });
    const { source } = await streams.open(A, new Sink(), undefined);
    store.answersInstead = answer;
    store.loses = ({ offset }) => offset < 300;
    for (let count = 0; count < 300; count++) await publish();
    await settled();
    assert.deepEqual(pull(source), ['stream/interrupted'], String(answer));
    assert.ok(store.reads.length < 5);
  }
});

test('[S3] an entry under a known position: the same again is known, another is a loss', async () => {
  const { streams, publish, store, metrics } = rig();
  const { source } = await streams.open(A, new Sink(), undefined);
  await publish();
  await publish();
  const { epoch } = store.inner.follow(A);
  const first = source.pull(1);
  assert.ok(first?.kind === 'publications');
  const known = first.batch.publications[0]!;
  const say = (text: string): void => {
    const publication = new Publication(new Message(encodeUtf8(text), known.contentType), {
      destination: A,
      epoch,
      offset: 1,
      publishedAtMs: known.publishedAtMs,
    });
    store.feed({ publication, epoch, offset: 1, previousOffset: 0 });
  };
  say(known.text());
  assert.deepEqual(pull(source), [2]);
  say('an engine that was rolled back');
  assert.deepEqual(pull(source), ['stream/interrupted']);
  assert.equal(metrics.value('streams_interrupted'), 1);
});

for (const [what, publications] of [
  ['nothing', []],
  ['something else', [of(99)]],
] as const) {
  test(`[S6] a store that answers ${what} where more should be is asked once, and its readers end`, async () => {
    const { streams, publishMany, store, metrics } = rig({
      historySize: 1_000,
      liveRingBytes: () => 500,
    });
    await publishMany(200, 1_000);
    const { epoch } = store.inner.follow(A);
    const { source } = await streams.open(A, new Sink(), `${epoch}:0`);
    store.answersInstead = () => Promise.resolve({ kind: 'publications', publications });
    const readCount = store.reads.length;
    let last: string | number | undefined;
    for (let round = 0; round < 20; round++) {
      last = pull(source, 1_000).at(-1) ?? last;
      await settled();
    }
    assert.equal(last, 'stream/interrupted');
    assert.equal(store.reads.length, readCount + 1);
    assert.equal(metrics.value('store_faults', { operation: 'read' }), 1);
  });
}

test('a store that throws at once where it should answer later harms who asked, and nobody else', async () => {
  const { streams, publish, time, store, metrics } = rig({ lingerMs: 1_000 });
  const failing = (): never => {
    throw new Error('at once');
  };
  /** What an object has of its own hides what its class has. */
  const restore = (...names: string[]): void => {
    for (const name of names) Reflect.deleteProperty(store, name);
  };
  Object.assign(store, { follow: failing, followPattern: failing, append: failing });
  await assert.rejects(streams.open(A, new Sink(), undefined), /at once/);
  await assert.rejects(streams.openPattern(ANY, new Sink(), undefined), /at once/);
  await assert.rejects(publish(), /at once/);
  restore('followPattern', 'append');
  Object.assign(store, { unfollow: failing, unfollowPattern: failing });
  const pattern = await streams.openPattern(ANY, new Sink(), undefined);
  await publish();
  time.advance(0);
  assert.deepEqual(pull(pattern.source), [1], 'born though it could not be followed');
  assert.equal(metrics.value('streams_not_followed'), 1);
  time.advance(5_000);
  pattern.source.close();
  assert.equal(streams.heldCount, 0);
  restore('follow', 'unfollow', 'unfollowPattern');
  const { source } = await streams.open(A, new Sink(), undefined);
  await publish();
  assert.deepEqual(pull(source), [2]);
});

test('a store whose answers never come keeps nothing from the readers of other streams', async () => {
  const { streams, publish, time, store } = rig();
  const answers = store.follow.bind(store);
  store.follow = (destination) =>
    destination === A ? new Promise(() => {}) : answers(destination);
  void streams.open(A, new Sink(), undefined);
  for (let count = 0; count < 2_000; count++) await publish();
  const retained = streams.retainedBytes;
  await publish(A, 10_000);
  assert.ok(streams.retainedBytes < retained + 12_000, 'the latest are kept, and counted');
  const { source } = await streams.open('/topic/b', new Sink(), undefined);
  await publish('/topic/b');
  time.advance(0);
  assert.deepEqual(pull(source), [1]);
});

/** Appends that a test settles by hand. */
function waitingStore(around: ReturnType<typeof rig>) {
  const { store } = around;
  Object.assign(store, { appendsInOrder: undefined });
  const begun: string[] = [];
  const settle: { resolve: () => void; reject: (error: Error) => void }[] = [];
  store.append = (destination, message, options): Promise<Appended> => {
    begun.push(message.text());
    return new Promise((resolve, reject) => {
      settle.push({
        resolve: () => resolve(store.inner.append(destination, message, options)),
        reject,
      });
    });
  };
  return { begun, settle };
}

test('[O1] a store that waits gets the next of a destination when it has settled the one before', async () => {
  const around = rig();
  const { begun, settle } = waitingStore(around);
  const { Streams } = await import('./index.js');
  const streams = new Streams(around.store, around.time, around.metrics);
  const outcomes: string[] = [];
  const publish = (text: string, destination: string = A): void => {
    const append = { key: undefined, messageId: undefined, retention: around.retention };
    streams.publish(destination, new Message(encodeUtf8(text), 'text/plain'), append).then(
      ({ position }) => outcomes.push(`${text}: ${position.offset}`),
      (error: Error) => outcomes.push(`${text}: ${error.message}`),
    );
  };
  for (const text of ['1', '2', '3', '4']) publish(text);
  publish('elsewhere', '/topic/b');
  assert.deepEqual(begun, ['1', 'elsewhere'], 'others do not wait for it');
  settle[0]!.resolve();
  await settled();
  assert.deepEqual(begun, ['1', 'elsewhere', '2']);
  settle[2]!.reject(new Error('refused'));
  await settled();
  settle[3]!.resolve();
  await settled();
  publish('5');
  settle[4]!.resolve();
  await settled();
  settle[5]!.resolve();
  await settled();
  assert.deepEqual(outcomes, ['1: 1', '2: refused', '3: 2', '4: 3', '5: 4']);
  assert.deepEqual(begun, ['1', 'elsewhere', '2', '3', '4', '5']);
});

test('what waits for a destination is bounded, counted, and refused when the server closes', async () => {
  const around = rig();
  waitingStore(around);
  const { Streams } = await import('./index.js');
  const streams = new Streams(around.store, around.time, around.metrics);
  const append = { key: undefined, messageId: undefined, retention: around.retention };
  const body = new Uint8Array(100_000);
  const outcomes = new Map<string, number>();
  for (let count = 0; count < 200; count++) {
    streams.publish(A, new Message(body, 'x/y'), append).catch(({ code }: { code: string }) => {
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    });
  }
  await settled();
  assert.equal(outcomes.get('stream/unavailable'), 200 - 1 - 167);
  assert.equal(around.metrics.value('limit_reached', { limit: 'maxWaitingAppends' }), 32);
  assert.ok(streams.retainedBytes > 16_700_000);
  streams.close();
  await settled();
  assert.equal(outcomes.get('stream/unavailable'), 199, 'all but the one that is under way');
  assert.equal(streams.retainedBytes, 0);
  await assert.rejects(streams.open(A, new Sink(), undefined), { code: 'stream/unavailable' });
});

test('so is their number, however small they are', async () => {
  const around = rig();
  waitingStore(around);
  const { Streams } = await import('./index.js');
  const streams = new Streams(around.store, around.time, around.metrics);
  const append = { key: undefined, messageId: undefined, retention: around.retention };
  let refusedCount = 0;
  for (let count = 0; count < 16_384 + 11; count++) {
    streams.publish(A, new Message(new Uint8Array(1), 'x/y'), append).catch(() => {
      refusedCount += 1;
    });
  }
  await settled();
  assert.equal(refusedCount, 10, 'one is under way');
  streams.close();
});

test('[B4] a client has its bound where it is read: what it sends waits, and nothing of it is refused', async () => {
  const around = rig();
  const { settle } = waitingStore(around);
  const { Streams } = await import('./index.js');
  const streams = new Streams(around.store, around.time, around.metrics);
  const append = { key: undefined, messageId: undefined, retention: around.retention };
  const owner = { id: 'session a', share: 'address a' };
  const body = new Uint8Array(1_000_000);
  const count = 40;
  const outcomes = Promise.all(
    Array.from({ length: count }, () =>
      streams.publish(A, new Message(body, 'x/y'), { ...append, owner }),
    ),
  );
  // Nor does it take the room of what the server itself publishes there.
  const ofServer = streams.publish(A, new Message(body, 'x/y'), append);
  for (let index = 0; index <= count; index++) {
    await settled();
    settle[index]!.resolve();
  }
  assert.deepEqual(
    (await outcomes).map(({ position }) => position.offset),
    Array.from({ length: count }, (_, index) => index + 1),
  );
  assert.equal((await ofServer).position.offset, count + 1);
  assert.equal(around.metrics.value('limit_reached', { limit: 'maxWaitingAppends' }), 0);
  streams.close();
  assert.equal(streams.retainedBytes, 0);
});

test('[O1] the contract of stores finds one that says that it appends in order and does not', async () => {
  const { store } = rig();
  const append = store.inner.append.bind(store.inner);
  let count = 0;
  store.append = async (...args) => {
    count += 1;
    for (let round = count; round < 30; round++) await Promise.resolve();
    return append(...args);
  };
  const cases = streamStoreContract(() => ({ store }));
  const own = cases.find(({ name }) => name.startsWith('[O1]'));
  await assert.rejects(async () => own?.run(), /offsets in the order of the calls/);
});

test('[O1] what is published by a hook while an entry is taken comes after that entry', async () => {
  let around: ReturnType<typeof rig> | undefined = undefined;
  let isFirst = true;
  around = rig({
    liveRingBytes: () => {
      if (isFirst) {
        isFirst = false;
        void around?.publish();
      }
      return 100_000;
    },
  });
  const { source } = await around.streams.openPattern(ANY, new Sink(), undefined);
  await around.publish();
  around.time.advance(0);
  assert.deepEqual(pull(source), [1, 2]);
  assert.equal(around.metrics.value('streams_interrupted'), 0);
});
