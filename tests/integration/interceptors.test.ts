/** Proves interceptors through real sockets: who passes which, in which order, changed, refused and dropped (semantics I). */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  createServer,
  MemoryMetrics,
  Message,
  RequestError,
  type Interceptor,
  type ServerOptions,
} from 'tideway';
import { memoryServer, told } from './memory-peer.js';
import { NativePeer, type Frame } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

async function run(t: TestContext, options: ServerOptions = {}) {
  const server = createServer(options);
  await server.listen({ port: 0 });
  t.after(() => server.close());
  const open = (): Promise<NativePeer> => NativePeer.open(server.url);
  return { server, open };
}

function say(peer: NativePeer, ...frames: readonly object[]): void {
  for (const frame of frames) peer.socket.send(JSON.stringify(frame));
}

const bodiesOf = (peer: NativePeer): unknown[] =>
  peer.frames.filter(({ type }) => type === 'publication').map(({ body }) => body);

/** Resolves when the frame with this id has been answered. */
const answered = (peer: NativePeer, type: string, id: number): Promise<Frame> =>
  peer.frame(type, { id });

const REFUSE_SECRETS: Interceptor = {
  inbound(operation) {
    if (operation.kind === 'connect' || !operation.destination.includes('secret')) return;
    throw new RequestError('orders/secret', 'not for you');
  },
};

test('[I1][I2] inbound interceptors refuse with their own code, each kind of operation', async (t) => {
  const { server, open } = await run(t, { interceptors: [REFUSE_SECRETS] });
  const peer = await open();
  for (const [index, type] of ['send', 'request', 'subscribe', 'unsubscribe'].entries()) {
    say(peer, { type, id: index, destination: '/topic/secret', body: 1 });
    const { code, number, message } = await answered(peer, 'error', index);
    assert.deepEqual([code, number, message], ['orders/secret', 499, 'not for you']);
  }
  // The server's own operations do not pass there.
  assert.equal((await server.publish('/topic/secret', 1))?.offset, 1);
});

test('[I2] access is decided for the changed destination; a subscription keeps the name that its client gave it', async (t) => {
  const { server, open } = await run(t);
  server.access.deny('any', '/topic/closed');
  server.intercept({
    inbound(operation) {
      if (operation.kind === 'connect') return undefined;
      return { destination: operation.destination.replace('/alias', '/real') };
    },
  });
  server.intercept({
    inbound(operation) {
      if (operation.kind === 'connect') return undefined;
      return operation.destination === '/topic/real/shut' ? { destination: '/topic/closed' } : {};
    },
  });
  const peer = await open();
  say(peer, { type: 'subscribe', id: 1, destination: '/topic/alias/a' });
  assert.equal((await answered(peer, 'subscribed', 1))['destination'], '/topic/alias/a');
  say(peer, { type: 'send', destination: '/topic/alias/a', body: 'x' });
  const { destination, subscription } = await peer.frame('publication');
  assert.deepEqual([destination, subscription], ['/topic/real/a', '/topic/alias/a']);
  say(peer, { type: 'subscribe', id: 2, destination: '/topic/alias/shut' });
  assert.equal((await answered(peer, 'error', 2))['code'], 'access/denied');
  say(peer, { type: 'unsubscribe', id: 3, destination: '/topic/alias/a' });
  await answered(peer, 'unsubscribed', 3);
});

test('[I2] a connect is refused, or its principal changed, by an interceptor behind the authentication', async (t) => {
  const { server, open } = await run(t, {
    interceptors: [
      {
        async inbound(operation) {
          if (operation.kind !== 'connect') return undefined;
          if (operation.handshake.headers.get('x-banned') !== undefined) {
            throw new RequestError('access/banned', 'come back never');
          }
          return { principal: { ...operation.principal, name: 'ada' } };
        },
      },
    ],
  });
  const peer = await open();
  assert.equal((await peer.frame('connected'))['principal'], 'ada');
  const banned = await NativePeer.open(server.url, { headers: { 'x-banned': '1' } });
  const { code, message } = await banned.frame('disconnect');
  assert.deepEqual([code, message], ['session/invalid-token', 'come back never']);
});

