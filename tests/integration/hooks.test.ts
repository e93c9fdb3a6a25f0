/** Proves that a hook of the application may throw, hang, answer nonsense and call back in, and harms nobody but whom it was about. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { runInNewContext } from 'node:vm';
import { RequestError, type TidewayServer } from 'tideway';
import { memoryServer, told, type MemoryPeer } from './memory-peer.js';

type Act = (rig: { readonly server: TidewayServer; readonly peer: MemoryPeer }) => unknown;

/** What a hook may do, and answer. */
const ACTS: Readonly<Record<string, Act>> = {
  'throws an error': () => {
    throw new Error('of the application');
  },
  'throws nothing': () => {
    throw undefined;
  },
  'throws what cannot be read': () => {
    throw unreadable();
  },
  'refuses by itself': () => {
    throw new RequestError('shop/closed', 'come back');
  },
  rejects: () => Promise.reject(new Error('of the application')),
  'rejects with what cannot be read': () => Promise.reject(unreadable()),
  hangs: () => new Promise(() => {}),
  'answers a symbol': () => Symbol('nonsense'),
  'answers a function': () => () => {},
  'answers a BigInt': () => 1n,
  'answers a cycle': () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    return cycle;
  },
  'answers what cannot be read': () => unreadable(),
  'answers a thenable that throws': () =>
    thenable(() => () => {
      throw new Error('of the application');
    }),
  'answers a thenable whose then cannot be read': () =>
    thenable(() => {
      throw new Error('of the application');
    }),
  'answers a thenable that answers twice': () =>
    thenable(() => (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
      resolve(undefined);
      reject(new Error('of the application'));
    }),
  'answers a promise of another realm': () => runInNewContext('Promise.resolve(undefined)'),
  'rejects in another realm': () =>
    runInNewContext('Promise.reject(new Error("of another realm"))'),
  'answers an iterable that cannot be iterated': () => ({
    [Symbol.asyncIterator]: () => {
      throw new Error('of the application');
    },
  }),
  'answers an iterable whose next is none': () => ({ [Symbol.asyncIterator]: () => ({}) }),
  publishes: ({ server }) => void server.publish('/topic/from-hook', 1).catch(() => {}),
  'awaits a publication': async ({ server }) => void (await server.publish('/topic/from-hook', 1)),
  'changes the rules': ({ server }) => void server.access.allow('any', '/more/**'),
  'lets its client subscribe': ({ peer }) =>
    peer.pair.sendText('{"type":"subscribe","destination":"/topic/by-hook"}'),
  'lets its client unsubscribe': ({ peer }) =>
    peer.pair.sendText('{"type":"unsubscribe","destination":"/topic/a"}'),
  'ends its connection': ({ peer }) => peer.pair.cut(),
};

function thenable(get: () => unknown): object {
  // oxlint-disable-next-line unicorn/no-thenable -- an application may answer one
  return Object.defineProperty({}, 'then', { get });
}

function unreadable(): object {
  return new Proxy(
    {},
    {
      get: () => {
        throw new Error('cannot be read');
      },
      has: () => {
        throw new Error('cannot be read');
      },
      getPrototypeOf: () => {
        throw new Error('cannot be read');
      },
      ownKeys: () => {
        throw new Error('cannot be read');
      },
    },
  );
}

/** Where it stands; `when` says whether it is about the client that is to be harmed, or nobody. */
type Place = (server: TidewayServer, hook: () => unknown) => void;

const isBad = (sessionId: string | undefined, bad: { sessionId: string }): boolean =>
  sessionId === bad.sessionId;

const bad = { sessionId: '' };

