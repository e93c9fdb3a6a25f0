/** Proves message mappings for clients of STOMP: values, errors on the queue, and subscriptions that the server made. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createServer, type TidewayServer } from 'tideway';
import { z } from 'zod';
import { StompPeer } from './stomp-peer.js';

async function listening(context: TestContext): Promise<TidewayServer> {
  const server = createServer();
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

test('[H2] [H3] a SEND reaches the topic, a SUBSCRIBE to a mapping is answered straight back, once or value by value', async (t) => {
  const server = await listening(t);
  server.app.map('/hello', { payload: z.string() }, ({ payload }) => ({
    content: `Hello, ${payload}!`,
  }));
  server.app.map('/three', async function* () {
    yield* [1, 2, 3];
  });
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 't', destination: '/topic/hello' });
  peer.say('SEND', { destination: '/app/hello' }, '"Ada"');
  const [greeting] = await peer.messages(1);
  assert.deepEqual(
    [greeting?.headers['subscription'], greeting?.body.toString()],
    ['t', '{"content":"Hello, Ada!"}'],
  );
  peer.say('SUBSCRIBE', { id: 'a', destination: '/app/three' });
  const [, ...values] = await peer.messages(4);
  assert.deepEqual(
    values.map(({ headers, body }) => [headers['subscription'], body.toString()]),
    [1, 2, 3].map((value) => ['a', String(value)]),
  );
});

test('[H4] a handler that fails ends no connection: its sender is told on its errors queue', async (t) => {
  const server = await listening(t);
  server.app.map('/broken', () => {
    throw new Error('a secret');
  });
  server.app.map('/strict', { payload: z.object({ name: z.string() }) }, () => 1);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'e', destination: '/user/queue/errors' });
  for (const path of ['broken', 'strict', 'unmapped']) {
    peer.say('SEND', { destination: `/app/${path}` }, '{}');
  }
  const told = (await peer.messages(3)).map(({ headers, body }) => {
    const { code, destination, issues } = JSON.parse(body.toString()) as Record<string, unknown>;
    assert.equal(headers['destination'], '/user/queue/errors');
    assert.doesNotMatch(body.toString(), /secret/);
    return [code, destination, (issues as { path: string }[] | undefined)?.[0]?.path];
  });
  const inOrder = told.sort(([left], [right]) => (String(left) < String(right) ? -1 : 1));
  assert.deepEqual(inOrder, [
    ['app/failed', '/app/broken', undefined],
    ['app/invalid-payload', '/app/strict', 'name'],
    ['app/no-handler', '/app/unmapped', undefined],
  ]);
  await peer.settled();
  peer.say('SEND', { destination: '/app/broken', receipt: 'asked' });
  const error = await peer.frame('ERROR', { 'receipt-id': 'asked' });
  assert.equal(error.headers['tideway-code'], 'app/failed');
});

test('[H5] a subscription that the server made has its destination as id; the client may end it, or take it over', async (t) => {
  const server = await listening(t);
  server.access.deny('subscribe', '/topic/room');
  server.app.map('/join/{name}', ({ session, variables }) =>
    session?.subscribe(`/topic/${variables.name}`),
  );
  for (const version of ['1.2', '1.0']) {
    const peer = await StompPeer.open(server.url, version);
    const join = (name: string, receipt: string): Promise<unknown> => {
      peer.say('SEND', { destination: `/app/join/${name}`, receipt });
      return peer.frame('RECEIPT', { 'receipt-id': receipt });
    };
    await join('room', 'first');
    await server.publish('/topic/room', 1);
    const [message] = await peer.messages(1);
    assert.deepEqual(
      [message?.headers['subscription'], message?.body.toString()],
      ['/topic/room', '1'],
    );
    peer.say('UNSUBSCRIBE', { id: '/topic/room' });
    await peer.settled();
    await server.publish('/topic/room', 2);
    await join('open', 'second');
    const mode = { id: '/topic/open', ack: 'client', receipt: 'over' };
    peer.say('SUBSCRIBE', { destination: '/topic/open', ...mode });
    await peer.frame('RECEIPT', { 'receipt-id': 'over' });
    await server.publish('/topic/open', 3);
    const [, taken] = await peer.messages(2);
    assert.equal(taken?.body.toString(), '3');
    peer.say('UNSUBSCRIBE', { id: '/topic/open' });
    await peer.settled();
    assert.equal(server.users.findSubscriptions(() => true).length, 0);
    peer.close();
    await peer.closed;
  }
});

test('[H1] a SEND without a body is the payload null, whatever type it names; octets decide, not words', async (t) => {
  const server = await listening(t);
  const seen: unknown[] = [];
  server.app.map('/plain', ({ payload, body }) => void seen.push([payload, body]));
  server.app.map('/maybe', { payload: z.object({ a: z.number() }).nullable() }, ({ payload }) => {
    seen.push(payload);
  });
  server.app.map(
    '/strict',
    { payload: z.object({ a: z.number() }) },
    () => void seen.push('never'),
  );
  const peer = await StompPeer.open(server.url);
  const send = async (path: string, contentType?: string, body?: string): Promise<void> => {
    const receipt = `${path} ${contentType} ${seen.length}`;
    const type = contentType === undefined ? {} : { 'content-type': contentType };
    peer.say('SEND', { destination: `/app/${path}`, receipt, ...type }, body);
    await peer.frame('RECEIPT', { 'receipt-id': receipt });
  };
  for (const contentType of [undefined, 'application/json', 'text/plain', 'image/png']) {
    await send('plain', contentType);
  }
  await send('plain', 'application/json', '""');
  await send('maybe');
  await send('maybe', undefined, '{"a":1}');
  assert.deepEqual(seen, [
    ...Array.from({ length: 4 }, () => [null, null]),
    ['', ''],
    null,
    { a: 1 },
  ]);
  peer.say('SEND', { destination: '/app/strict', receipt: 'refused' });
  const { headers } = await peer.frame('ERROR');
  assert.deepEqual(
    [headers['receipt-id'], headers['tideway-code']],
    ['refused', 'app/invalid-payload'],
  );
});
