/** Proves the events of sessions through real sockets: what they say, and how each kind of end is told (semantics L). */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  createServer,
  RequestError,
  type DisconnectEvent,
  type ServerOptions,
  type SessionEventName,
} from 'tideway';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

const EVENTS: readonly SessionEventName[] = [
  'connect',
  'connected',
  'subscribe',
  'unsubscribe',
  'disconnect',
];

async function run(t: TestContext, options: ServerOptions = {}) {
  const server = createServer(options);
  await server.listen({ port: 0 });
  t.after(() => server.close());
  const told: string[] = [];
  for (const name of EVENTS) server.on(name, () => void told.push(name));
  const disconnected = (): Promise<DisconnectEvent> =>
    new Promise((resolve) => {
      const off = server.on('disconnect', (event) => {
        off();
        resolve(event);
      });
    });
  return { server, told, disconnected };
}

test('[L1][L2] a life from its connect to its goodbye, with whose it is', async (t) => {
  const { server, told, disconnected } = await run(t, {
    authenticate: async ({ token }) => ({ name: token, claims: {}, expiresAtMs: undefined }),
  });
  const events: Record<string, unknown> = {};
  for (const name of EVENTS) server.on(name, (event) => (events[name] = event));
  const ended = disconnected();
  const peer = await NativePeer.open(server.url, { token: 'ada' });
  peer.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await peer.frame('subscribed', { id: 1 });
  peer.send({ type: 'unsubscribe', id: 2, destination: '/topic/a' });
  peer.send({ type: 'subscribe', id: 3, destination: '/topic/never/ended' });
  await peer.frame('subscribed', { id: 3 });
  peer.send({ type: 'disconnect' });
  const { connectionId, sessionId, ...rest } = await ended;
  const principal = { name: 'ada', claims: {}, expiresAtMs: undefined };
  assert.deepEqual(rest, { principal, reason: 'clean', closeCode: 1000, code: undefined });
  assert.deepEqual(told, [
    'connect',
    'connected',
    'subscribe',
    'unsubscribe',
    'subscribe',
    'disconnect',
  ]);
  const connected = events['connected'] as Record<string, unknown>;
  assert.deepEqual(
    [
      connected['connectionId'],
      connected['sessionId'],
      connected['dialect'],
      connected['transport'],
    ],
    [connectionId, sessionId, 'native', 'websocket'],
  );
  assert.equal((await peer.frame('connected'))['sessionId'], sessionId);
  assert.deepEqual(events['unsubscribe'], {
    sessionId,
    principal,
    id: '/topic/a',
    destination: '/topic/a',
    reason: 'unsubscribed',
    code: undefined,
  });
});

test('[L1] an unsubscribe says why the subscription ended', async (t) => {
  const { server } = await run(t);
  server.app.map('/once', () => 1);
  const reasons: unknown[] = [];
  const both = new Promise<void>((resolve) => {
    server.on('unsubscribe', ({ destination, reason, code }) => {
      reasons.push([destination, reason, code]);
      if (reasons.length === 2) resolve();
    });
  });
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'subscribe', destination: '/app/once' });
  await peer.frame('ended');
  peer.send({ type: 'subscribe', id: 2, destination: '/topic/a' });
  await peer.frame('subscribed', { id: 2 });
  server.access.deny('subscribe', '/topic/a');
  await server.publish('/topic/a', 1);
  await both;
  assert.deepEqual(reasons, [
    ['/app/once', 'ended', undefined],
    ['/topic/a', 'refused', 'access/denied'],
  ]);
});

test('[L2] every kind of end is told once, with its reason', async (t) => {
  const { server, told, disconnected } = await run(t, {
    authenticate: async ({ token }) => {
      if (token === 'bad') throw new RequestError('access/invalid-token', 'no');
      const expiresAtMs = token === 'short' ? Date.now() + 50 : undefined;
      return { name: token, claims: {}, expiresAtMs };
    },
  });
  const endOf = async (token: string, end: (peer: NativePeer) => unknown): Promise<unknown[]> => {
    told.length = 0;
    const ended = disconnected();
    const peer = await NativePeer.open(server.url, { token });
    if (token === 'ada') await peer.frame('connected');
    await end(peer);
    const { reason, code, sessionId, closeCode } = await ended;
    assert.equal(told.filter((name) => name === 'disconnect').length, 1);
    return [reason, code, closeCode, sessionId !== undefined, told.length];
  };
  assert.deepEqual(await endOf('ada', (peer) => peer.close()), ['clean', undefined, 1005, true, 3]);
  assert.deepEqual(await endOf('ada', (peer) => peer.socket.terminate()), [
    'lost',
    undefined,
    1006,
    true,
    3,
  ]);
  assert.deepEqual(await endOf('bad', () => {}), [
    'disconnected',
    'session/invalid-token',
    4501,
    false,
    2,
  ]);
  assert.deepEqual(await endOf('short', () => {}), [
    'disconnected',
    'session/token-expired',
    4002,
    true,
    3,
  ]);
});