const PLACES: Readonly<Record<string, Place>> = {
  'a handler': (server, hook) => server.app.map('/hook', { timeoutMs: 1_000 }, hook),
  'a schema': (server, hook) =>
    server.app.map(
      '/hook',
      { payload: { '~standard': { version: 1, vendor: 'x', validate: hook as never } } },
      () => 1,
    ),
  'a predicate of errors': (server, hook) =>
    server.app
      .map('/hook', () => {
        throw new Error('of the handler');
      })
      .onError(hook as never, () => 1),
  'an exception handler': (server, hook) =>
    server.app
      .map('/hook', () => {
        throw new RangeError('of the handler');
      })
      .onError(RangeError, hook),
  'a condition of access': (server, hook) =>
    server.access.deny(
      'any',
      '/topic/guarded',
      ({ name }) => name === 'bad' && (hook() as boolean),
    ),
  'an inbound interceptor': (server, hook) =>
    void server.intercept({
      inbound: (operation) =>
        operation.kind !== 'connect' && isBad(operation.sessionId, bad)
          ? (hook() as undefined)
          : undefined,
    }),
  'a broker interceptor': (server, hook) =>
    void server.intercept({
      broker: ({ sessionId }) => (isBad(sessionId, bad) ? (hook() as undefined) : undefined),
    }),
  'an outbound interceptor': (server, hook) =>
    void server.intercept({
      outbound: ({ sessionId }) => (isBad(sessionId, bad) ? (hook() as undefined) : undefined),
    }),
  'concerns of an interceptor': (server, hook) =>
    void server.intercept({
      outbound: () => undefined,
      concerns: ({ sessionId }) => isBad(sessionId, bad) && (hook() as boolean),
    }),
  'a listener of sessions': (server, hook) => {
    for (const name of ['connected', 'subscribe', 'unsubscribe', 'disconnect'] as const) {
      server.on(name, ({ sessionId }) => (isBad(sessionId, bad) ? hook() : undefined));
    }
  },
};

for (const [placeName, place] of Object.entries(PLACES)) {
  for (const [actName, act] of Object.entries(ACTS)) {
    test(`${placeName} ${actName}: nobody else is harmed`, async (t) => {
      await check(t, place, act);
    });
  }
}

async function check(t: TestContext, place: Place, act: Act): Promise<void> {
  const unhandled: unknown[] = [];
  const note = (error: unknown): number => unhandled.push(error);
  process.on('unhandledRejection', note).on('uncaughtException', note);
  t.after(() => process.off('unhandledRejection', note).off('uncaughtException', note));
  const { server, connect, settle, time } = memoryServer();
  t.after(() => server.close());
  server.app.map('/fine', () => 'fine');
  const good = await connect('good');
  await good.subscribe('/topic/a');
  const peer = await connect('bad');
  bad.sessionId = peer.sessionId;
  let depth = 0;
  let callCount = 0;
  place(server, () => {
    callCount += 1;
    // What calls back in meets the hook again.
    if (depth > 2) return undefined;
    depth += 1;
    try {
      return act({ server, peer });
    } finally {
      depth -= 1;
    }
  });
  await peer.say(
    { type: 'subscribe', id: 1, destination: '/topic/a' },
    { type: 'subscribe', id: 2, destination: '/topic/guarded' },
    { type: 'send', id: 3, destination: '/topic/a', body: 'of the bad' },
  );
  await peer.say(
    { type: 'request', id: 4, destination: '/app/hook', body: {} },
    { type: 'send', id: 5, destination: '/app/hook', body: {} },
    { type: 'subscribe', id: 6, destination: '/app/hook' },
    { type: 'unsubscribe', id: 7, destination: '/topic/a' },
  );
  const heard = await good.say(
    { type: 'send', id: 1, destination: '/topic/a', body: 'of the good' },
    { type: 'request', id: 2, destination: '/app/fine' },
  );
  assert.ok(told(heard).some(([, body]) => body === 'of the good'));
  assert.ok(heard.some(({ type, id }) => type === 'receipt' && id === 1));
  assert.ok(heard.some(({ type, body }) => type === 'reply' && body === 'fine'));
  time.advance(40_000);
  await settle();
  peer.pair.cut();
  await settle();
  assert.ok(callCount > 0, 'the hook was called');
  assert.equal(good.pair.ended, undefined);
  assert.equal(server.sessionCount, 1);
  const later = await good.say({ type: 'send', id: 3, destination: '/topic/a', body: 'still' });
  assert.ok(told(later).some(([, body]) => body === 'still'));
  assert.deepEqual(unhandled, []);
}

test('a hook that closes the server from within gets its promise, and the server closes', async () => {
  const closing: ((server: TidewayServer, close: () => Promise<void>) => void)[] = [
    (server, close) => server.app.map('/hook', close),
    (server, close) =>
      void server.intercept({ inbound: (one) => (one.kind === 'request' ? close() : undefined) }),
    (server, close) => void server.on('subscribe', close),
    (server, close) => server.onClose(() => void close()),
  ];
  for (const [index, place] of closing.entries()) {
    const { server, connect, settle } = memoryServer();
    let closed: Promise<void> | undefined;
    place(server, () => (closed = server.close()));
    const peer = await connect('ada');
    peer.pair.sendText('{"type":"subscribe","destination":"/topic/a"}');
    peer.pair.sendText('{"type":"request","id":1,"destination":"/app/hook"}');
    await settle();
    if (index === 3) void server.close();
    await server.close();
    assert.ok(closed !== undefined, String(index));
    await closed;
  }
});
