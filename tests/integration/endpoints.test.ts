/** Proves prefixes and endpoints through real sockets: where the mounts stand, and what each path takes (semantics D5). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { createServer, type ServerOptions } from 'tideway';
import { WebSocket } from 'ws';
import { NativePeer } from './native-peer.js';

async function run(t: TestContext, options: ServerOptions) {
  const server = createServer(options);
  await server.listen({ port: 0 });
  t.after(() => server.close());
  const url = (path: string): string => `${server.url!.replace(/^http/, 'ws')}${path}`;
  return { server, url };
}

/** What comes of a handshake: the agreed subprotocol, or the refusing status. */
async function handshake(
  url: string,
  subprotocols: string[],
  origin?: string,
): Promise<string | number> {
  const socket = new WebSocket(url, subprotocols, origin === undefined ? {} : { origin });
  return new Promise((resolve) => {
    socket.on('open', () => {
      resolve(socket.protocol);
      socket.close();
    });
    socket.on('error', () => {});
    socket.on('unexpected-response', (_, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
}

test('a path agrees upon the subprotocols of its dialects and upon no other', async (t) => {
  const { server, url } = await run(t, {
    path: '/ws',
    endpoints: [
      { path: '/native', dialects: ['native'] },
      { path: '/stomp', dialects: ['stomp'] },
    ],
  });
  const asked = ['v12.stomp', 'tideway.v1'];
  assert.equal(await handshake(url('/ws'), asked), 'v12.stomp');
  assert.equal(await handshake(url('/native'), asked), 'tideway.v1');
  assert.equal(await handshake(url('/stomp'), asked.toReversed()), 'v12.stomp');
  assert.equal(await handshake(url('/elsewhere'), []), 404);
  assert.deepEqual(
    server.endpoints.map(({ path, dialects }) => [path, dialects.length]),
    [
      ['/ws', 2],
      ['/native', 1],
      ['/stomp', 1],
    ],
  );
});

test('a first message of a dialect that the path does not offer ends the connection', async (t) => {
  const { url } = await run(t, { endpoints: [{ path: '/stomp', dialects: ['stomp'] }] });
  const socket = new WebSocket(url('/stomp'));
  await once(socket, 'open');
  socket.send('{"type":"connect"}');
  const [closeCode, reason] = (await once(socket, 'close')) as [number, Buffer];
  assert.deepEqual([closeCode, String(reason)], [4503, 'session/unknown-dialect']);
});

test('[A4] Origins are those of the server unless the path has its own', async (t) => {
  const { server, url } = await run(t, {
    allowedOrigins: ['https://shop.example'],
    endpoints: [{ path: '/ws' }, { path: '/open', allowedOrigins: ['https://other.example'] }],
  });
  const [shop, other] = ['https://shop.example', 'https://other.example'];
  assert.equal(await handshake(url('/ws'), ['tideway.v1'], shop), 'tideway.v1');
  assert.equal(await handshake(url('/ws'), ['tideway.v1'], other), 403);
  assert.equal(await handshake(url('/open'), ['tideway.v1'], other), 'tideway.v1');
  assert.equal(await handshake(url('/open'), ['tideway.v1'], shop), 403);
  for (const path of ['/ws', '/open']) {
    assert.equal(await handshake(url(path), ['tideway.v1'], server.url), 'tideway.v1');
  }
});

test('[D5] mounts stand where the configuration says: queues of work at /queue, users and mappings elsewhere', async (t) => {
  const { server } = await run(t, {
    prefixes: { topic: '/t', work: ['/queue'], user: '/me', app: ['/app', '/api'] },
  });
  server.app.map('/hello', ({ body }) => ({ hello: body }));
  const peer = await NativePeer.open(server.url);
  const codeOf = async (id: number, frame: object): Promise<unknown> => {
    peer.send({ id, ...frame });
    const answer = await Promise.race(
      ['receipt', 'error', 'reply', 'subscribed'].map((type) => peer.frame(type, { id })),
    );
    return answer['code'] ?? answer.type;
  };
  assert.equal(
    await codeOf(1, { type: 'send', destination: '/topic/a', body: 1 }),
    'destination/unknown',
  );
  assert.equal(await codeOf(2, { type: 'send', destination: '/t/a', body: 1 }), 'receipt');
  assert.equal(await codeOf(3, { type: 'request', destination: '/api/hello', body: 1 }), 'reply');
  // A queue keeps what nobody has subscribed to yet.
  assert.equal(
    await codeOf(4, { type: 'send', destination: '/queue/jobs', body: 'kept' }),
    'receipt',
  );
  assert.equal(await codeOf(5, { type: 'subscribe', destination: '/queue/jobs' }), 'subscribed');
  assert.equal((await peer.frame('publication'))['body'], 'kept');
  // What speaks in the server's name is closed by default wherever it stands (semantics A2).
  const toUser = { type: 'send', destination: '/me/ada/queue/x', body: 1 };
  assert.equal(await codeOf(6, toUser), 'access/denied');
  assert.deepEqual(server.prefixes.topic, ['/t']);
});

test('a value of a mapping goes to the first prefix of the topics', async (t) => {
  const { server } = await run(t, { prefixes: { topic: ['/news', '/topic'] } });
  server.app.map('/greet', ({ body }) => ({ greeting: body }));
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'subscribe', id: 1, destination: '/news/greet' });
  await peer.frame('subscribed', { id: 1 });
  peer.send({ type: 'send', destination: '/app/greet', body: 'hi' });
  assert.deepEqual((await peer.frame('publication'))['body'], { greeting: 'hi' });
});
