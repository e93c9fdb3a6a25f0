/** Proves that a program around the server cannot break it by a slip: hooks that throw or forget to answer, a server that listens twice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  createServer,
  MemoryMetrics,
  type Authenticate,
  type Log,
  type ServerOptions,
} from 'tideway';
import { WebSocket, WebSocketServer } from 'ws';
import { ConnectionPair, VirtualTime } from 'tideway/testing';

interface Heard {
  readonly errors: string[];
  readonly log: Log;
}

function hearing(): Heard {
  const errors: string[] = [];
  const silent = (): void => {};
  const error = (message: string): number => errors.push(message);
  return { errors, log: { debug: silent, info: silent, warn: silent, error } };
}

function rig(options: ServerOptions = {}) {
  const time = new VirtualTime();
  const { errors, log } = hearing();
  // Handlers of these tests may hang.
  const limits = { drainTimeoutMs: 0, ...options.limits };
  const server = createServer({ ...options, limits, time, log });
  server.access.allow('any', '/**');
  const pair = new ConnectionPair(time, server.accept);
  const say = async (frame: object): Promise<void> => {
    pair.sendText(JSON.stringify(frame));
    await turn();
    time.advance(0);
    await turn();
  };
  return { server, time, errors, pair, say };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a listener of onClose that throws does not keep the server open, and close() has one promise', async () => {
  const { server, errors } = rig();
  await server.listen({ port: 0 });
  let isReached = false;
  server.onClose(() => {
    throw new Error('broken');
  });
  server.onClose(() => (isReached = true));
  const closed = server.close();
  assert.equal(server.close(), closed);
  await closed;
  assert.deepEqual(
    [isReached, server.address, errors],
    [true, undefined, ['a listener of onClose failed']],
  );
});

test("a handler's listener that throws when its asker goes ends nothing but itself", async () => {
  const { server, errors, pair, say } = rig();
  let reachedCount = 0;
  for (const name of ['a', 'b']) {
    server.app.map(`/${name}`, { concurrency: 'parallel' }, ({ cancellation }) => {
      cancellation.onCancelled(() => {
        reachedCount += 1;
        throw new Error('broken');
      });
      return new Promise(() => {});
    });
  }
  await say({ type: 'request', id: 1, destination: '/app/a' });
  await say({ type: 'request', id: 2, destination: '/app/b' });
  await say({ type: 'send', destination: '/app/b' });
  await say({ type: 'cancel', id: 1 });
  assert.deepEqual([reachedCount, pair.ended, server.sessionCount], [1, undefined, 1]);
  await say({ type: 'disconnect' });
  assert.deepEqual([reachedCount, pair.ended?.closeCode, server.sessionCount], [3, 1000, 0]);
  assert.equal(errors.length, 3);
  await server.close();
});

test('an authenticate hook that answers nothing refuses, and says so in the log', async () => {
  const authenticate = (() => Promise.resolve(undefined)) as unknown as Authenticate;
  const { server, errors, pair, say } = rig({ authenticate });
  await say({ type: 'connect' });
  assert.equal(pair.ended?.closeCode, 4004);
  assert.deepEqual([errors, server.sessionCount], [['the authenticate hook failed'], 0]);
  await server.close();
});

test('[E2] what the limits keep out is counted by the name of the limit, an end before a session by its code', async () => {
  const metrics = new MemoryMetrics();
  const limits = { maxWaitingHandlerCount: 1, maxPendingRequestCount: 2, connectTimeoutMs: 1_000 };
  const { server, time, say } = rig({ metrics, limits });
  server.app.map('/slow', () => new Promise(() => {}));
  for (const id of [1, 2, 3]) await say({ type: 'request', id, destination: '/app/slow' });
  await say({ type: 'send', destination: '/app/slow' });
  const [silent, stranger] = [
    new ConnectionPair(time, server.accept),
    new ConnectionPair(time, server.accept),
  ];
  stranger.sendText('hello');
  time.advance(2_000);
  assert.deepEqual([silent.ended?.closeCode, stranger.ended?.closeCode], [4005, 4503]);
  const counted = Object.entries(metrics.snapshot()).filter(([name]) => /limit|_disc/.test(name));
  assert.deepEqual(Object.fromEntries(counted), {
    'connections_disconnected{code="session/connect-timeout"}': 1,
    'connections_disconnected{code="session/unknown-dialect"}': 1,
    'limit_reached{limit="maxPendingRequestCount"}': 1,
    'limit_reached{limit="maxWaitingHandlerCount"}': 1,
  });
  await server.close();
});

for (const isFirst of [true, false]) {
  const order = isFirst ? 'before' : 'after';
  test(`another WebSocket endpoint on the application's server works, made ${order} Tideway`, async () => {
    const http = createHttpServer();
    const other = new WebSocketServer({ noServer: true });
    const serveOther = (): void => {
      http.on('upgrade', (request, socket, head) => {
        if (request.url !== '/other') return;
        other.handleUpgrade(request, socket, head, (peer) => peer.send('from the other'));
      });
    };
    if (isFirst) serveOther();
    const server = createServer({ server: http });
    if (!isFirst) serveOther();
    const { port } = await server.listen({ port: 0 });
    const peer = new WebSocket(`ws://127.0.0.1:${port}/other`);
    const [data] = (await once(peer, 'message')) as [Buffer];
    assert.equal(data.toString(), 'from the other');
    // Whatever else was written to that socket would come before this echo and end it.
    other.clients.forEach((client) => client.on('message', (said) => client.send(said)));
    peer.send('echo');
    const [echo] = (await once(peer, 'message')) as [Buffer];
    assert.equal(echo.toString(), 'echo');
    peer.close();
    await once(peer, 'close');
    await server.close();
    http.close();
  });
}

test('[A2] a server of the application that listens anew, at no loopback address, is closed', async () => {
  const http = createHttpServer();
  const server = createServer({ server: http });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  assert.equal(server.access.defaultAccess, 'open');
  http.close();
  await once(http, 'close');
  http.listen(0, '0.0.0.0');
  await once(http, 'listening');
  assert.equal(server.access.defaultAccess, 'closed');
  await server.close();
  http.close();
});

test('files are served to GET and HEAD alone', async () => {
  const staticDirectory = fileURLToPath(new URL('../../../docs', import.meta.url));
  const server = createServer({ staticDirectory });
  await server.listen({ port: 0 });
  const statuses: number[] = [];
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
    const response = await fetch(`${server.url}/acceptance.md`, { method });
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  assert.deepEqual(statuses, [200, 200, 404, 404]);
  await server.close();
});

test("a closed server leaves nothing of itself on the application's HTTP server", async (t) => {
  const http = createHttpServer();
  t.after(() => http.close());
  const before = ['upgrade', 'listening'].map((event) => http.listenerCount(event));
  const first = createServer({ server: http });
  await first.listen({ port: 0 });
  await first.close();
  assert.deepEqual(
    ['upgrade', 'listening'].map((event) => http.listenerCount(event)),
    before,
  );
});

test('a value that no client could parse is refused where it is published', async () => {
  const server = createServer();
  let deep: unknown = 1;
  for (let depth = 0; depth < 129; depth += 1) deep = [deep];
  await assert.rejects(server.publish('/topic/a', deep), { code: 'json/too-deep' });
  assert.equal((await server.publish('/topic/a', (deep as unknown[])[0]))?.offset, 1);
  await server.close();
});

test('a port that is none is refused: it would be the path of a socket, or any port', async (t) => {
  const server = createServer({ log: false });
  t.after(() => server.close());
  for (const given of [undefined, 8080, {}, { port: undefined }, { port: 'abc' }, { port: '' }]) {
    const listening = server.listen(given as unknown as { port: number });
    await assert.rejects(listening, /^RangeError: port is .*; say listen\(\{ port: 8080 \}\)$/);
  }
  for (const port of [-1, 65_536, 1.5, NaN, null as unknown as number]) {
    await assert.rejects(server.listen({ port }), RangeError);
  }
  assert.equal(server.address, undefined);
  // As it comes from the environment.
  await server.listen({ port: '0' as unknown as number });
});
