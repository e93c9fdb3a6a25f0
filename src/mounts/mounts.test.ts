/** Proves the mounts topics, app and user: the contract of mounts, and what is theirs alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { Cancellation, MemoryMetrics, RequestError, SILENT_LOG } from '../foundation/index.js';
import { destinationFault, DestinationPattern, escapeName, Message } from '../message/index.js';
import { AccessRules, Router } from '../routing/index.js';
import type { Mount, Reply, RequestOperation } from '../routing/index.js';
import { ANONYMOUS, Grant, HandlerLine, SessionRegistry, type Session } from '../session/index.js';
import { MemoryStreamStore, Streams } from '../streams/index.js';
import { mountContract, SeededRandom, VirtualTime } from '../testing/index.js';
import { AppMount, type HandlerContext } from './app/index.js';
import { TopicRules, TopicsMount } from './topics/index.js';
import { UserMount } from './user/index.js';

/** Where the values of handlers go. */
function topicRouter(): Router {
  const router = new Router(new AccessRules(), new MemoryMetrics());
  router.mount('/topic', new TopicsMount(streamsRig().streams, new TopicRules()));
  return router;
}

function streamsRig() {
  const time = new VirtualTime();
  const streams = new Streams(
    new MemoryStreamStore(time, new SeededRandom(1)),
    time,
    new MemoryMetrics(),
  );
  const settle = async (): Promise<void> => time.advance(0);
  return { time, streams, settle, dispose: () => streams.close() };
}

for (const { name, run } of mountContract('log', () => {
  const { streams, settle, dispose } = streamsRig();
  return {
    mount: new TopicsMount(streams, new TopicRules()),
    prefix: '/topic',
    destination: '/topic/a',
    settle,
    dispose,
  };
})) {
  test(`topics: ${name}`, run);
}

for (const { name, run } of mountContract('reply', () => ({
  mount: new AppMount(new VirtualTime(), SILENT_LOG, topicRouter()).map('/a', {}, () => 1),
  prefix: '/app',
  destination: '/app/a',
  refusedDestination: '/app/none',
}))) {
  test(`app: ${name}`, run);
}

const hasCode = (code: string) => (error: unknown) =>
  error instanceof RequestError && error.code === code;

/** As much of a session as a mount sees. */
function sessionOf(name: string | undefined, sessionId: string, lineLength = 10): Session {
  const session = {
    sessionId,
    handlerLine: new HandlerLine(lineLength),
    ended: new Cancellation(),
    principal: { ...ANONYMOUS, name },
    owner: { id: sessionId, share: sessionId },
  };
  return session as unknown as Session;
}

function operation(
  destination: string,
  session: Session | undefined,
  body: unknown = null,
): RequestOperation {
  const principal = session?.principal ?? ANONYMOUS;
  const scope = DestinationPattern.parse(destination);
  return {
    caller: { authority: 'client', principal, session },
    destination,
    path: destination.slice(destination.indexOf('/', 1)),
    grant: new Grant({ generation: 0, permits: () => true }, principal, 'request', scope),
    message: Message.fromJson(body),
    key: undefined,
    messageId: undefined,
    cancellation: new Cancellation(),
  };
}

test('a user destination reaches every session of its principal, under its own name, and nobody else', async () => {
  const { streams, settle, dispose } = streamsRig();
  const mount = new UserMount(streams, new SessionRegistry());
  const subscribe = async (name: string | undefined, sessionId: string) => {
    const given = {
      ...operation('/user/queue/x', sessionOf(name, sessionId)),
      pattern: undefined,
      cursor: undefined,
      policy: undefined,
    };
    return (await mount.subscribe(given, { ready: () => {} })).source;
  };
  const sources = await Promise.all([
    subscribe('a/b%', '1'),
    subscribe('a/b%', '2'),
    subscribe('a', '3'),
    subscribe(undefined, '4'),
    subscribe(undefined, '5'),
  ]);
  await mount.send(operation('/user/a%2Fb%25/queue/x', undefined, 'hello'));
  await settle();
  const got = sources.map((source) => {
    const delivery = source.pull(1_000);
    return delivery?.kind === 'publications'
      ? delivery.batch.publications.map((one) => [one.destination, one.json()])
      : undefined;
  });
  const expected = [['/user/queue/x', 'hello']];
  assert.deepEqual(got, [expected, expected, undefined, undefined, undefined]);
  await assert.rejects(
    mount.send(operation('/user/ada', undefined)),
    hasCode('destination/invalid'),
  );
  dispose();
});

