/** Proves the streams and the order of message mappings: values at the taker's pace, ends when the asker goes, lines that go on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryServer, told } from './memory-peer.js';

/** A promise that is opened from outside. */
function gate(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

test('[H3] each value of a stream that was sent for goes to the topic, in order; the receipt comes after the last', async () => {
  const { server, connect } = memoryServer();
  const half = gate();
  server.app.map('/count', async function* () {
    yield 1;
    yield null;
    await half.opened;
    yield 2;
  });
  const ada = await connect();
  await ada.subscribe('/topic/count');
  const first = await ada.say({ type: 'send', id: 1, destination: '/app/count' });
  assert.deepEqual([told(first), first.length], [[['/topic/count', 1]], 1]);
  half.open();
  const rest = await ada.say();
  assert.deepEqual(told(rest), [['/topic/count', 2]]);
  assert.ok(rest.some(({ type, id }) => type === 'receipt' && id === 1));
  await server.close();
});

test('[H3] a subscriber to a stream gets its values one by one, then the end; who unsubscribes ends it', async () => {
  const { server, connect } = memoryServer();
  const log: string[] = [];
  const never = gate();
  server.app.map('/three', async function* () {
    yield* ['a', undefined, 'b', 'c'];
  });
  server.app.map('/endless', async function* ({ cancellation }) {
    cancellation.onCancelled(() => log.push('cancelled'));
    try {
      yield 1;
      await never.opened;
    } finally {
      log.push('ended');
    }
  });
  const ada = await connect();
  const three = await ada.say({ type: 'subscribe', id: 1, destination: '/app/three' });
  assert.deepEqual(
    three.map(({ type, body }) => body ?? type),
    ['subscribed', 'a', 'b', 'c', 'ended'],
  );
  const endless = await ada.say({ type: 'subscribe', id: 2, destination: '/app/endless' });
  assert.deepEqual(told(endless), [['/app/endless', 1]]);
  await ada.say({ type: 'unsubscribe', id: 3, destination: '/app/endless' });
  assert.deepEqual(log, ['cancelled']);
  never.open();
  await ada.say();
  assert.deepEqual(log, ['cancelled', 'ended']);
  await ada.say({ type: 'subscribe', id: 4, destination: '/app/endless' });
  ada.pair.cut();
  await ada.say();
  assert.deepEqual(log.slice(2).sort(), ['cancelled', 'ended']);
  await server.close();
});

test('[H3] a stream makes no values for a subscriber that does not read', async () => {
  const { server, connect } = memoryServer({ limits: { maxBufferedBytes: 200 } });
  let madeCount = 0;
  server.app.map('/numbers', async function* () {
    for (;;) yield { number: madeCount++ };
  });
  const ada = await connect();
  ada.pair.stopReading();
  await ada.say({ type: 'subscribe', id: 1, destination: '/app/numbers' });
  const madeWhileStill = madeCount;
  assert.ok(madeWhileStill > 0 && madeWhileStill < 10, `${madeWhileStill} values`);
  ada.pair.readOn();
  await ada.say();
  assert.ok(madeCount > madeWhileStill);
  await server.close();
});

test('a stream that fails on its way says so: by an error to its asker, by the end to its subscriber', async () => {
  const { server, connect, errors } = memoryServer();
  server.app.map('/broken', async function* () {
    yield 1;
    throw new Error('a secret');
  });
  const ada = await connect();
  const heard = await ada.say(
    { type: 'subscribe', id: 1, destination: '/app/broken' },
    { type: 'request', id: 2, destination: '/app/broken' },
    { type: 'send', id: 3, destination: '/app/broken' },
  );
  const failures = heard.filter(({ code }) => code !== undefined);
  assert.deepEqual(failures.map(({ type, id, code }) => [type, id, code].join(' ')).sort(), [
    'ended  app/failed',
    'error 2 app/failed',
    'error 3 app/failed',
  ]);
  assert.ok(!JSON.stringify(heard).includes('secret'));
  assert.deepEqual(errors, Array(3).fill('a message handler failed'));
  await server.close();
});

test("[O3] a handler that takes a second reorders nobody's replies and holds up nothing else of its session", async () => {
  const { server, connect, time } = memoryServer();
  server.app.map('/slow', async ({ body }) => {
    await new Promise<void>((resolve) => time.after(1_000, resolve));
    return body;
  });
  server.app.map('/quick', ({ body }) => body);
  const ada = await connect();
  await ada.say({ type: 'subscribe', destination: '/topic/a' });
  const request = (id: number, path: string) => {
    return { type: 'request', id, destination: `/app${path}`, body: id };
  };
  // All of this overtakes the handlers: publications, subscribing, unsubscribing, a cancel, a send to a topic, its receipt.
  const meanwhile = await ada.say(
    request(1, '/slow'),
    request(2, '/quick'),
    request(3, '/slow'),
    request(4, '/quick'),
    { type: 'send', id: 5, destination: '/topic/a', body: 'live' },
    { type: 'subscribe', id: 6, destination: '/topic/b' },
    { type: 'cancel', id: 4 },
    { type: 'heartbeat' },
    { type: 'ack', received: 1 },
  );
  assert.deepEqual(meanwhile.map(({ type, id, code }) => [type, id, code].join(' ')).sort(), [
    'error 4 request/cancelled',
    'publication  ',
    'receipt 5 ',
    'subscribed 6 ',
  ]);
  const [gone] = await ada.say({ type: 'unsubscribe', id: 7, destination: '/topic/a' });
  assert.equal(gone?.type, 'unsubscribed');
  time.advance(1_000);
  const first = await ada.say();
  time.advance(1_000);
  const second = await ada.say();
  assert.deepEqual(
    [first, second].map((frames) => frames.map(({ id, body }) => [id, body])),
    [
      [
        [1, 1],
        [2, 2],
      ],
      [[3, 3]],
    ],
  );
  await server.close();
});

test('[O3] heartbeats are kept while a handler works, and a disconnect is heard', async () => {
  const { server, connect, time } = memoryServer();
  let isCancelled = false;
  server.app.map('/slow', ({ cancellation }) => {
    cancellation.onCancelled(() => (isCancelled = true));
    return new Promise(() => {});
  });
  const ada = await connect(undefined, { heartbeatIntervalMs: 1_000 });
  await ada.say({ type: 'send', destination: '/app/slow' });
  time.advance(10_000);
  const beats = await ada.say();
  assert.ok(beats.length >= 4 && beats.every(({ type }) => type === 'heartbeat'));
  await ada.say({ type: 'disconnect' });
  assert.deepEqual([ada.pair.ended?.closeCode, isCancelled], [1000, true]);
  await server.close();
});

test('[O1] two that send to one mapping publish in one order, which every reader sees', async () => {
  const { server, connect } = memoryServer();
  let count = 0;
  server.app.map('/a', async ({ body }) => {
    // The first of each pair settles after the second.
    const turnCount = count++ % 2 === 0 ? 3 : 1;
    for (let turn = 0; turn < turnCount; turn++) await Promise.resolve();
    return body;
  });
  const peers = [await connect(), await connect(), await connect()];
  for (const peer of peers) await peer.subscribe('/topic/a');
  for (const body of [1, 2, 3]) {
    for (const [index, { pair }] of peers.entries()) {
      pair.sendText(JSON.stringify({ type: 'send', destination: '/app/a', body: [index, body] }));
    }
  }
  const [one, ...others] = await Promise.all(peers.map(async (peer) => told(await peer.say())));
  assert.equal(one?.length, 9);
  for (const other of others) assert.deepEqual(other, one);
  const bodies = one?.map(([, body]) => body as [number, number]) ?? [];
  for (const index of [0, 1, 2]) {
    const own = bodies.filter(([from]) => from === index).map(([, body]) => body);
    assert.deepEqual(own, [1, 2, 3], 'each session keeps its order');
  }
  await server.close();
});

test('[O3] streams that sends began are bounded: one more is refused and its handler ended', async () => {
  const { server, connect, settle } = memoryServer({ limits: { maxWaitingHandlerCount: 3 } });
  let runningCount = 0;
  server.app.map('/endless', async function* ({ cancellation }) {
    runningCount += 1;
    try {
      yield 1;
      await new Promise<void>((resolve) => cancellation.onCancelled(resolve));
    } finally {
      runningCount -= 1;
    }
  });
  server.app.map('/next', () => 'next');
  const ada = await connect('ada');
  const codes: unknown[] = [];
  for (let id = 1; id <= 10; id++) {
    const frames = await ada.say({ type: 'send', id, destination: '/app/endless' });
    codes.push(...frames.map(({ code }) => code));
  }
  assert.deepEqual(
    codes,
    Array.from({ length: 7 }, () => 'app/busy'),
  );
  assert.equal(runningCount, 3);
  const [reply] = await ada.say({ type: 'request', id: 11, destination: '/app/next' });
  assert.equal(reply?.['body'], 'next');
  ada.pair.cut();
  await settle();
  assert.equal(runningCount, 0);
  await server.close();
});
