/** Proves message mappings over the native dialect: where values go, what a handler may do, and what becomes of its errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidPayloadError, Message, RequestError } from 'tideway';
import * as valibot from 'valibot';
import { z } from 'zod';
import { memoryServer, told } from './memory-peer.js';

test('[H2] a value that was sent for goes to the mapped topic; nothing, undefined and null go nowhere', async () => {
  const { server, connect } = memoryServer();
  server.app.map('/hello', ({ body }) => ({
    content: `Hello, ${(body as { name: string }).name}!`,
  }));
  server.app.map('/later/{id}', async ({ variables }) => variables.id);
  server.app.map('/nothing', () => undefined);
  server.app.map('/null', async () => null);
  const [ada, bob] = [await connect(), await connect()];
  await ada.subscribe('/topic/**');
  await bob.subscribe('/topic/hello');
  const heard = await bob.say(
    { type: 'send', destination: '/app/hello', body: { name: 'Ada' } },
    { type: 'send', destination: '/app/later/7' },
    { type: 'send', destination: '/app/nothing' },
    { type: 'send', id: 1, destination: '/app/null' },
  );
  assert.deepEqual(told(heard), [['/topic/hello', { content: 'Hello, Ada!' }]]);
  assert.deepEqual(heard[0], { type: 'receipt', id: 1 });
  assert.deepEqual(told(ada.heard()), [
    ['/topic/hello', { content: 'Hello, Ada!' }],
    ['/topic/later/7', '7'],
  ]);
  await server.close();
});

test('[H2] a value that was requested is the reply alone, and one of a subscription goes to its subscriber alone', async () => {
  const { server, connect } = memoryServer();
  server.app.map('/now', ({ operation }) => operation);
  server.app.map('/empty', { operations: 'subscribe' }, () => null);
  const [ada, bob] = [await connect(), await connect()];
  await bob.subscribe('/topic/**');
  const [reply] = await ada.say({ type: 'request', id: 1, destination: '/app/now' });
  assert.deepEqual(reply, { type: 'reply', id: 1, body: 'request' });
  const answered = await ada.say({ type: 'subscribe', id: 2, destination: '/app/now' });
  assert.deepEqual(
    answered.map(({ type, body }) => [type, body]),
    [
      ['subscribed', undefined],
      ['publication', 'subscribe'],
      ['ended', undefined],
    ],
  );
  const empty = await ada.say({ type: 'subscribe', id: 3, destination: '/app/empty' });
  assert.deepEqual(
    empty.map(({ type }) => type),
    ['subscribed', 'ended'],
  );
  assert.deepEqual(told(bob.heard()), []);
  await server.close();
});

test('[H2] sendTo names destinations with variables; sendToUser reaches every session of the sender, or its own alone', async () => {
  const { server, connect } = memoryServer();
  const options = { sendTo: ['/topic/room/{room}', '/queue/log'], sendToUser: '/queue/{room}' };
  server.app.map('/room/{room}', options, ({ body }) => body);
  server.app.map('/own', { sendToUser: '/queue/own', broadcast: false }, ({ body }) => body);
  server.app.map('/path', { sendToUser: true }, ({ body }) => body);
  const [phone, laptop, bob] = [await connect('ada'), await connect('ada'), await connect('bob')];
  const own = ['/user/queue/lobby', '/user/queue/own', '/user/queue/path'];
  for (const peer of [phone, laptop, bob]) await peer.subscribe('/topic/**', '/queue/**', ...own);
  const heard = await phone.say(
    { type: 'send', destination: '/app/room/lobby', body: 1 },
    { type: 'send', destination: '/app/own', body: 2 },
    { type: 'send', destination: '/app/path', body: 3 },
  );
  const everybody = [
    ['/topic/room/lobby', 1],
    ['/queue/log', 1],
  ];
  const all = [
    ['/user/queue/lobby', 1],
    ['/user/queue/path', 3],
  ];
  const sorted = (pairs: unknown[][]) => pairs.map((pair) => JSON.stringify(pair)).sort();
  assert.deepEqual(sorted(told(heard)), sorted([...everybody, ...all, ['/user/queue/own', 2]]));
  assert.deepEqual(sorted(told(laptop.heard())), sorted([...everybody, ...all]));
  assert.deepEqual(sorted(told(bob.heard())), sorted(everybody));
  await server.close();
});

test('excludeSender spares the session that sent: of the value, and of what the handler sends', async () => {
  const { server, connect } = memoryServer();
  server.app.map('/move', { excludeSender: true }, ({ body }) => body);
  server.app.map('/say', async ({ body, send, sendToUser, principal, sessionId }) => {
    const excludeSender = true;
    await send('/topic/said', body, { excludeSender, headers: [['a', 'b']], key: 'k' });
    await sendToUser(String(principal.name), '/queue/said', body, { excludeSender });
    await sendToUser('ada', '/queue/said', 'own', { sessionId: String(sessionId) });
  });
  const [phone, laptop] = [await connect('ada'), await connect('ada')];
  for (const peer of [phone, laptop]) await peer.subscribe('/topic/**', '/user/queue/said');
  const heard = await phone.say(
    { type: 'send', destination: '/app/move', body: 1 },
    { type: 'send', destination: '/app/say', body: 2 },
  );
  assert.deepEqual(told(heard), [['/user/queue/said', 'own']]);
  const others = laptop.heard();
  assert.deepEqual(told(others), [
    ['/topic/move', 1],
    ['/topic/said', 2],
    ['/user/queue/said', 2],
  ]);
  const said = others.find(({ destination }) => destination === '/topic/said');
  assert.deepEqual([said?.['headers'], said?.['key']], [[['a', 'b']], 'k']);
  await server.close();
});

test('what a handler sends goes in the name of the server, past the rules for its sender', async () => {
  const { server, connect } = memoryServer();
  server.access.deny('send', '/topic/**').deny('send', '/user/**');
  server.app.map('/a', async ({ send }) => send('/topic/b', Uint8Array.of(1)));
  const ada = await connect('ada');
  await ada.subscribe('/topic/b');
  const heard = await ada.say({ type: 'request', id: 1, destination: '/app/a' });
  const [reply, publication] = heard;
  assert.equal(publication?.['contentType'], 'application/octet-stream');
  const position = reply?.['body'] as { offset: number } | undefined;
  assert.equal(position?.offset, 1);
  await server.close();
});

test('a payload is what its schema makes of it: zod and valibot, JSON, text and octets', async () => {
  const { server, connect } = memoryServer();
  const Order = z.object({ item: z.string(), count: z.number().default(1) });
  const operations = 'request' as const;
  server.app.map('/order', { payload: Order, operations }, ({ payload }) => payload.count + 1);
  const Name = valibot.pipe(valibot.string(), valibot.trim());
  server.app.map('/name', { payload: Name, operations }, ({ payload }) => payload.length);
  const Octets = z.instanceof(Uint8Array).refine(async (octets) => octets.length > 2);
  server.app.map('/octets', { payload: Octets, operations }, ({ payload }) => payload.length);
  server.app.map('/plain', { operations }, ({ payload }) => payload);
  const text = new Message(new TextEncoder().encode('text'), 'text/plain; charset=utf-8');
  const ask = async (path: string, frame: object) => {
    const [answer] = await ada.say({
      type: 'request',
      id: 1,
      destination: `/app${path}`,
      ...frame,
    });
    return answer?.['body'] ?? answer?.['code'];
  };
  const ada = await connect();
  assert.equal(await ask('/order', { body: { item: 'tea' } }), 2);
  assert.equal(await ask('/name', { body: ' ada ' }), 3);
  assert.equal(await ask('/plain', { body: [1] }).then(JSON.stringify), '[1]');
  const binary = async (path: string, contentType: string, octets: Uint8Array) => {
    const head = JSON.stringify({
      type: 'request',
      id: 2,
      destination: `/app${path}`,
      contentType,
    });
    const message = Uint8Array.from([...new TextEncoder().encode(`${head}\n`), ...octets]);
    ada.pair.sendBinary(message);
    const [answer] = await ada.say();
    return answer?.['body'] ?? answer?.['code'];
  };
  assert.equal(await binary('/plain', text.contentType, text.body), 'text');
  assert.equal(await binary('/name', 'text/plain', text.body), 4);
  assert.equal(await binary('/octets', 'image/png', Uint8Array.of(1, 2, 3)), 3);
  assert.equal(await binary('/octets', 'image/png', Uint8Array.of(1)), 'app/invalid-payload');
  assert.equal(await binary('/plain', 'image/png', Uint8Array.of(1)), 'message/invalid');
  await server.close();
});

test('[H1] a payload that its schema refuses never reaches the handler, and the answer says where and why, bounded', async () => {
  const { server, connect } = memoryServer();
  let callCount = 0;
  const payload = z.object({ items: z.array(z.object({ name: z.string() })) });
  server.app.map('/order', { payload }, () => void (callCount += 1));
  const ada = await connect('ada');
  const items = Array.from({ length: 12 }, () => ({ name: 7 }));
  const [error] = await ada.say({ type: 'send', destination: '/app/order', body: { items } });
  assert.deepEqual([error?.['code'], error?.['number']], ['app/invalid-payload', 161]);
  const words = String(error?.['message']);
  assert.match(words, /items\[0\]\.name: .+; items\[9\]\.name: [^;]+; and 2 more$/s);
  assert.equal(callCount, 0);
  const long = new InvalidPayloadError([{ message: 'm'.repeat(999), path: ['p'.repeat(999)] }]);
  assert.deepEqual(
    long.issues.map((issue) => [issue.path.length, issue.message.length]),
    [[100, 200]],
  );
  // A subscription has no payload, so a mapping with a schema does not answer it unless told to.
  const [refused] = await ada.say({ type: 'subscribe', id: 1, destination: '/app/order' });
  assert.equal(refused?.['code'], 'destination/unsupported-operation');
  await server.close();
});

test('[H1] a mapping answers the operations that it names, and the next of the same pattern the others', async () => {
  const { server, connect } = memoryServer();
  server.app.map('/a', { operations: ['request'] }, () => 'requested');
  server.app.map('/a', { operations: 'subscribe' }, () => 'subscribed');
  const ada = await connect();
  const [reply] = await ada.say({ type: 'request', id: 1, destination: '/app/a' });
  const [, answer] = await ada.say({ type: 'subscribe', destination: '/app/a' });
  assert.deepEqual([reply?.['body'], answer?.['body']], ['requested', 'subscribed']);
  const [refused] = await ada.say({ type: 'send', id: 2, destination: '/app/a' });
  assert.equal(refused?.['code'], 'destination/unsupported-operation');
  await server.close();
});

test('what is wrong with a mapping is found when it is made', async () => {
  const { app } = memoryServer().server;
  const handler = (): void => {};
  const isInvalid = (error: unknown): boolean =>
    error instanceof RequestError && error.code === 'destination/invalid';
  assert.throws(() => app.map('/a', { sendTo: '/topic/{id}' }, handler), /no \{id\}/);
  assert.throws(() => app.map('/{id}', { sendTo: 'topic' }, handler), isInvalid);
  assert.throws(() => app.map('/{id}', { sendToUser: '/queue/*' }, handler), isInvalid);
  assert.throws(() => app.map('/a', { operations: 'ask' as never }, handler), RangeError);
  for (const timeoutMs of [0, NaN, 2 ** 31, '5' as never]) {
    assert.throws(() => app.map('/a', { timeoutMs }, handler), RangeError);
  }
  assert.throws(() => app.map('/a', { payload: {} as never }, handler), TypeError);
  assert.throws(() => app.onError(Error, undefined as never), TypeError);
  assert.throws(() => app.onError(Error, handler, { sendTo: 'topic' }), isInvalid);
});

test("prefixes of values are the application's choice", async () => {
  const mappings = { replyPrefix: '/queue/replies', userReplyPrefix: '/own' };
  const { server, connect } = memoryServer({ mappings });
  server.app.map('/a', () => 1);
  server.app.map('/b', { sendToUser: true }, () => 2);
  const ada = await connect('ada');
  await ada.subscribe('/queue/replies/a', '/user/own/b');
  const heard = await ada.say(
    { type: 'send', destination: '/app/a' },
    { type: 'send', destination: '/app/b' },
  );
  assert.deepEqual(told(heard), [
    ['/queue/replies/a', 1],
    ['/user/own/b', 2],
  ]);
  await server.close();
});

test('a handler that takes too long is given up after timeoutMs: its asker is told, its line goes on', async () => {
  const { server, connect, time } = memoryServer();
  let wasTold = false;
  server.app.map('/slow', { timeoutMs: 500 }, ({ cancellation }) => {
    cancellation.onCancelled(() => (wasTold = true));
    return new Promise(() => {});
  });
  server.app.map('/silent', { timeoutMs: 500 }, async function* () {
    await new Promise(() => {});
    yield 1;
  });
  server.app.map('/next', () => 'next');
  const ada = await connect();
  for (const path of ['/slow', '/silent']) {
    const heard = await ada.say(
      { type: 'request', id: 1, destination: `/app${path}` },
      { type: 'request', id: 2, destination: '/app/next' },
    );
    assert.deepEqual(heard, []);
    time.advance(500);
    const [late, next] = await ada.say();
    assert.deepEqual([late?.['id'], late?.['code']], [1, 'app/timeout']);
    assert.deepEqual([next?.['id'], next?.['body']], [2, 'next']);
  }
  assert.equal(wasTold, true);
  await server.close();
});

test('a mapping that repeats its prefix is taken as it stands, with a warning', async () => {
  const warnings: unknown[] = [];
  const silent = (): void => {};
  const warn = (_message: string, fields: object = {}): void => void warnings.push(fields);
  const log = { debug: silent, info: silent, warn, error: silent };
  const { server, connect } = memoryServer({ log });
  server.app.map('/app/hello', () => 'hello');
  server.app.map('/apple', () => 'apple');
  assert.deepEqual(warnings, [{ pattern: '/app/hello', matches: '/app/app/hello' }]);
  const ada = await connect('ada');
  const [reply] = await ada.say({ type: 'request', id: 1, destination: '/app/app/hello' });
  assert.equal(reply?.['body'], 'hello');
  await server.close();
});

test('[M2] a message for one session alone does not lose that its sender is left out, however that session is named', async () => {
  const { server, connect } = memoryServer();
  server.app.map(
    '/value',
    { sendToUser: '/queue/x', broadcast: false, excludeSender: true },
    () => 1,
  );
  server.app.map('/say', async ({ sendToUser, sessionId = '' }) => {
    const excludeSender = true;
    await sendToUser('ada', '/queue/x', 2, { sessionId, excludeSender });
    await sendToUser(sessionId, '/queue/x', 3, { excludeSender });
    await sendToUser(sessionId, '/queue/x', 4, { sessionId, excludeSender });
    await sendToUser('ada', '/queue/x', 'for the others', { excludeSender });
    await sendToUser(sessionId, '/queue/x', 'for it alone');
  });
  for (const name of ['ada', undefined]) {
    const [phone, laptop] = [await connect(name), await connect(name)];
    for (const peer of [phone, laptop]) await peer.subscribe('/user/queue/x');
    const heard = await phone.say(
      { type: 'send', destination: '/app/value' },
      { type: 'send', destination: '/app/say' },
    );
    assert.deepEqual(told(heard), [['/user/queue/x', 'for it alone']], name);
    const forOthers = name === undefined ? [] : [['/user/queue/x', 'for the others']];
    assert.deepEqual(told(laptop.heard()), forOthers, name);
  }
  await server.close();
});