function app(): {
  mount: AppMount;
  ask: (path: string, session?: Session, body?: unknown) => Promise<Reply>;
} {
  const mount = new AppMount(new VirtualTime(), SILENT_LOG, topicRouter());
  return {
    mount,
    ask: (path, session, body) => mount.request(operation(`/app${path}`, session, body)),
  };
}

async function jsonOf(reply: Reply): Promise<unknown> {
  if (!(Symbol.asyncIterator in reply)) return reply.json();
  const values: unknown[] = [];
  for await (const message of reply) values.push(message.json());
  return values;
}

test('a mapping gives its handler captures and body, and replies with what it answers', async () => {
  const { mount, ask } = app();
  mount.map('/orders/{id}', {}, ({ variables, body }: HandlerContext) => [
    variables.get('id'),
    body,
  ]);
  mount.map('/**', {}, async () => undefined);
  mount.map('/never', {}, () => 'the first mapping that matches counts');
  assert.deepEqual(await jsonOf(await ask('/orders/17', undefined, { n: 1 })), ['17', { n: 1 }]);
  assert.equal(await jsonOf(await ask('/never')), null);
});

test('what a handler throws on purpose reaches the caller, anything else only the log', async () => {
  const { mount, ask } = app();
  mount.map('/sold-out', {}, () =>
    Promise.reject(new RequestError('orders/sold-out', 'none left')),
  );
  mount.map('/bug', {}, () => assert.fail('a secret'));
  await assert.rejects(ask('/sold-out'), hasCode('orders/sold-out'));
  await assert.rejects(
    ask('/bug'),
    (error) => hasCode('app/failed')(error) && !String(error).includes('secret'),
  );
  await assert.rejects(ask('/none'), hasCode('app/no-handler'));
});

test("[O3] a session's handlers run in turn, parallel ones do not wait, a stream leaves at its first value", async () => {
  const { mount, ask } = app();
  const log: string[] = [];
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  mount.map('/slow', {}, async () => {
    log.push('slow');
    await gate;
    log.push('slow ends');
  });
  mount.map('/fast', {}, () => void log.push('fast'));
  mount.map('/parallel', { concurrency: 'parallel' }, () => void log.push('parallel'));
  mount.map('/stream', {}, async function* () {
    yield 1;
    log.push('stream goes on');
    yield 2;
  });
  const session = sessionOf('ada', '1');
  const asked = ['/slow', '/fast', '/parallel', '/stream', '/fast'].map((path) =>
    ask(path, session),
  );
  await asked[2];
  assert.deepEqual(log, ['slow', 'parallel']);
  open();
  const replies = await Promise.all(asked);
  assert.deepEqual(log, ['slow', 'parallel', 'slow ends', 'fast', 'fast']);
  assert.deepEqual(await jsonOf(replies[3]!), [1, 2]);
});

test('a stream that nobody waits for any more is ended, and one that fails says so', async () => {
  const { mount, ask } = app();
  let isEnded = false;
  mount.map('/endless', {}, async function* () {
    try {
      for (let index = 0; ; index++) yield index;
    } finally {
      isEnded = true;
    }
  });
  mount.map('/failing', {}, async function* () {
    yield 1;
    throw new Error('a secret');
  });
  const cancellation = new Cancellation();
  const given = { ...operation('/app/endless', undefined), cancellation };
  const reply = await mount.request(given);
  assert.ok(Symbol.asyncIterator in reply);
  const seen: unknown[] = [];
  for await (const message of reply) {
    if (seen.push(message.json()) === 3) cancellation.cancel();
  }
  assert.deepEqual([seen, isEnded], [[0, 1, 2], true]);
  await assert.rejects(jsonOf(await ask('/failing')), hasCode('app/failed'));
});

