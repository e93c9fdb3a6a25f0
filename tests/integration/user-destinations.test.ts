/** Proves user destinations through a server: all sessions of a user, one of them, anonymous ones, names of any spelling. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeName, RequestError } from 'tideway';
import { memoryServer, told } from './memory-peer.js';

const OWN = '/user/queue/x';

test('[U1] [U2] a message to a user reaches all of its sessions, one to a session id that one alone, in their order', async () => {
  const { server, connect, settle } = memoryServer();
  const [phone, laptop, bob, nobody] = [
    await connect('ada'),
    await connect('ada'),
    await connect('bob'),
    await connect(),
  ];
  for (const peer of [phone, laptop, bob, nobody]) await peer.subscribe(OWN);
  await server.publish('/user/ada/queue/x', 1);
  await server.publish(`/user/${phone.sessionId}/queue/x`, 2);
  await server.publish('/user/ada/queue/x', 3, {
    audience: { exceptSessionId: phone.sessionId },
  });
  await server.publish('/user/ada/queue/x', 4, { audience: { onlySessionId: phone.sessionId } });
  await server.publish(`/user/${nobody.sessionId}/queue/x`, 5);
  // A session of somebody else is for nobody, rather than for all.
  await server.publish('/user/ada/queue/x', 6, { audience: { onlySessionId: bob.sessionId } });
  // The session that the destination names counts.
  await server.publish(`/user/${phone.sessionId}/queue/x`, 7, {
    audience: { onlySessionId: laptop.sessionId },
  });
  await settle();
  const bodies = [phone, laptop, bob, nobody].map((peer) =>
    told(peer.heard()).map(([, body]) => body),
  );
  assert.deepEqual(bodies, [[1, 2, 4, 7], [1, 3], [], [5]]);
  await server.close();
});

test('[A1] [U2] nobody is called as a live session: what is for that name would go there', async () => {
  const { server, connect, settle } = memoryServer();
  server.app.map('/mine', { sendToUser: '/queue/x' }, () => 'a value');
  const victim = await connect();
  await victim.subscribe(OWN);
  const other = await connect(victim.sessionId);
  assert.equal(other.pair.ended?.reason, 'session/invalid-token');
  await other.say({ type: 'send', destination: '/app/mine' });
  assert.deepEqual(victim.heard(), []);
  // Of a session that is gone it is a name like any other.
  victim.pair.close();
  await settle();
  assert.notEqual((await connect(victim.sessionId)).sessionId, 'undefined');
  await server.close();
});

test('a sender with the right to it may name its own session', async () => {
  const { server, connect } = memoryServer();
  const [phone, laptop] = [await connect('ada'), await connect('ada')];
  for (const peer of [phone, laptop]) await peer.subscribe(OWN);
  const destination = `/user/${phone.sessionId}/queue/x`;
  const heard = await phone.say({ type: 'send', destination, body: 'mine' });
  assert.deepEqual([told(heard), told(laptop.heard())], [[[OWN, 'mine']], []]);
  await server.close();
});

test('[U3] a name is spelled in one way: "/" is "%2F", "%" is "%25", and what would be another spelling is refused', async () => {
  const { server, connect, settle } = memoryServer();
  const names = ['a/b', 'a%2Fb', '100%', 'Zoë', '.', '{x}'];
  const peers = await Promise.all(names.map((name) => connect(name)));
  for (const peer of peers) await peer.subscribe(OWN);
  for (const name of names) await server.publish(`/user/${escapeName(name)}/queue/x`, name);
  await settle();
  const bodies = peers.map((peer) => told(peer.heard()).map(([, body]) => body));
  assert.deepEqual(
    bodies,
    names.map((name) => [name]),
  );
  assert.deepEqual(names.slice(0, 4).map(escapeName), ['a%2Fb', 'a%252Fb', '100%25', 'Zoë']);
  for (const segment of ['100%', 'a%2fb', '%61da', '%FF', '%2', 'Zo%C3%AB']) {
    await assert.rejects(
      server.publish(`/user/${segment}/queue/x`, 1),
      (error) => error instanceof RequestError && error.code === 'destination/invalid',
      segment,
    );
  }
  await server.close();
});

test('a user that comes back gets what it missed, but for what was meant for the session that is gone', async () => {
  const { server, connect, settle } = memoryServer();
  const first = await connect('ada');
  await first.say({ type: 'subscribe', id: 1, destination: OWN });
  await server.publish('/user/ada/queue/x', 1);
  await settle();
  const [seen] = first.heard();
  const cursor = `${String(seen?.['epoch'])}:${String(seen?.['offset'])}`;
  first.pair.cut();
  await settle();
  await server.publish('/user/ada/queue/x', 2, { audience: { onlySessionId: first.sessionId } });
  await server.publish('/user/ada/queue/x', 3);
  const second = await connect('ada');
  const heard = await second.say({ type: 'subscribe', id: 1, destination: OWN, cursor });
  assert.equal(heard[0]?.['recovered'], true);
  assert.deepEqual(told(heard), [[OWN, 3]]);
  await server.close();
});

test('a rule of topics means user destinations by the name that their subscribers know', async () => {
  const limits = { maxBufferedBytes: 100 };
  const topics = { '/user/queue/small': { liveRingBytes: 1_000 } };
  const { server, connect, settle } = memoryServer({ topics, limits });
  const ada = await connect('ada');
  await ada.subscribe('/user/queue/small', '/user/queue/large');
  ada.pair.stopReading();
  for (let count = 0; count < 10; count++) {
    await server.publish('/user/ada/queue/large', 'x'.repeat(200));
    await settle();
  }
  assert.equal(ada.pair.ended?.closeCode, undefined);
  for (let count = 0; count < 10; count++) {
    await server.publish('/user/ada/queue/small', 'x'.repeat(200));
    await settle();
  }
  ada.pair.readOn();
  await settle();
  assert.equal(ada.pair.ended?.closeCode, 4001);
  await server.close();
});

test('[U1] a destination without its "/" is refused, and does not become one of another user', async () => {
  const { server, connect, settle } = memoryServer();
  server.app.map('/tell', async ({ sendToUser }) => {
    await sendToUser('ada', 'queue/x', 'secret');
  });
  const other = await connect('adaqueue');
  await other.subscribe('/user/x');
  for (const destination of ['queue/x', '', '/queue/*', '/queue//x']) {
    await assert.rejects(
      server.sendToUser('ada', destination, 'secret'),
      (error) => error instanceof RequestError && error.code === 'destination/invalid',
    );
  }
  const [answer] = await other.say({ type: 'request', id: 1, destination: '/app/tell' });
  assert.equal(answer?.['code'], 'destination/invalid');
  await settle();
  assert.deepEqual(told(other.heard()), []);
  await server.close();
});

test('the server and its handlers send to users below the same prefix', async () => {
  const { server, connect } = memoryServer({
    prefixes: { user: ['/user', '/me'] },
    mappings: { userPrefix: '/me' },
  });
  server.app.map('/tell', async ({ sendToUser }) => {
    await sendToUser('ada', '/queue/x', 'by a handler');
  });
  const ada = await connect('ada');
  await ada.subscribe('/me/queue/x');
  await server.sendToUser('ada', '/queue/x', 'by the server');
  const heard = await ada.say({ type: 'send', destination: '/app/tell' });
  assert.deepEqual(
    told(heard).map(([, body]) => body),
    ['by the server', 'by a handler'],
  );
  await server.close();
});

test('[D5] no pattern of a topic reaches user destinations, also where their prefix stands below that of the topics', async () => {
  const prefixes = { topic: '/topic', user: ['/user', '/topic/user'] };
  const { server, connect, settle } = memoryServer({ prefixes });
  const [ada, spy] = [await connect('ada'), await connect('eve')];
  await ada.subscribe('/topic/user/queue/x');
  for (const pattern of ['/topic/**', '/topic/*/*/queue/x', '/topic/*/p:ada/queue/x']) {
    await spy.subscribe(pattern);
  }
  await server.publish('/topic/user/ada/queue/x', 'for ada');
  await server.publish('/topic/user/nobody/queue/x', 'for nobody here');
  await settle();
  assert.deepEqual(told(ada.heard()), [['/topic/user/queue/x', 'for ada']]);
  assert.deepEqual(told(spy.heard()), []);
  await server.close();
});
