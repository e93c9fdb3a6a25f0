/** Proves the native dialect over a connection in memory: greeting, order of answers, requests, heartbeats, shared octets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
  HeldTotal,
  MAX_SLICE_UNITS,
  MemoryMetrics,
  RequestError,
  SILENT_LOG,
  TurnBudget,
} from '../../foundation/index.js';
import { AppMount } from '../../mounts/app/index.js';
import { TopicRules, TopicsMount } from '../../mounts/topics/index.js';
import { AccessRules, Router } from '../../routing/index.js';
import {
  ANONYMOUS,
  DEFAULT_SESSION_LIMITS,
  InputFlowBudget,
  SessionRegistry,
  type Authenticate,
  type SessionLimits,
} from '../../session/index.js';
import { MemoryStreamStore, Streams } from '../../streams/index.js';
import { ConnectionPair, SeededRandom, VirtualTime } from '../../testing/index.js';
import { bearerToken } from '../opening/index.js';
import { NativeReceiver } from './index.js';

const decoder = new TextDecoder();

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function rig(given: { authenticate?: Authenticate; limits?: Partial<SessionLimits> } = {}) {
  const time = new VirtualTime(1_000);
  const metrics = new MemoryMetrics();
  const turns = new TurnBudget(time);
  const access = new AccessRules();
  access.setDefault('open');
  const router = new Router(access, metrics);
  const streams = new Streams(new MemoryStreamStore(time, new SeededRandom(1)), time, metrics);
  const app = new AppMount(time, SILENT_LOG, router);
  router.mount('/topic', new TopicsMount(streams, new TopicRules()));
  router.mount('/app', app);
  const registry = new SessionRegistry();
  let sessionCount = 0;
  const connect = () => {
    const pair = new ConnectionPair(
      time,
      (connection) =>
        new NativeReceiver(
          {
            session: {
              clock: time,
              deadlines: new DeadlineWheel(time, 250),
              limits: { ...DEFAULT_SESSION_LIMITS, ...given.limits },
              metrics,
              registry,
              log: SILENT_LOG,
              turns,
              inputFlow: new InputFlowBudget(134_217_728, turns, metrics),
              outbound: new HeldTotal(Infinity),
            },
            router,
            authenticate: given.authenticate ?? (() => Promise.resolve(ANONYMOUS)),
            newSessionId: () => `session-${++sessionCount}`,
            unfinished: new HeldTotal(Infinity),
            maxMessageBytes: 1_000_000,
            messageTimeoutMs: 60_000,
            minHeartbeatIntervalMs: 1_000,
            connectTimeoutMs: 5_000,
            log: SILENT_LOG,
          },
          connection,
        ),
    );
    const say = async (...frames: readonly object[]): Promise<readonly string[]> => {
      for (const frame of frames) pair.sendText(JSON.stringify(frame));
      await settled();
      time.advance(0);
      await settled();
      return heard();
    };
    const heard = (): readonly string[] => pair.take().map(({ octets }) => decoder.decode(octets));
    return { pair, say, heard };
  };
  return { time, turns, metrics, app, registry, connect };
}

test('a first frame other than connect opens a session without a greeting', async () => {
  const { connect, registry } = rig();
  const { say } = connect();
  const [subscribed, ...others] = await say({ type: 'subscribe', id: 1, destination: '/topic/a' });
  assert.match(
    subscribed ?? '',
    /^\{"type":"subscribed","id":1,"destination":"\/topic\/a","cursor":"[\w-]+:0"\}$/,
  );
  assert.deepEqual([others.length, registry.count], [0, 1]);
});

test('a connection that fails to take an answer ends its session, and nothing is left unhandled', async (t) => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', listener);
  t.after(() => process.off('unhandledRejection', listener));
  const { connect, registry, app } = rig();
  app.map('/a', () => 1);
  app.map('/parts', async function* () {
    yield 1;
  });
  const frames = [
    { type: 'request', id: 1, destination: '/app/a' },
    { type: 'request', id: 1, destination: '/app/parts' },
    { type: 'send', id: 1, destination: '/topic/a' },
    { type: 'subscribe', id: 1, destination: '/topic/a' },
  ];
  for (const frame of frames) {
    const { pair, say } = connect();
    await say({ type: 'connect' });
    assert.equal(registry.count, 1);
    Object.assign(pair.connection, {
      send: () => {
        throw new Error('of the transport');
      },
    });
    await say(frame);
    assert.equal(registry.count, 0, frame.type);
    assert.equal(pair.ended?.closeCode, 4004);
  }
  // So does one that fails to be greeted, and to be refused for that.
  const { pair } = connect();
  Object.assign(pair.connection, {
    send: () => {
      throw new Error('of the transport');
    },
  });
  pair.sendText('{"type":"connect"}');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(registry.count, 0);
  assert.deepEqual(unhandled, []);
});

test('what arrives while the token is checked waits for it, in order, unread', async () => {
  let admit = (): void => {};
  const checked = new Promise<void>((resolve) => (admit = resolve));
  const authenticate: Authenticate = () => checked.then(() => ANONYMOUS);
  const { connect, metrics, time } = rig({ authenticate, limits: { maxUnauthenticatedCount: 2 } });
  const { pair, say, heard } = connect();
  const sends = Array.from({ length: 10 }, (_, id) => ({
    type: 'send',
    id,
    destination: '/topic/a',
    body: id,
  }));
  assert.deepEqual(await say({ type: 'connect' }, ...sends), []);
  assert.equal(metrics.value('limit_reached', { limit: 'maxUnauthenticatedCount' }), 0);
  assert.equal(pair.ended, undefined);
  admit();
  await settled();
  time.advance(0);
  await settled();
  const answers = heard().map((text) => JSON.parse(text) as { type: string; id?: number });
  assert.deepEqual(
    answers.map(({ type, id }) => `${type} ${id}`),
    ['connected undefined', ...sends.map(({ id }) => `receipt ${id}`)],
  );
});

test('a transport that cannot be made to wait is ended beyond what may wait for the token, text and binary alike', async () => {
  const authenticate: Authenticate = () => new Promise(() => {});
  const limits = { maxUnauthenticatedCount: 2, maxUnauthenticatedBytes: 2_000 };
  const { connect, metrics } = rig({ authenticate, limits });
  const hasty = (): ReturnType<typeof connect> => {
    const client = connect();
    client.pair.connection.pauseInput = () => {};
    return client;
  };
  const [text, binary, little, many] = [hasty(), hasty(), hasty(), hasty()];
  const send = { type: 'send', destination: '/topic/a' };
  await little.say({ type: 'connect' }, { ...send, body: 'x'.repeat(1_500) });
  await text.say({ type: 'connect' }, { ...send, body: 'x'.repeat(2_000) });
  await binary.say({ type: 'connect' });
  binary.pair.sendBinary(new TextEncoder().encode(`${JSON.stringify(send)}\n${'x'.repeat(2_000)}`));
  await binary.say();
  const beat = { type: 'heartbeat' };
  const heard = await many.say({ type: 'connect' }, beat, beat, beat);
  assert.match(heard.join(), /session\/too-many-operations/);
  assert.deepEqual(
    [little, text, binary, many].map(({ pair }) => pair.ended?.closeCode),
    [undefined, 4504, 4504, 4504],
  );
  assert.equal(metrics.value('limit_reached', { limit: 'maxUnauthenticatedBytes' }), 2);
  assert.equal(metrics.value('limit_reached', { limit: 'maxUnauthenticatedCount' }), 1);
});

test('[S4] the acknowledgement of a subscription precedes its first delivery, even of the same read', async () => {
  const { connect } = rig();
  const { say } = connect();
  const heard = await say(
    { type: 'subscribe', id: 1, destination: '/topic/a' },
    { type: 'send', id: 2, destination: '/topic/a', body: 1 },
  );
  const types = heard.map((text) => (JSON.parse(text) as { type: string }).type);
  // Answers of different operations may overtake each other; the receipt is one of them.
  assert.deepEqual(
    types.filter((type) => type !== 'receipt'),
    ['subscribed', 'publication'],
  );
  assert.equal(types.length, 3);
});

test('exact subscribers share the octets of a publication, a pattern has its own with its name', async () => {
  const { connect } = rig();
  const [left, right, pattern] = [connect(), connect(), connect()];
  for (const { say } of [left, right]) await say({ type: 'subscribe', destination: '/topic/a' });
  await pattern.say({ type: 'subscribe', destination: '/topic/*' });
  await left.say({ type: 'send', destination: '/topic/a', body: { x: 1 } });
  right.pair.sendText('{"type":"send","destination":"/topic/a","body":2}');
  await settled();
  const [toLeft, toRight] = [left, right].map(({ pair }) => pair.take());
  void toLeft;
  assert.match(
    decoder.decode(toRight?.[0]?.octets),
    /^\{"type":"publication","destination":"\/topic\/a","epoch":"[\w-]+","offset":1,"publishedAtMs":1000,"body":\{"x":1\}\}$/,
  );
  assert.match(pattern.heard().join(), /"subscription":"\/topic\/\*"/);
});

test('a request is answered once: replied, cancelled or refused; an id is free again afterwards', async () => {
  const { connect, app } = rig({ limits: { maxPendingRequestCount: 2 } });
  let open = (_value: string): void => {};
  app.map('/wait', { concurrency: 'parallel' }, () => new Promise((resolve) => (open = resolve)));
  app.map('/now', { concurrency: 'parallel' }, () => 'now');
  const { say, heard } = connect();
  const ask = (id: number, path: string) => ({ type: 'request', id, destination: `/app${path}` });
  const first = await say(ask(1, '/wait'), ask(1, '/now'), ask(2, '/wait'), ask(3, '/now'));
  const codes = first
    .map((text) => JSON.parse(text) as { id: number; code: string })
    .map(({ id, code }) => [id, code]);
  assert.deepEqual(codes, [
    [1, 'request/duplicate-id'],
    [3, 'request/too-many'],
  ]);
  assert.match(
    (await say({ type: 'cancel', id: 1 }, { type: 'cancel', id: 77 })).join('|'),
    /^[^|]*"id":1,"code":"request\/cancelled"[^|]*$/,
  );
  assert.deepEqual(await say(ask(1, '/now')), ['{"type":"reply","id":1,"body":"now"}']);
  open('late');
  await settled();
  assert.deepEqual(heard(), ['{"type":"reply","id":2,"body":"late"}']);
});

test('a stream of replies waits for a slow reader, and ends with its session', async () => {
  const { connect, app } = rig({ limits: { maxBufferedBytes: 100 } });
  let yielded = 0;
  let isEnded = false;
  app.map('/numbers', {}, async function* () {
    try {
      while (true) yield yielded++;
    } finally {
      isEnded = true;
    }
  });
  const { pair, say } = connect();
  pair.stopReading();
  await say({ type: 'request', id: 1, destination: '/app/numbers' });
  assert.ok(yielded < 10, `${yielded} were made for a reader that does not read`);
  pair.cut();
  await say();
  assert.ok(isEnded);
});

test('[B1] a stream of replies that never waits takes its turns', async () => {
  const { connect, app, time, turns } = rig();
  for (const size of [1, 100_000]) {
    app.map(`/${size}`, {}, async function* () {
      for (let count = 0; count < 200; count++) yield 'x'.repeat(size);
    });
    const { pair, say, heard } = connect();
    await say({ type: 'connect' });
    pair.sendText(`{"type":"request","id":1,"destination":"/app/${size}"}`);
    await settled();
    const atOnce = heard().length;
    const most = size === 1 ? MAX_SLICE_UNITS : 1;
    assert.ok(atOnce > 0 && atOnce <= most, `${atOnce} replies of ${size} octets at once`);
    let count = atOnce;
    while (count < 201) {
      time.advance(0);
      await settled();
      count += heard().length;
    }
    turns.spend(1_024);
    pair.sendText(`{"type":"request","id":1,"destination":"/app/${size}"}`);
    await settled();
    assert.deepEqual(heard(), [], 'the turn has no room');
    assert.match((await say()).join(), /"id":1,"more":true/);
  }
});

test('[B4] what has settled, well or not, is under way no more, and its id is free', async () => {
  const { connect, app } = rig({ limits: { maxOperationCount: 2, maxPendingRequestCount: 2 } });
  app.map('/one', () => 1);
  const { say } = connect();
  for (let count = 0; count < 6; count++) {
    const request = { type: 'request', id: 1, destination: '/app/one' };
    assert.match((await say(request)).join(), /"type":"reply","id":1/);
    const refused = { type: 'send', id: 2, destination: '/nowhere' };
    assert.match((await say(refused)).join(), /"type":"error","id":2/);
    const renewed = { type: 'authenticate', id: 3, token: 'x' };
    assert.match((await say(renewed)).join(), /"type":"receipt","id":3/);
  }
});

test('[B4] octets of what is under way count, of texts and of binary messages', async () => {
  const { connect, app } = rig({ limits: { maxWaitingBytes: 10_000 } });
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const seen: unknown[] = [];
  app.map('/gated', { concurrency: 'parallel' }, ({ headers }) => {
    seen.push(headers);
    return gate;
  });
  const head = { type: 'send', destination: '/app/gated' };
  const [text, binary] = [connect(), connect()];
  for (const { say } of [text, binary]) await say({ type: 'connect' });
  const octets = new TextEncoder().encode(`${JSON.stringify(head)}\n${'x'.repeat(6_000)}`);
  for (let count = 0; count < 5; count++) {
    text.pair.sendText(JSON.stringify({ ...head, body: 'x'.repeat(6_000) }));
    binary.pair.sendBinary(octets.slice());
  }
  await text.say();
  assert.equal(seen.length, 4, 'two of each, the second of which is too much');
  open();
  for (let round = 0; round < 10; round++) await text.say();
  assert.equal(seen.length, 10);
});

test('a connection that has gone while its token was checked gets no session', async () => {
  let admit = (): void => {};
  const checked = new Promise<void>((resolve) => (admit = resolve));
  const { connect, registry, time } = rig({ authenticate: () => checked.then(() => ANONYMOUS) });
  const { pair, say } = connect();
  await say({ type: 'connect', token: 'x' });
  pair.cut();
  await say();
  admit();
  await settled();
  time.advance(250);
  assert.deepEqual([registry.count, time.pendingTimerCount], [0, 0]);
});

test('[B1] streams of replies go on one after another when the connection has room: together they do not overfill it', async () => {
  const { connect, app, registry } = rig({ limits: { maxOutboundBytes: 250_000 } });
  const { pair, say } = connect();
  await say({ type: 'connect' });
  const ids = Array.from({ length: 10 }, (_, id) => id);
  const partCounts = new Map<number, number>();
  const begun = new Set<() => void>();
  app.map('/parts', { concurrency: 'parallel' }, async function* ({ body }) {
    // All of them have their next part at the same moment.
    for (let count = 0; count < 20; count++) {
      await new Promise<void>((resolve) => begun.add(resolve));
      yield 'x'.repeat(60_000);
    }
    partCounts.set(body as number, 20);
  });
  await say(...ids.map((id) => ({ type: 'request', id, destination: '/app/parts', body: id })));
  let replyCount = 0;
  for (let round = 0; round < 300 && partCounts.size < ids.length; round++) {
    pair.stopReading();
    const ready = [...begun];
    begun.clear();
    for (const resolve of ready) resolve();
    await say();
    pair.readOn();
    replyCount += (await say()).filter((text) => text.startsWith('{"type":"reply"')).length;
    assert.equal(registry.count, 1, 'it reads all that it is sent');
  }
  assert.deepEqual([partCounts.size, replyCount], [10, 200]);
});

test('a heartbeat is kept in silence only, never faster than the minimum', async () => {
  const { connect, time } = rig();
  const { say, heard, pair } = connect();
  const greeting = await say({ type: 'connect', heartbeatIntervalMs: 10 });
  assert.match(greeting.join(), /"heartbeatIntervalMs":1000/);
  time.advance(10_000);
  const beats = heard();
  assert.ok(
    beats.length >= 4 && beats.every((text) => text === '{"type":"heartbeat"}'),
    beats.join(),
  );
  pair.close();
  time.advance(10_000);
  assert.equal(time.pendingTimerCount, 0);
});

test('a reader that takes no replies is disconnected once, with 4001, and nothing overflows', async () => {
  const { connect, registry } = rig({ limits: { maxOutboundBytes: 2_000 } });
  const { pair, say } = connect();
  await say({ type: 'connect' });
  pair.stopReading();
  for (let id = 0; id < 200; id++) pair.sendText(`{"type":"nothing","id":${id}}`);
  await settled();
  assert.deepEqual([pair.ended?.closeCode, registry.count], [4001, 0]);
});

test('a stranger who takes no answers to what cannot be read is disconnected once, with 4001', async () => {
  const { connect, registry, time } = rig({ limits: { maxBufferedBytes: 2_000 } });
  const { pair, heard } = connect();
  pair.stopReading();
  for (let id = 0; id < 200; id++) pair.sendText(`{"type":"nothing","id":${id}}`);
  await settled();
  assert.deepEqual([pair.ended?.closeCode, registry.count], [4001, 0]);
  time.advance(10_000);
  pair.readOn();
  const texts = heard();
  assert.ok(texts.length < 30, `${texts.length} answers`);
  assert.match(texts.at(-1) ?? '', /^\{"type":"disconnect","code":"session\/slow-consumer"/);
  assert.equal(time.pendingTimerCount, 0);
});

test('a hook that fails refuses without its words; disconnect closes with 1000', async () => {
  const { connect } = rig({ authenticate: () => Promise.reject(new Error('a secret')) });
  const { say, pair } = connect();
  const heard = await say({ type: 'connect' });
  assert.match(heard.join(), /server\/internal-error/);
  assert.doesNotMatch(heard.join(), /secret/);
  assert.equal(pair.ended?.closeCode, 4004);
  const polite = rig().connect();
  await polite.say({ type: 'connect' }, { type: 'disconnect' });
  assert.equal(polite.pair.ended?.closeCode, 1000);
  const refusing = rig({
    authenticate: () => Promise.reject(new RequestError('access/invalid-token', 'told')),
  }).connect();
  assert.match((await refusing.say({ type: 'connect' })).join(), /told/);
});

test('a bearer token is read from the header; a malformed one is no token, another scheme is none', () => {
  assert.equal(bearerToken('Bearer a.b-c_d~e+f/g='), 'a.b-c_d~e+f/g=');
  assert.equal(bearerToken('bearer x'), 'x');
  for (const header of [undefined, '', 'Basic x', 'xBearer y', 'Bearers x']) {
    assert.equal(bearerToken(header), undefined, header);
  }
  for (const header of ['Bearer', 'Bearer ', 'Bearer a b', 'Bearer "x"']) {
    assert.equal(bearerToken(header), '', header);
  }
});

test('a first message that cannot be read opens nothing, and may be corrected', async () => {
  const { connect, registry } = rig();
  const { say } = connect();
  assert.match(
    (await say({ type: 'connect', token: 123 })).join(),
    /"code":"frame\/invalid-field"/,
  );
  assert.equal(registry.count, 0);
  assert.match((await say({ type: 'connect', token: 'x' })).join(), /"type":"connected"/);
  assert.equal(registry.count, 1);
});

test('[E2] authentication that hangs ends the connection in time', async () => {
  const { connect, time, metrics } = rig({ authenticate: () => new Promise(() => {}) });
  const { say, heard } = connect();
  await say({ type: 'connect', token: 'x' });
  time.advance(6_000);
  assert.match(heard().join(), /"code":"session\/connect-timeout"/);
  assert.equal(metrics.value('limit_reached', { limit: 'connectTimeoutMs' }), 1);
});

test('a session renews one token at a time', async () => {
  let answer = (): void => {};
  let asked = 0;
  const authenticate = (): Promise<typeof ANONYMOUS> =>
    ++asked === 1
      ? Promise.resolve(ANONYMOUS)
      : new Promise((resolve) => {
          answer = () => resolve(ANONYMOUS);
        });
  const { connect } = rig({ authenticate });
  const { say } = connect();
  await say({ type: 'connect' });
  const refused = await say(
    { type: 'authenticate', id: 1, token: 'a' },
    { type: 'authenticate', id: 2, token: 'b' },
  );
  assert.match(refused.join(), /"id":2,"code":"request\/too-many"/);
  assert.equal(asked, 2);
  answer();
  assert.match((await say()).join(), /"type":"receipt","id":1/);
  answer = () => {};
});

test('only what is the fault of the client keeps it away for good', async () => {
  const ends: unknown[] = [];
  for (const error of [
    new RequestError('access/invalid-token', 'not you'),
    new RequestError('server/busy', 'the directory is away'),
    new Error('ECONNREFUSED'),
  ]) {
    const { connect } = rig({ authenticate: () => Promise.reject(error) });
    const { say, pair } = connect();
    const heard = await say({ type: 'connect' });
    const { code, mayReconnect } = JSON.parse(heard.at(-1) ?? '') as Record<string, unknown>;
    ends.push([code, mayReconnect, pair.ended?.closeCode]);
  }
  assert.deepEqual(ends, [
    ['session/invalid-token', false, 4501],
    ['session/operation-failed', true, 4007],
    ['server/internal-error', true, 4004],
  ]);
});

test('[B4] an operation counts as what it takes in memory, each of its headers too, and not as its octets alone', async () => {
  const countWith = async (headerCount: number): Promise<number> => {
    const { connect, metrics } = rig({ limits: { maxWaitingBytes: 5_000 } });
    const { pair } = connect();
    const headers = Array.from({ length: headerCount }, (_, index) => [`x${index}`, 'y']);
    const frame = { type: 'send', destination: '/topic/a', headers, body: 1 };
    pair.sendText('{"type":"connect"}');
    await settled();
    pair.sendText(JSON.stringify(frame));
    await settled();
    return metrics.value('limit_reached', { limit: 'maxWaitingBytes' });
  };
  assert.deepEqual([await countWith(0), await countWith(30)], [0, 1]);
});
