/** Proves subscriptions that the server makes for a session, and the registry of users that shows them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from 'tideway';
import { memoryServer, told } from './memory-peer.js';
import { StompPeer } from './stomp-peer.js';

function joining() {
  const rig = memoryServer();
  const { server } = rig;
  server.access.deny('subscribe', '/topic/room/**');
  server.app.map('/join/{room}', async ({ session, variables }) => {
    await session?.subscribe(`/topic/room/${variables.room}`);
  });
  server.app.map('/leave/{room}', ({ session, variables }) =>
    session?.unsubscribe(`/topic/room/${variables.room}`),
  );
  return rig;
}

test('[H5] the server subscribes a session past its rights, tells its client, and takes it out again', async () => {
  const { server, connect } = joining();
  const ada = await connect('ada');
  const joined = await ada.say({ type: 'request', id: 1, destination: '/app/join/a' });
  const [subscribed, reply] = joined;
  assert.deepEqual(
    [subscribed?.type, subscribed?.['destination'], subscribed?.['id']],
    ['subscribed', '/topic/room/a', undefined],
  );
  assert.equal(reply?.type, 'reply');
  const again = await ada.say({ type: 'request', id: 2, destination: '/app/join/a' });
  assert.deepEqual(
    again.map(({ type }) => type),
    ['reply'],
  );
  const heard = await ada.say({ type: 'send', destination: '/topic/room/a', body: 'hello' });
  assert.deepEqual(told(heard), [['/topic/room/a', 'hello']]);

  const left = await ada.say({ type: 'request', id: 3, destination: '/app/leave/a' });
  assert.deepEqual(
    left.map(({ type, body }) => [type, body]),
    [
      ['unsubscribed', undefined],
      ['reply', true],
    ],
  );
  const silence = await ada.say({ type: 'send', destination: '/topic/room/a', body: 'hello' });
  assert.deepEqual(silence, []);
  const [none] = await ada.say({ type: 'request', id: 4, destination: '/app/leave/a' });
  assert.equal(none?.['body'], false);
  await server.close();
});

test('a new rule and a renewed token leave a subscription of the server alone; the client may end it', async () => {
  const { server, connect } = joining();
  const ada = await connect('ada');
  await ada.say({ type: 'send', destination: '/app/join/a' });
  server.access.deny('subscribe', '/**');
  await ada.say({ type: 'authenticate', id: 1, token: 'ada' });
  const heard = await ada.say({ type: 'send', destination: '/topic/room/a', body: 1 });
  assert.deepEqual(told(heard), [['/topic/room/a', 1]]);
  const [gone] = await ada.say({ type: 'unsubscribe', id: 2, destination: '/topic/room/a' });
  assert.equal(gone?.type, 'unsubscribed');
  assert.deepEqual(await ada.say({ type: 'send', destination: '/topic/room/a', body: 2 }), []);
  await server.close();
});

test('[H5] a client with the right takes over a subscription of the server, which cannot end it any more', async () => {
  const { server, connect } = joining();
  server.app.map('/watch', ({ session }) => session?.subscribe('/topic/open'));
  server.app.map('/unwatch', ({ session }) => session?.unsubscribe('/topic/open'));
  const ada = await connect('ada');
  await ada.say({ type: 'send', destination: '/app/join/a' });
  const [refused] = await ada.say({ type: 'subscribe', id: 1, destination: '/topic/room/a' });
  assert.equal(refused?.['code'], 'access/denied');
  const kept = await ada.say({ type: 'send', destination: '/topic/room/a', body: 1 });
  assert.deepEqual(told(kept), [['/topic/room/a', 1]]);

  await ada.say({ type: 'send', destination: '/app/watch' });
  const [taken] = await ada.say({ type: 'subscribe', id: 2, destination: '/topic/open' });
  assert.deepEqual([taken?.type, taken?.['id']], ['subscribed', 2]);
  const heard = await ada.say({ type: 'send', destination: '/topic/open', body: 2 });
  assert.deepEqual(told(heard), [['/topic/open', 2]]);
  const [denied] = await ada.say({ type: 'request', id: 3, destination: '/app/unwatch' });
  assert.equal(denied?.['code'], 'access/denied');
  await server.close();
});

test('subscriptions of the server count towards the limit, and end with their session', async () => {
  const { server, connect, settle } = (() => {
    const rig = memoryServer({ limits: { maxSubscriptionCount: 2 } });
    rig.server.app.map('/join/{room}', ({ session, variables }) =>
      session?.subscribe(`/topic/room/${variables.room}`),
    );
    return rig;
  })();
  const ada = await connect('ada');
  const answers = await ada.say(
    ...[1, 2, 3].map((id) => ({ type: 'request', id, destination: `/app/join/${id}` })),
  );
  assert.equal(answers.find(({ id }) => id === 3)?.['code'], 'subscription/too-many');
  assert.equal(server.users.session(ada.sessionId)?.subscriptions.length, 2);
  ada.pair.cut();
  await settle();
  assert.equal(server.users.session(ada.sessionId), undefined);
  await server.close();
});

test('the registry of users answers who is there, with which sessions and subscriptions', async () => {
  const { server, connect, settle } = joining();
  const { users } = server;
  const [phone, laptop, bob, nobody] = [
    await connect('ada'),
    await connect('ada'),
    await connect('bob'),
    await connect(),
  ];
  await phone.subscribe('/topic/a', '/topic/*');
  await bob.say({ type: 'send', destination: '/app/join/x' });
  assert.deepEqual([users.count, users.sessionCount, users.names], [2, 4, ['ada', 'bob']]);
  assert.deepEqual([users.has('ada'), users.has('eve')], [true, false]);
  const ofAda = users.sessionsOf('ada');
  assert.deepEqual(
    ofAda.map(({ sessionId, name, transport }) => [sessionId, name, transport]),
    [phone, laptop].map(({ sessionId }) => [sessionId, 'ada', 'memory']),
  );
  assert.deepEqual(
    ofAda[0]?.subscriptions.map(({ id, destination }) => [id, destination]),
    [
      ['/topic/a', '/topic/a'],
      ['/topic/*', '/topic/*'],
    ],
  );
  assert.equal(users.session(nobody.sessionId)?.name, undefined);
  assert.deepEqual(users.sessionsOf('eve'), []);
  assert.deepEqual(
    users.findSubscriptions(({ destination }) => destination === '/topic/room/x'),
    [{ sessionId: bob.sessionId, id: '/topic/room/x', destination: '/topic/room/x' }],
  );
  phone.pair.cut();
  await settle();
  assert.deepEqual([users.count, users.has('ada')], [2, true]);
  laptop.pair.cut();
  await settle();
  assert.deepEqual([users.count, users.sessionCount, users.names], [1, 2, ['bob']]);
  await server.close();
});

test('[H5] a client that is refused what the server subscribed it to keeps that subscription', async () => {
  const { server, connect } = memoryServer({ limits: { maxSubscriptionCount: 1 } });
  server.app.map('/join', ({ session }) => session?.subscribe('/topic/room'));
  const ada = await connect('ada');
  await ada.say({ type: 'send', destination: '/app/join' });
  const subscribe = { type: 'subscribe', id: 1, destination: '/topic/room' };
  const [refused] = await ada.say({ ...subscribe, policy: 'nonsense' });
  assert.equal(refused?.type, 'error');
  const kept = await ada.say({ type: 'send', destination: '/topic/room', body: 1 });
  assert.deepEqual(told(kept), [['/topic/room', 1]]);
  const [taken] = await ada.say(subscribe);
  assert.equal(taken?.type, 'subscribed');
  const heard = await ada.say({ type: 'send', destination: '/topic/room', body: 2 });
  assert.deepEqual(told(heard), [['/topic/room', 2]]);
  assert.equal(server.users.session(ada.sessionId)?.subscriptions.length, 1);
  await server.close();
});

test('[H5] who has given that id to another destination: the server is told, and nothing is taken over', async (t) => {
  const server = createServer();
  t.after(() => server.close());
  const codes: unknown[] = [];
  server.app.map('/join', async ({ session }) => {
    await session?.subscribe('/topic/room').catch((error: { code: unknown }) => {
      codes.push(error.code);
    });
  });
  await server.listen({ port: 0 });
  const first = await StompPeer.open(server.url);
  first.say('SUBSCRIBE', { id: '/topic/room', destination: '/topic/other', receipt: 'a' });
  await first.frame('RECEIPT', { 'receipt-id': 'a' });
  first.say('SEND', { destination: '/app/join', receipt: 'b' });
  await first.frame('RECEIPT', { 'receipt-id': 'b' });
  assert.deepEqual(codes, ['subscription/exists']);

  const second = await StompPeer.open(server.url);
  second.say('SEND', { destination: '/app/join', receipt: 'c' });
  await second.frame('RECEIPT', { 'receipt-id': 'c' });
  second.say('SUBSCRIBE', { id: '/topic/room', destination: '/topic/other' });
  await second.frame('ERROR');
  await second.closed;
  assert.equal(codes.length, 1);
  first.close();
});

test('[H5] a second call while the first is opening waits until the subscription is live', async () => {
  const { server, connect } = memoryServer();
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  server.mount('/slow', {
    kind: 'reply',
    subscribe: async () => {
      await opened;
      return { source: { pull: () => undefined, close: () => {} } };
    },
  });
  const log: string[] = [];
  server.app.map('/join/{who}', { concurrency: 'parallel' }, async ({ session, variables }) => {
    await session?.subscribe('/slow/a');
    log.push(variables.who);
  });
  const ada = await connect('ada');
  await ada.say(
    { type: 'send', destination: '/app/join/first' },
    { type: 'send', destination: '/app/join/second' },
  );
  assert.deepEqual(log, []);
  open();
  const heard = await ada.say();
  assert.deepEqual(new Set(log), new Set(['first', 'second']));
  assert.equal(heard.filter(({ type }) => type === 'subscribed').length, 1);
  await server.close();
});

test('[O3] [H5] a handler subscribes its session to a mapping, and is not waited for by it', async () => {
  const { server, connect, errors } = memoryServer();
  server.app.map('/welcome', () => 'welcome');
  server.app.map('/join', async ({ session }) => {
    await session?.subscribe('/app/welcome');
    return 'joined';
  });
  const ada = await connect('ada');
  const heard = await ada.say(
    { type: 'request', id: 1, destination: '/app/join' },
    { type: 'request', id: 2, destination: '/app/welcome' },
  );
  assert.deepEqual(
    heard.map((frame) => [frame.type, frame['destination'] ?? frame['id'], frame['body']]),
    [
      ['subscribed', '/app/welcome', undefined],
      ['publication', '/app/welcome', 'welcome'],
      ['ended', '/app/welcome', undefined],
      ['reply', 1, 'joined'],
      ['reply', 2, 'welcome'],
    ],
  );
  assert.deepEqual(errors, []);
  await server.close();
});

test('[H5] handlers that subscribe their session to each other, or to themselves, do not wait for ever', async () => {
  const { server, connect, errors } = memoryServer();
  const next: Readonly<Record<string, string>> = { a: 'b', b: 'c', c: 'a', self: 'self' };
  server.app.map('/{name}', async ({ operation, session, variables: { name } }) => {
    if (operation !== 'subscribe') await session?.subscribe(`/app/${name}`);
    else await session?.subscribe(`/app/${next[name]}`);
    return name;
  });
  for (const name of ['a', 'self']) {
    const ada = await connect('ada');
    const heard = await ada.say({ type: 'request', id: 1, destination: `/app/${name}` });
    assert.equal(heard.find(({ type }) => type === 'reply')?.['body'], name);
    const expected = name === 'a' ? ['c', 'b', 'a'] : ['self'];
    assert.deepEqual(
      told(heard),
      expected.map((one) => [`/app/${one}`, one]),
    );
  }
  assert.deepEqual(errors, []);
  await server.close();
});

test('[O3] what runs beside the line for the server is bounded like the rest', async () => {
  const { server, connect } = memoryServer({ limits: { maxWaitingHandlerCount: 2 } });
  server.app.map('/never/{n}', () => new Promise(() => {}));
  server.app.map('/join', async ({ session }) => {
    const asked = [1, 2, 3].map(async (n) => session?.subscribe(`/app/never/${n}`));
    return Promise.race(asked).catch((error: unknown) => (error as { code: string }).code);
  });
  const ada = await connect('ada');
  const [reply] = await ada.say({ type: 'request', id: 1, destination: '/app/join' });
  assert.equal(reply?.['body'], 'app/busy');
  await server.close();
});