test('[O3] a send to a stream leaves the line at its first value, and ends with its session', async () => {
  const { mount, ask } = app();
  const log: string[] = [];
  let ended = (): void => {};
  const over = new Promise<void>((resolve) => (ended = resolve));
  mount.map('/endless', {}, async function* () {
    try {
      for (let index = 0; ; index++) {
        await new Promise((resolve) => setImmediate(resolve));
        yield index;
      }
    } finally {
      log.push('ended');
      ended();
    }
  });
  mount.map('/fast', {}, () => void log.push('fast'));
  const session = sessionOf('ada', '1');
  const sent = mount.send(operation('/app/endless', session));
  await ask('/fast', session);
  assert.deepEqual(log, ['fast']);
  session.ended.cancel();
  await Promise.all([sent, over]);
  assert.deepEqual(log, ['fast', 'ended']);
});

test('[O3] a generator that never yields leaves the line when its asker goes, or its session', async () => {
  const { mount, ask } = app();
  mount.map('/never', {}, async function* () {
    await new Promise(() => {});
    yield 1;
  });
  mount.map('/fast', {}, () => 'fast');
  const session = sessionOf('ada', '1');
  const cancellation = new Cancellation();
  const never = mount.request({ ...operation('/app/never', session), cancellation });
  const fast = ask('/fast', session);
  cancellation.cancel();
  await assert.rejects(never, hasCode('request/cancelled'));
  assert.equal(await jsonOf(await fast), 'fast');

  const sent = mount.send(operation('/app/never', session));
  session.ended.cancel();
  assert.deepEqual(await sent, {});
});

test('what was sent is handled though its session has ended meanwhile; what was asked is not', async () => {
  const { mount } = app();
  const handled: string[] = [];
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  mount.map('/slow', {}, () => gate);
  mount.map('/{name}', {}, ({ operation: kind }) => void handled.push(kind));
  const session = sessionOf('ada', '1');
  const cancellation = new Cancellation();
  const slow = mount.send(operation('/app/slow', session));
  const send = mount.send(operation('/app/a', session));
  const request = mount.request({ ...operation('/app/a', session), cancellation });
  cancellation.cancel();
  session.ended.cancel();
  open();
  await assert.rejects(request, hasCode('request/cancelled'));
  await Promise.all([slow, send]);
  assert.deepEqual(handled, ['send']);
});

test('as many parallel handlers of a session run at once as may wait in its line', async () => {
  const { mount, ask } = app();
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  mount.map('/parallel', { concurrency: 'parallel' }, () => gate);
  const session = sessionOf('ada', '1');
  const asked = Array.from({ length: 10 }, () => ask('/parallel', session));
  await assert.rejects(ask('/parallel', session), hasCode('app/busy'));
  open();
  await Promise.all(asked);
  await ask('/parallel', session);
});