test('[I5] what waits at an interceptor is not overtaken by what comes later, and stops neither cancel nor heartbeat', async (t) => {
  const { server, open } = await run(t);
  let admit = (): void => {};
  const gate = new Promise<void>((resolve) => (admit = resolve));
  const seen: string[] = [];
  const handled: unknown[] = [];
  server.app.map('/a', ({ body }) => handled.push(body));
  server.intercept({
    async inbound(operation) {
      if (operation.kind === 'connect') return;
      seen.push(`${operation.kind} ${operation.destination}`);
      if (operation.kind === 'send') await gate;
    },
  });
  const peer = await open();
  say(peer, { type: 'subscribe', id: 1, destination: '/topic/a' });
  await answered(peer, 'subscribed', 1);
  say(
    peer,
    { type: 'send', id: 2, destination: '/topic/a', body: 1 },
    { type: 'send', id: 3, destination: '/topic/a', body: 2 },
    { type: 'request', id: 4, destination: '/app/a', body: 3 },
    { type: 'request', id: 5, destination: '/app/a', body: 4 },
    { type: 'unsubscribe', id: 6, destination: '/topic/a' },
    { type: 'cancel', id: 5 },
  );
  assert.equal((await answered(peer, 'error', 5))['code'], 'request/cancelled');
  assert.deepEqual(seen, ['subscribe /topic/a', 'send /topic/a'], 'the others wait');
  admit();
  await answered(peer, 'unsubscribed', 6);
  assert.deepEqual(seen.slice(2), [
    'send /topic/a',
    'request /app/a',
    'request /app/a',
    'unsubscribe /topic/a',
  ]);
  const offsets = peer.frames.flatMap(({ offset }) => (typeof offset === 'number' ? [offset] : []));
  assert.deepEqual([...new Set(offsets)], [1, 2]);
  // The first request had its place, the second was cancelled before its turn.
  assert.deepEqual(handled, [3]);
});

test('[I5] more than maxWaitingInterceptionCount operations are refused with session/busy, and counted', async (t) => {
  const metrics = new MemoryMetrics();
  const { server, open } = await run(t, { metrics, limits: { maxWaitingInterceptionCount: 2 } });
  let admit = (): void => {};
  const gate = new Promise<void>((resolve) => (admit = resolve));
  server.intercept({ inbound: ({ kind }) => (kind === 'send' ? gate : undefined) });
  const peer = await open();
  const send = (id: number) => ({ type: 'send', id, destination: '/topic/a', body: id });
  say(peer, send(1), send(2), send(3));
  assert.equal((await answered(peer, 'error', 3))['code'], 'session/busy');
  admit();
  await answered(peer, 'receipt', 2);
  say(peer, send(4));
  assert.equal((await answered(peer, 'receipt', 4))['offset'], 3);
  assert.match(JSON.stringify(metrics.snapshot()), /maxWaitingInterceptionCount/);
});

