/** What an application does wrong in its hooks, handlers and listeners: it is logged, and costs no more than what it was about. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import {
  createServer,
  RequestError,
  type Authenticate,
  type Log,
  type PublishOptions,
  type ServerOptions,
} from 'tideway';
import { WebSocket } from 'ws';
import { NativePeer } from './native-peer.js';

/** A log that only remembers, and answers each error as it comes. */
function errorLog(): { log: Log; errors: string[]; next: () => Promise<string> } {
  const errors: string[] = [];
  let told: (message: string) => void = () => {};
  const ignore = (): void => {};
  const error = (message: string): void => {
    errors.push(message);
    told(message);
  };
  const next = (): Promise<string> => new Promise((resolve) => (told = resolve));
  return { log: { debug: ignore, info: ignore, warn: ignore, error }, errors, next };
}

async function listening(context: TestContext, options: ServerOptions) {
  // Handlers of these tests may hang.
  const server = createServer({ ...options, limits: { drainTimeoutMs: 0 } });
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

test('an authenticate hook that answers no principal refuses, and the log says why', async (t) => {
  const answers = [undefined, null, 42, { name: 7 }, { name: '' }, { name: 'a', expiresAtMs: 'x' }];
  for (const answer of answers) {
    const { log, errors } = errorLog();
    const authenticate = (async () => answer) as unknown as Authenticate;
    const server = await listening(t, { authenticate, log });
    const peer = await NativePeer.open(server.url);
    // The client has done nothing wrong: it comes back.
    assert.equal((await peer.closed).closeCode, 4004, JSON.stringify(answer));
    assert.equal((await peer.frame('disconnect'))['code'], 'server/internal-error');
    assert.deepEqual(errors, ['the authenticate hook failed']);
    assert.equal(server.sessionCount, 0);
  }
});

test('a listener of a cancellation that throws does not keep the session, or the server, from ending', async (t) => {
  const { log, errors, next } = errorLog();
  const server = await listening(t, { log });
  server.app.map('/wait', ({ cancellation }) => {
    cancellation.onCancelled(() => {
      throw new Error('of the application');
    });
    return new Promise(() => {});
  });
  const asker = await NativePeer.open(server.url);
  asker.send({ type: 'request', id: 1, destination: '/app/wait' });
  asker.send({ type: 'cancel', id: 1 });
  assert.equal((await asker.frame('error', { id: 1 }))['code'], 'request/cancelled');
  assert.deepEqual(errors, ['a listener of a cancellation failed']);

  const leaver = await NativePeer.open(server.url);
  leaver.send({ type: 'request', id: 1, destination: '/app/wait' });
  leaver.send({ type: 'send', id: 2, destination: '/topic/a' });
  await leaver.frame('receipt', { id: 2 });
  const failed = next();
  leaver.socket.terminate();
  assert.equal(await failed, 'a listener of a cancellation failed');
  await server.close();
  assert.equal(server.sessionCount, 0);
});

test('a stream of values that was sent to, not requested, ends with its session', async (t) => {
  const server = await listening(t, {});
  let ended = (): void => {};
  const over = new Promise<void>((resolve) => (ended = resolve));
  server.app.map('/ticks', async function* () {
    try {
      while (true) {
        await new Promise((resolve) => setImmediate(resolve));
        yield 1;
      }
    } finally {
      ended();
    }
  });
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'send', destination: '/app/ticks' });
  peer.send({ type: 'send', id: 2, destination: '/topic/a' });
  await peer.frame('receipt', { id: 2 });
  peer.socket.terminate();
  await over;
});

test('a listener of the end that throws does not keep the server from closing', async () => {
  const { log, errors } = errorLog();
  const server = createServer({ log });
  await server.listen({ port: 0 });
  let wasTold = false;
  server.onClose(() => {
    throw new Error('of the application');
  });
  server.onClose(() => (wasTold = true));
  await server.close();
  assert.equal(server.address, undefined);
  assert.ok(wasTold);
  assert.deepEqual(errors, ['a listener of onClose failed']);
});

test('whoever closes a server twice waits twice for its end', async () => {
  const server = createServer();
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  await peer.frame('connected');
  void server.close();
  await server.close();
  assert.equal(server.address, undefined);
  assert.equal(server.sessionCount, 0);
});

test('a publication with a header, key or id that is no text is refused, and hurts no subscriber', async (t) => {
  const server = await listening(t, {});
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await peer.frame('subscribed');
  const wrong = [{ key: 5 }, { messageId: {} }, { headers: { a: 'b' } }, { headers: 'ab' }];
  const pairs = [[['a', 1]], [['a']], [null], [['a', 'b', 'c']]].map((headers) => ({ headers }));
  for (const options of [...wrong, ...pairs] as unknown as PublishOptions[]) {
    await assert.rejects(server.publish('/topic/a', 1, options), RequestError);
  }
  await server.publish('/topic/a', 'right', { headers: [['a', 'b']], key: 'k', messageId: 'm' });
  const { offset, body } = await peer.frame('publication');
  assert.deepEqual([offset, body], [1, 'right']);
});

test('a stream without an end that nobody waits for leaves the loop to the others', async (t) => {
  const server = createServer({ limits: { drainTimeoutMs: 0 } });
  t.after(() => server.close());
  server.app.map('/endless', async function* () {
    for (;;) yield 1;
  });
  server.app.map('/other', () => 'answered');
  const { port } = await server.listen({ port: 0 });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  t.after(() => socket.terminate());
  await once(socket, 'open');
  socket.send('{"type":"send","destination":"/app/endless"}');
  socket.send('{"type":"request","id":1,"destination":"/app/other"}');
  const [data] = (await once(socket, 'message')) as [Buffer];
  assert.match(data.toString(), /"answered"/);
});
