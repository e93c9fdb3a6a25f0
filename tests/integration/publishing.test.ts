/** Proves that publishing is `send` and nothing else, and that whoever sends may learn where the message went, in every dialect. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createServer, type TidewayServer } from 'tideway';
import { Client } from 'tideway/client';
import { run } from './cli-program.js';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

async function listening(context: TestContext): Promise<TidewayServer> {
  const server = createServer({
    apiKeys: ['a-key-for-these-tests'],
    // Who says a name has it.
    authenticate: async ({ token }) => ({ name: token, claims: {}, expiresAtMs: undefined }),
  });
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

test('[O4] a request publishes nothing, wherever messages are kept, and walks round no rule', async (t) => {
  const server = await listening(t);
  server.access.allow('request', '/**').deny('send', '/topic/closed/**');
  const peer = await NativePeer.open(server.url);
  const destinations = ['/topic/a', '/topic/closed/a', '/queue/a', '/work/a', '/user/ada/queue/a'];
  peer.send({ type: 'subscribe', id: 0, destination: '/topic/**' });
  await peer.frame('subscribed');
  for (const [index, destination] of destinations.entries()) {
    peer.send({ type: 'request', id: index + 1, destination, body: 1 });
    const { code, message } = await peer.frame('error', { id: index + 1 });
    assert.equal(code, 'destination/unsupported-operation', destination);
    assert.match(String(message), /send with a receipt/);
  }
  assert.equal((await server.publish('/topic/a', 'first'))?.offset, 1);
  assert.equal((await peer.frame('publication'))['body'], 'first');
});

test('[S8] native: a receipt says the position, and whether the message id was known', async (t) => {
  const server = await listening(t);
  server.access.allow('send', '/user/**');
  const peer = await NativePeer.open(server.url);
  for (const destination of ['/topic/a', '/work/a', '/user/ada/queue/a']) {
    const receipts = [];
    for (const id of [1, 2]) {
      peer.frames.length = 0;
      peer.send({ type: 'send', id, destination, body: id, messageId: 'm' });
      receipts.push(await peer.frame('receipt', { id }));
    }
    assert.deepEqual(
      receipts.map(({ offset, isDuplicate }) => [offset, isDuplicate]),
      [
        [1, undefined],
        [1, true],
      ],
      destination,
    );
  }
});

test('[S8] STOMP says the same in its RECEIPT', async (t) => {
  const server = await listening(t);
  const peer = await StompPeer.open(server.url);
  for (const receipt of ['1', '2']) {
    peer.say('SEND', { destination: '/topic/a', 'tideway-message-id': 'm', receipt }, 'x');
  }
  const [first, second] = [
    await peer.frame('RECEIPT', { 'receipt-id': '1' }),
    await peer.frame('RECEIPT', { 'receipt-id': '2' }),
  ];
  assert.equal(first.headers['tideway-duplicate'], undefined);
  assert.equal(second.headers['tideway-duplicate'], 'true');
  assert.equal(second.headers['tideway-offset'], '1');
});

test('[S8] so does the HTTP API', async (t) => {
  const server = await listening(t);
  const publish = async (): Promise<unknown> => {
    const response = await fetch(`${server.url}/api/publish`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: 'Bearer a-key-for-these-tests',
      },
      body: '{"destination":"/topic/a","messageId":"m"}',
    });
    return response.json();
  };
  const first = (await publish()) as object;
  assert.deepEqual(await publish(), { ...first, isDuplicate: true });
  assert.ok(!('isDuplicate' in first));
});

test('[S8] the client and the program learn both; a request of theirs to a topic is refused', async (t) => {
  const server = await listening(t);
  const client = new Client({ url: `${server.url?.replace('http', 'ws')}/ws` });
  t.after(() => client.close());
  await client.connect();
  const first = await client.send('/topic/a', 1, { messageId: 'm' });
  assert.deepEqual([first.offset, first.isDuplicate], [1, undefined]);
  const second = await client.send('/topic/a', 1, { messageId: 'm' });
  assert.deepEqual(second, { ...first, isDuplicate: true });
  await assert.rejects(client.request('/topic/a', 1), {
    code: 'destination/unsupported-operation',
  });

  const url = ['--url', `${server.url?.replace('http', 'ws')}/ws`];
  // Another publisher's id is another id, unless both are of one principal.
  const published = await run(t, ['publish', '/topic/a', '1', '--message-id', 'm', ...url]);
  assert.equal(published.stdout, `${first.epoch}:2`);
  const token = ['--token', 'ada'];
  const publish = ['publish', '/topic/a', '1', '--message-id', 'm', ...token, ...url];
  assert.equal((await run(t, publish)).stdout, `${first.epoch}:3`);
  const again = await run(t, publish);
  assert.equal(again.stdout, `${first.epoch}:3`);
  assert.match(again.stderr, /was known: nothing was published again/);
  const asked = await run(t, ['request', '/topic/a', '1', ...url]);
  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /send with a receipt/);
  assert.equal((await client.send('/topic/a', 2)).offset, 4);
});

test('[S8] the program itself learns it too; an empty message id is none', async (t) => {
  const server = await listening(t);
  const first = await server.publish('/topic/a', 1, { messageId: 'm' });
  assert.deepEqual(await server.publish('/topic/a', 2, { messageId: 'm' }), {
    ...first,
    isDuplicate: true,
  });
  assert.ok(first !== undefined && !('isDuplicate' in first));
  await assert.rejects(server.publish('/topic/a', 3, { messageId: '' }), {
    code: 'frame/invalid-field',
  });
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'send', id: 1, destination: '/topic/a', body: 1, messageId: '' });
  assert.equal((await peer.frame('error'))['code'], 'frame/invalid-field');
});

test('[E1] what the server cannot publish just now ends no process that does not wait for it, and who waits is told', async () => {
  const warnings: string[] = [];
  const note = (words: string): void => void warnings.push(words);
  const server = createServer({
    log: { error: note, warn: note, info: () => {}, debug: () => {} },
  });
  await server.listen({ port: 0 });
  // The runner fails a test that leaves a rejection unhandled.
  await server.close();
  void server.publish('/topic/ticks', 1);
  void server.sendToUser('ada', '/queue/notices', 1);
  await assert.rejects(server.publish('/topic/ticks', 2), {
    code: 'server/draining',
    mayTryAgain: true,
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(warnings.filter((words) => words.includes('was refused')).length, 3);
});