test('[H4] where the dialect cannot answer, a failed send is told on the errors queue of its session, and settles', async () => {
  const { time, streams, settle, dispose } = streamsRig();
  const router = new Router(new AccessRules(), new MemoryMetrics());
  const user = new UserMount(streams, new SessionRegistry());
  router.mount('/user', user);
  const mount = new AppMount(time, SILENT_LOG, router);
  const payload = z.object({ name: z.string() });
  mount.map('/bug', () => assert.fail('a secret')).map('/strict', { payload }, () => 1);
  const session = sessionOf('ada', '1');
  const given = { ...operation('/user/queue/errors', session), pattern: undefined };
  const options = { cursor: undefined, policy: undefined };
  const { source } = await user.subscribe({ ...given, ...options }, { ready: () => {} });
  const failures: unknown[] = [];
  for (const path of ['/app/bug', '/app/strict', '/app/none']) {
    const unanswered = { ...operation(path, session, {}), answersFailures: false };
    failures.push((await mount.send(unanswered)).failure?.code);
  }
  await settle();
  assert.deepEqual(failures, ['app/failed', 'app/invalid-payload', 'app/no-handler']);
  const delivery = source.pull(10_000);
  assert.ok(delivery?.kind === 'publications');
  const { publications } = delivery.batch;
  const told = publications.map((one) => one.json() as Record<string, unknown>);
  assert.deepEqual(
    told.map(({ code, number, destination }) => [code, number, destination]),
    [
      ['app/failed', 500, '/app/bug'],
      ['app/invalid-payload', 161, '/app/strict'],
      ['app/no-handler', 160, '/app/none'],
    ],
  );
  const issues = told[1]?.['issues'] as { path: string }[] | undefined;
  assert.equal(issues?.[0]?.path, 'name');
  assert.ok(publications.every(({ audience }) => audience?.onlySessionId === '1'));
  assert.ok(!JSON.stringify(told).includes('secret'));
  // The server itself has no queue: it is told by a rejection.
  const ofServer = { ...operation('/app/bug', undefined), answersFailures: false };
  await assert.rejects(mount.send(ofServer), hasCode('app/failed'));
  dispose();
});

test('a mapping with a capture does not answer the bare prefix', async () => {
  const { mount } = app();
  mount.map('/{name}', {}, () => 1).map('/**', {}, () => 2);
  const bare = { ...operation('/app/a', undefined), path: '' };
  await assert.rejects(mount.request(bare), hasCode('app/no-handler'));
});

test('every mount refuses policies that are not there', async () => {
  const { streams, dispose } = streamsRig();
  const { mount } = app();
  mount.map('/a', {}, () => 1);
  const mounts: Mount[] = [
    new TopicsMount(streams, new TopicRules()),
    new UserMount(streams, new SessionRegistry()),
    mount,
  ];
  for (const one of mounts) {
    for (const policy of ['latest', 'sample', 'dropOldest', '']) {
      const subscribe = {
        ...operation('/x/a', sessionOf('ada', '1')),
        pattern: undefined,
        cursor: undefined,
        policy,
      };
      await assert.rejects(
        one.subscribe!(subscribe, { ready: () => {} }),
        hasCode('subscription/policy-refused'),
      );
    }
  }
  dispose();
});

test('topics refuse their bare prefix and have no request; a send answers the position, and whether its id was known', async () => {
  const { streams, dispose } = streamsRig();
  const mount: Mount = new TopicsMount(streams, new TopicRules());
  assert.ok(!('request' in mount));
  const sent = { ...operation('/topic/a', undefined), messageId: 'm' };
  const outcomes = [await mount.send!(sent), await mount.send!(sent)];
  assert.deepEqual(
    outcomes.map(({ position, isDuplicate }) => [position?.offset, isDuplicate]),
    [
      [1, false],
      [1, true],
    ],
  );
  await assert.rejects(
    mount.send!({ ...operation('/topic/a', undefined), path: '' }),
    hasCode('destination/invalid'),
  );
  const bare = { pattern: undefined, cursor: undefined, policy: undefined, path: '' };
  await assert.rejects(
    mount.subscribe!({ ...operation('/topic/a', undefined), ...bare }, { ready: () => {} }),
    hasCode('destination/invalid'),
  );
  dispose();
});