test('[I5] of the server itself no more than maxWaitingInterceptionCount messages wait for a destination', async (t) => {
  const metrics = new MemoryMetrics();
  const limits = { maxWaitingInterceptionCount: 2 };
  const apiKey = 'k'.repeat(32);
  const { server } = await run(t, { metrics, limits, apiKeys: [apiKey] });
  let admit = (): void => {};
  const gate = new Promise<void>((resolve) => (admit = resolve));
  server.intercept({
    broker: ({ destination }) => (destination === '/topic/a' ? gate : undefined),
  });
  const waiting = [server.publish('/topic/a', 1), server.publish('/topic/a', 2)];
  await assert.rejects(server.publish('/topic/a', 3), { code: 'server/busy', number: 509 });
  const answer = await fetch(`${server.url}/api/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ destination: '/topic/a', body: 4 }),
  });
  assert.equal(answer.status, 503);
  assert.match(await answer.text(), /server\/busy/);
  const limit = 'maxWaitingInterceptionCount';
  assert.equal(metrics.value('limit_reached', { limit }), 2);
  assert.equal((await server.publish('/topic/b', 1))?.offset, 1, 'others do not wait for it');
  admit();
  assert.deepEqual(
    (await Promise.all(waiting)).map((position) => position?.offset),
    [1, 2],
  );
  assert.equal((await server.publish('/topic/a', 5))?.offset, 3);
});

test('[I3] the broker sees what clients and the server publish: changes it, refuses it, drops it', async (t) => {
  const { server, open } = await run(t);
  const seen: unknown[] = [];
  server.intercept({
    broker({ destination, message, authority }) {
      seen.push([destination, authority, message.text()]);
      if (message.text() === '"bad"') throw new RequestError('chat/rude', 'mind your words');
      if (message.text() === '"spam"') return 'drop';
      return {
        message: new Message(message.body, message.contentType, [['seen', 'yes']]),
        key: 'k',
      };
    },
  });
  const peer = await open();
  say(peer, { type: 'subscribe', id: 1, destination: '/topic/a' });
  await answered(peer, 'subscribed', 1);
  say(
    peer,
    { type: 'send', id: 2, destination: '/topic/a', body: 'good' },
    { type: 'send', id: 3, destination: '/topic/a', body: 'bad' },
    { type: 'send', id: 4, destination: '/topic/a', body: 'spam' },
  );
  const { body, headers, key } = await peer.frame('publication');
  assert.deepEqual([body, headers, key], ['good', [['seen', 'yes']], 'k']);
  assert.equal((await answered(peer, 'error', 3))['code'], 'chat/rude');
  assert.equal((await answered(peer, 'receipt', 4))['offset'], undefined);
  assert.equal(await server.publish('/topic/a', 'spam'), undefined);
  await assert.rejects(server.publish('/topic/a', 'bad'), { code: 'chat/rude' });
  assert.deepEqual(seen, [
    ['/topic/a', 'client', '"good"'],
    ['/topic/a', 'client', '"bad"'],
    ['/topic/a', 'client', '"spam"'],
    ['/topic/a', 'server', '"spam"'],
    ['/topic/a', 'server', '"bad"'],
  ]);
});

test('[I3][I5] slow broker interceptors keep the order of the server to a destination and of a session to all', async (t) => {
  const { server, open } = await run(t);
  let turns = 5;
  server.intercept({
    // Each answers sooner than the one before it.
    async broker() {
      for (let left = turns--; left > 0; left -= 1)
        await new Promise((resolve) => setImmediate(resolve));
    },
  });
  const peer = await open();
  say(peer, { type: 'subscribe', id: 1, destination: '/topic/a' });
  await answered(peer, 'subscribed', 1);
  await Promise.all([1, 2, 3, 4, 5].map((body) => server.publish('/topic/a', body)));
  await peer.frame('publication', { body: 5 });
  assert.deepEqual(bodiesOf(peer), [1, 2, 3, 4, 5]);
});

test('[I4] outbound interceptors change, drop and hold publications for the sessions that they concern, in order', async (t) => {
  const { server, open } = await run(t);
  const [plain, concerned] = [await open(), await open()];
  const { sessionId } = await concerned.frame('connected');
  server.intercept({
    concerns: (subscription) => subscription.sessionId === sessionId,
    async outbound({ publication }) {
      const number = publication.json() as number;
      if (number % 3 === 0) return 'drop';
      if (number % 2 === 0) return undefined;
      await new Promise((resolve) => setImmediate(resolve));
      return Message.fromJson(number * 10);
    },
  });
  for (const peer of [plain, concerned]) {
    say(peer, { type: 'subscribe', id: 1, destination: '/topic/a' });
    await answered(peer, 'subscribed', 1);
  }
  for (let number = 1; number <= 8; number += 1) await server.publish('/topic/a', number);
  await concerned.frame('publication', { body: 8 });
  await plain.frame('publication', { body: 8 });
  assert.deepEqual(bodiesOf(plain), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(bodiesOf(concerned), [10, 2, 4, 50, 70, 8]);
  const offsets = concerned.frames.filter(({ type }) => type === 'publication');
  assert.deepEqual(
    offsets.map(({ offset }) => offset),
    [1, 2, 4, 5, 7, 8],
  );
});

test('[I4] a refusal on the way out ends that subscription, with its code; what is no refusal is logged', async (t) => {
  const errors: string[] = [];
  const ignore = (): void => {};
  const log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (text: string) => errors.push(text),
  };
  const { server, open } = await run(t, { log });
  server.intercept({
    outbound({ publication }) {
      if (publication.destination === '/topic/b') throw new TypeError('oops');
      throw new RequestError('chat/hidden', 'not any more');
    },
  });
  const peer = await open();
  say(
    peer,
    { type: 'subscribe', id: 1, destination: '/topic/a' },
    { type: 'subscribe', id: 2, destination: '/topic/b' },
  );
  await answered(peer, 'subscribed', 2);
  await server.publish('/topic/a', 1);
  assert.equal((await peer.frame('ended'))['code'], 'chat/hidden');
  await server.publish('/topic/b', 1);
  const ended = await peer.frame('ended', { destination: '/topic/b' });
  assert.equal(ended['code'], 'server/failed');
  assert.deepEqual(errors, ['an interceptor failed']);
  assert.deepEqual(bodiesOf(peer), []);
});

test('[I1] interceptors pass in the order of their registration; one that was taken out sees nothing more', async (t) => {
  const { server } = await run(t);
  const seen: string[] = [];
  const tell = (name: string): Interceptor => ({ broker: () => void seen.push(name) });
  const removeFirst = server.intercept(tell('first'));
  server.intercept(tell('second'));
  await server.publish('/topic/a', 1);
  removeFirst();
  removeFirst();
  server.intercept(tell('third'));
  await server.publish('/topic/a', 1);
  assert.deepEqual(seen, ['first', 'second', 'second', 'third']);
});

test('what is no interceptor, or answers what is no answer, is told so', async (t) => {
  const errors: unknown[] = [];
  const ignore = (): void => {};
  const log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (_: string, fields?: Readonly<Record<string, unknown>>) =>
      errors.push(String(fields?.['error'])),
  };
  const { server } = await run(t, { log });
  assert.throws(() => server.intercept({}), /at least one of inbound, broker, outbound/);
  assert.throws(() => server.intercept({ broker: 1 } as never), /"broker" of an interceptor/);
  for (const answer of [42, { message: 'text' }, true]) {
    const remove = server.intercept({ broker: () => answer as never });
    await assert.rejects(server.publish('/topic/a', 1), { code: 'server/failed' });
    remove();
  }
  assert.match(errors.join('\n'), /it answered 42\n.*is a Message\n.*it answered true/);
});

test('[I3][I4] work: what the broker drops is not kept, what an outbound interceptor changes is acknowledged as what it was', async (t) => {
  const { server, open } = await run(t);
  server.intercept({
    broker: ({ message }) => (message.text() === '"spam"' ? 'drop' : undefined),
    outbound({ publication }) {
      if (publication.text() === '"not for clients"') return 'drop';
      return Message.fromJson(`changed ${publication.json() as string}`);
    },
  });
  for (const body of ['spam', 'not for clients', 'a', 'b']) await server.publish('/work/q', body);
  const stomp = await StompPeer.open(server.url);
  stomp.say('SUBSCRIBE', { id: '1', destination: '/work/q', ack: 'client-individual' });
  const messages = await stomp.messages(2);
  assert.deepEqual(
    messages.map(({ body }) => body.toString()),
    ['"changed a"', '"changed b"'],
  );
  stomp.say('ACK', { id: messages[0]!.headers['ack']! });
  await stomp.settled();
  stomp.socket.terminate();
  await stomp.closed;
  // What was acknowledged or dropped does not come again; what was not, does, as the queue keeps it.
  const native = await open();
  say(native, { type: 'subscribe', id: 1, destination: '/work/q' });
  await native.frame('publication');
  await server.publish('/work/q', 'c');
  await native.frame('publication', { body: 'changed c' });
  assert.deepEqual(bodiesOf(native), ['changed b', 'changed c']);
});

test('[I2][I5] STOMP passes the same interceptors: refused with an ERROR, and an UNSUBSCRIBE keeps its place', async (t) => {
  const { server } = await run(t);
  let admit = (): void => {};
  const gate = new Promise<void>((resolve) => (admit = resolve));
  server.intercept(REFUSE_SECRETS);
  server.intercept({
    inbound: (operation) => (operation.kind === 'subscribe' ? gate : undefined),
  });
  const told: string[] = [];
  for (const name of ['subscribe', 'unsubscribe'] as const) {
    server.on(name, ({ id, destination }) => void told.push(`${name} ${id} ${destination}`));
  }
  const stomp = await StompPeer.open(server.url);
  stomp.say('SUBSCRIBE', { id: '1', destination: '/topic/a', receipt: 'first' });
  stomp.say('UNSUBSCRIBE', { id: '1', receipt: 'end of first' });
  stomp.say('SUBSCRIBE', { id: '1', destination: '/topic/b', receipt: 'second' });
  // A heartbeat does not wait, and neither does what comes from another session.
  await server.publish('/topic/a', 1);
  assert.deepEqual(told, []);
  admit();
  await stomp.frame('RECEIPT', { 'receipt-id': 'second' });
  stomp.say('SEND', { destination: '/topic/b', receipt: 'sent' }, 'x');
  await stomp.frame('MESSAGE', { destination: '/topic/b' });
  assert.deepEqual(told, ['subscribe 1 /topic/b']);
  stomp.say('SEND', { destination: '/topic/secret', receipt: 'refused' }, 'x');
  const { headers } = await stomp.frame('ERROR');
  assert.equal(headers['receipt-id'], 'refused');
});

test('[I5] an interceptor that publishes to the destination it looks at, and awaits that, gets its answer', async () => {
  const { server, connect, errors } = memoryServer();
  server.intercept({
    broker: async ({ destination, message }) => {
      if (message.header('audited') === undefined) {
        await server.publish(destination, 'first', { headers: [['audited', 'yes']] });
      } else await Promise.resolve();
    },
  });
  const ada = await connect('ada');
  await ada.subscribe('/topic/a');
  await Promise.all([server.publish('/topic/a', 1), server.publish('/topic/a', 2)]);
  const heard = await ada.say({ type: 'send', id: 1, destination: '/topic/a', body: 3 });
  const bodies = told(heard).map(([, body]) => body);
  assert.deepEqual(bodies, ['first', 1, 'first', 2, 'first', 3]);
  assert.ok(heard.some(({ type }) => type === 'receipt'));
  assert.deepEqual(errors, []);
  await server.close();
});

test('[I5] one that never answers, or waits for itself, holds up nobody for longer than interceptorTimeoutMs', async () => {
  const metrics = new MemoryMetrics();
  const limits = { interceptorTimeoutMs: 1_000 };
  const { server, connect, errors, time, settle } = memoryServer({ limits, metrics });
  const never = new Promise<undefined>(() => {});
  server.intercept({
    inbound: (operation) =>
      'destination' in operation && operation.destination === '/topic/in' ? never : undefined,
    broker: async ({ destination, message }) => {
      // After it has waited for something it has no way to go ahead of itself.
      if (destination !== '/topic/self' || message.header('again') !== undefined) return;
      await Promise.resolve();
      await server.publish('/topic/self', 'again', { headers: [['again', 'yes']] });
    },
    outbound: ({ publication }) => (publication.destination === '/topic/out' ? never : undefined),
    concerns: ({ subscription }) => subscription.destination === '/topic/out',
  });
  const [ada, grace] = [await connect('ada'), await connect('grace')];
  await ada.subscribe('/topic/out');
  const published = server.publish('/topic/self', 1).catch((error: { code: string }) => error.code);
  await ada.say({ type: 'send', id: 1, destination: '/topic/in' });
  await grace.say({ type: 'send', id: 2, destination: '/topic/out', body: 1 });
  time.advance(1_500);
  await settle();
  const heard = ada.heard().map(({ type, code }) => `${type} ${String(code)}`);
  assert.deepEqual(
    heard.toSorted((left, right) => left.localeCompare(right)),
    ['ended server/failed', 'error server/failed'],
  );
  assert.equal(await published, 'server/failed');
  assert.deepEqual(errors, Array(3).fill('an interceptor failed'));
  assert.equal(metrics.value('limit_reached', { limit: 'interceptorTimeoutMs' }), 3);
  const [receipt] = await ada.say({ type: 'send', id: 3, destination: '/topic/a' });
  assert.equal(receipt?.type, 'receipt', 'the line goes on');
  await server.close();
});