test('[L2] a connection that breaks, or a server that closes, during authentication: connect and disconnect, nothing else', async (t) => {
  const { server, told, disconnected } = await run(t, {
    // Settles when the test has ended, if at all.
    authenticate: () => new Promise(() => {}),
  });
  const asked = (): Promise<void> =>
    new Promise((resolve) => {
      const off = server.on('connect', () => {
        off();
        resolve();
      });
    });
  for (const end of ['break', 'close'] as const) {
    told.length = 0;
    const [begun, ended] = [asked(), disconnected()];
    const peer = await NativePeer.open(server.url);
    await begun;
    if (end === 'break') peer.socket.terminate();
    else await server.close();
    const { reason, code, sessionId } = await ended;
    assert.deepEqual(
      [reason, code, sessionId],
      end === 'break'
        ? ['lost', undefined, undefined]
        : ['disconnected', 'server/shutdown', undefined],
    );
    assert.deepEqual(told, ['connect', 'disconnect']);
  }
});

test('[L3] a listener that throws or rejects is logged and harms nobody; a withdrawn one hears nothing', async (t) => {
  const errors: string[] = [];
  const ignore = (): void => {};
  const error = (message: string): void => void errors.push(message);
  const { server, told, disconnected } = await run(t, {
    log: { debug: ignore, info: ignore, warn: ignore, error },
  });
  server.on('connect', () => assert.fail('a listener that throws'));
  server.on('connect', () => Promise.reject(new Error('one that rejects')));
  server.on('connect', () => void told.push('the one after them'));
  server.on('connect', () => assert.fail('withdrawn'))();
  const ended = disconnected();
  const peer = await NativePeer.open(server.url);
  await peer.frame('connected');
  await peer.close();
  await ended;
  assert.deepEqual(told, ['connect', 'the one after them', 'connected', 'disconnect']);
  const failed = 'a listener of session events failed';
  assert.deepEqual(errors, [failed, failed]);
  assert.throws(() => server.on('disconnected' as never, ignore), /there are connect, connected/);
  assert.throws(() => server.on('connect', undefined as never), /no listener/);
});

test('[L1][L2] a STOMP session has the same life: goodbye, broken link, refused CONNECT', async (t) => {
  const { server, told, disconnected } = await run(t, {
    authenticate: async ({ login }) => {
      if (login === 'bad') throw new RequestError('access/invalid-token', 'no');
      return { name: login, claims: {}, expiresAtMs: undefined };
    },
  });
  const dialects: unknown[] = [];
  server.on('connected', ({ dialect }) => dialects.push(dialect));
  const endOf = async (login: string, end: (peer: StompPeer) => unknown): Promise<unknown> => {
    told.length = 0;
    const ended = disconnected();
    const peer = await StompPeer.dial(server.url);
    peer.say('CONNECT', { 'accept-version': '1.2', host: 'a', login });
    await end(peer);
    const { reason, code } = await ended;
    return [reason, code, told.join(' ')];
  };
  const subscribed = async (peer: StompPeer): Promise<void> => {
    peer.say('SUBSCRIBE', { id: '7', destination: '/topic/a', receipt: '1' });
    await peer.frame('RECEIPT');
  };
  const leave = async (peer: StompPeer): Promise<void> => {
    await subscribed(peer);
    peer.say('UNSUBSCRIBE', { id: '7' });
    peer.say('DISCONNECT', { receipt: '2' });
  };
  assert.deepEqual(await endOf('ada', leave), [
    'clean',
    undefined,
    'connect connected subscribe unsubscribe disconnect',
  ]);
  const breakLink = async (peer: StompPeer): Promise<void> => {
    await subscribed(peer);
    peer.socket.terminate();
  };
  assert.deepEqual(await endOf('ada', breakLink), [
    'lost',
    undefined,
    'connect connected subscribe disconnect',
  ]);
  assert.deepEqual(await endOf('bad', () => {}), [
    'disconnected',
    'session/invalid-token',
    'connect disconnect',
  ]);
  const fault = async (peer: StompPeer): Promise<void> => {
    await peer.frame('CONNECTED');
    peer.say('NONSENSE');
  };
  assert.deepEqual(await endOf('ada', fault), [
    'disconnected',
    'session/protocol-error',
    'connect connected disconnect',
  ]);
  assert.deepEqual(dialects, ['stomp', 'stomp', 'stomp']);
});