test('the first topic rule that matches holds; what is no number is refused', () => {
  const rules = new TopicRules();
  rules.add('/topic/a/*', { historySize: 1 });
  rules.add('/topic/**', { historySize: 2, liveRingBytes: 3 });
  assert.equal(rules.settingsOf('/topic/a/b').historySize, 1);
  assert.deepEqual(rules.settingsOf('/topic/b'), {
    historySize: 2,
    historyTtlMs: Infinity,
    historyBytes: 16_777_216,
    liveRingBytes: 3,
  });
  rules.add('/queue/a', { historySize: 9 });
  assert.equal(rules.settingsOf('/queue/a').historySize, 9);
  for (const historySize of [-1, NaN, '5' as never]) {
    assert.throws(() => rules.add('/topic/c', { historySize }), RangeError);
  }
  const mistyped = { historySiez: 5 } as object;
  assert.throws(
    () => rules.add('/topic/c', mistyped),
    /historySiez is no setting; known: historyS/,
  );
});

test('a principal of any name has a segment of its own, and a name that needs no escape keeps it', () => {
  const names = [
    'ada',
    'a/b',
    'a%2Fb',
    '*',
    '**',
    '{x}',
    'a?b',
    '.',
    '..',
    'a\nb',
    'a\u0085b',
    'Zoë',
  ];
  const segments = names.map((name) => escapeName(name));
  assert.equal(new Set(segments).size, names.length);
  for (const segment of segments)
    assert.equal(destinationFault(`/user/${segment}/queue`), undefined);
  assert.deepEqual([segments[0], segments[1], segments[11]], ['ada', 'a%2Fb', 'Zoë']);
});

test('[O3] what waits in the line is listened for at its turn, what has no room in it never', async () => {
  const mount = new AppMount(new VirtualTime(), SILENT_LOG, topicRouter());
  const open: (() => void)[] = [];
  mount.map('/wait', () => new Promise<void>((resolve) => open.push(resolve)));
  const session = sessionOf(undefined, '1', 1);
  let listenerCount = 0;
  const request = (): Promise<Reply> => {
    const cancellation = new Cancellation();
    const onCancelled = (listener: () => void): (() => void) => {
      listenerCount += 1;
      return cancellation.onCancelled(listener);
    };
    const signal = { isCancelled: false, onCancelled } as Cancellation;
    return mount.request({ ...operation('/app/wait', session), cancellation: signal });
  };
  const asked = [request(), request()];
  await assert.rejects(request(), hasCode('app/busy'));
  assert.equal(listenerCount, 1, 'the one that runs');
  open[0]?.();
  await asked[0];
  assert.equal(listenerCount, 2, 'the one that waited');
  open[1]?.();
  await asked[1];
});

test('[M1] a message that waits for its handler lets go of its parsed body, and its handler reads it', async () => {
  const mount = new AppMount(new VirtualTime(), SILENT_LOG, topicRouter());
  let open = (): void => {};
  mount.map('/first', () => new Promise<void>((resolve) => (open = resolve)));
  mount.map('/second', ({ payload }) => payload);
  const session = sessionOf(undefined, '1');
  const first = mount.request(operation('/app/first', session));
  const waiting = operation('/app/second', session, [[], [1]]);
  const parsed = waiting.message.json();
  const second = mount.request(waiting);
  assert.notEqual(waiting.message.json(), parsed, 'it was let go');
  open();
  await first;
  assert.deepEqual(((await second) as Message).json(), [[], [1]]);
});

test('[D2] a pattern that is subscribed to has three segments `*` at most, that of a rule has as many as it likes', async () => {
  const metrics = new MemoryMetrics();
  const access = new AccessRules().allow('subscribe', '/topic/*/*/*/*/*/**');
  const router = new Router(access, metrics);
  router.mount('/topic', new TopicsMount(streamsRig().streams, new TopicRules()));
  const session = sessionOf(undefined, 's1');
  const subscribe = (name: string) => router.subscribe(session, name, {});
  await assert.rejects(subscribe('/topic/*/a/*/*/*'), hasCode('destination/invalid'));
  assert.equal(metrics.value('limit_reached', { limit: 'maxWildcardCount' }), 1);
  // What it comes to then is the rules' business.
  await assert.rejects(subscribe('/topic/*/a/*/*/**'), hasCode('access/denied'));
});
