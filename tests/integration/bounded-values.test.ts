/** Proves that no message costs a parser more than its bound, at no door, and that the values of handlers are bounded too. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createServer, MemoryMetrics, Message, RequestError } from 'tideway';
import { memoryServer, told } from './memory-peer.js';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

const LIMITS = { maxJsonValueCount: 40 };
const many = `[${Array(50).fill(1).join()}]`;

async function listening(context: TestContext) {
  const metrics = new MemoryMetrics();
  const server = createServer({ limits: LIMITS, apiKeys: ['key-of-the-tests-of-api'], metrics });
  server.app.map('/echo', ({ payload }) => payload);
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return { server, metrics };
}

test('[E2] a native frame of too many values is refused unparsed, and the connection lives', async (t) => {
  const { server, metrics } = await listening(t);
  const peer = await NativePeer.open(server.url);
  peer.socket.send(`{"type":"send","id":1,"destination":"/topic/a","body":${many}}`);
  const { code, number } = await peer.frame('error');
  assert.deepEqual([code, number], ['json/too-many-values', 114]);
  peer.send({ type: 'request', id: 2, destination: '/app/echo', body: [1, 2] });
  assert.deepEqual((await peer.frame('reply', { id: 2 }))['body'], [1, 2]);
  assert.equal(metrics.value('limit_reached', { limit: 'maxJsonValueCount' }), 1);
});

test('[E2] one that opens a connection is refused too', async (t) => {
  const { server } = await listening(t);
  const peer = await NativePeer.open(server.url);
  const other = await NativePeer.open(server.url);
  for (const { socket } of [peer, other]) socket.send(`{"type":"send","body":${many}}`);
  assert.equal((await peer.frame('error'))['code'], 'json/too-many-values');
});

test('[E2] a body that nobody has parsed on its way in is bounded where it is read', async (t) => {
  const { server, metrics } = await listening(t);
  const reader = await NativePeer.open(server.url);
  reader.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await reader.frame('subscribed');
  const peer = await NativePeer.open(server.url);
  const header = {
    type: 'request',
    id: 1,
    destination: '/app/echo',
    contentType: 'application/json',
  };
  peer.socket.send(Buffer.from(`${JSON.stringify(header)}\n${many}`));
  assert.equal((await peer.frame('error', { id: 1 }))['code'], 'json/too-many-values');
  assert.equal(metrics.value('limit_reached', { limit: 'maxJsonValueCount' }), 1);
  const sent = { ...header, type: 'send', id: 2, destination: '/topic/a' };
  peer.socket.send(Buffer.from(`${JSON.stringify(sent)}\n${many}`));
  await peer.frame('receipt', { id: 2 });
  // Whoever writes it into a JSON frame would have to parse it, so it travels as octets.
  await reader.frame('publication');
  assert.ok(reader.texts.at(-1)?.endsWith(`\n${many}`), reader.texts.at(-1));
});

test('[E2] STOMP: JSON by its type is refused where it is read; without a type it is text', async (t) => {
  const { server } = await listening(t);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'e', destination: '/user/queue/errors' });
  peer.say('SUBSCRIBE', { id: 't', destination: '/topic/echo' });
  peer.say('SEND', { destination: '/app/echo', 'content-type': 'application/json' }, many);
  const told = await peer.frame('MESSAGE', { subscription: 'e' });
  assert.equal((JSON.parse(told.body.toString()) as { code: string }).code, 'json/too-many-values');
  peer.say('SEND', { destination: '/app/echo' }, many);
  const echoed = await peer.frame('MESSAGE', { subscription: 't' });
  assert.equal(JSON.parse(echoed.body.toString()), many);
});

test('[E2] the HTTP API refuses them; the program itself publishes what it likes', async (t) => {
  const { server, metrics } = await listening(t);
  const publish = (body: string): Promise<Response> =>
    fetch(`${server.url}/api/publish`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: 'Bearer key-of-the-tests-of-api',
      },
      body,
    });
  const refused = await publish(`{"destination":"/topic/a","body":${many}}`);
  assert.equal(refused.status, 400);
  const { error } = (await refused.json()) as { error: { code: string } };
  assert.equal(error.code, 'json/too-many-values');
  assert.equal(metrics.value('limit_reached', { limit: 'maxJsonValueCount' }), 1);
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await peer.frame('subscribed');
  await server.publish('/topic/a', JSON.parse(many));
  await server.publish('/topic/a', new Message(Buffer.from(many), 'application/json'));
  assert.deepEqual((await peer.frame('publication', { offset: 2 }))['body'], JSON.parse(many));
});

const LARGE = 'x'.repeat(200);

test('[H2] a value that is larger than a message may be is not sent, and its asker is told', async () => {
  const { server, errors, connect } = memoryServer({ limits: { maxMessageBytes: 150 } });
  server.app.map('/string', () => LARGE);
  server.app.map('/octets', () => new Uint8Array(200));
  server.app.map('/message', () => Message.fromText(LARGE));
  server.app.map('/stream', async function* () {
    yield 'small';
    yield LARGE;
    yield 'never';
  });
  const peer = await connect('ada');
  await peer.subscribe('/topic/**');
  for (const name of ['string', 'octets', 'message']) {
    for (const type of ['request', 'send', 'subscribe']) {
      const heard = await peer.say({ type, id: 1, destination: `/app/${name}` });
      assert.deepEqual(
        heard.map((frame) => [frame.type, frame['code']]),
        [['error', 'message/too-large']],
        `${type} ${name}`,
      );
    }
  }
  assert.deepEqual(errors, Array(9).fill('the value of a message handler is too large'));

  const replies = await peer.say({ type: 'request', id: 1, destination: '/app/stream' });
  const kinds = replies.map((frame) => [frame.type, frame['body'] ?? frame['code']]);
  assert.deepEqual(kinds, [
    ['reply', 'small'],
    ['error', 'message/too-large'],
  ]);
  const sent = await peer.say({ type: 'send', id: 2, destination: '/app/stream' });
  assert.deepEqual(told(sent), [['/topic/stream', 'small']]);
  assert.deepEqual(sent.find(({ type }) => type === 'error')?.['code'], 'message/too-large');
  const pulled = await peer.say({ type: 'subscribe', id: 3, destination: '/app/stream' });
  assert.deepEqual(told(pulled), [['/app/stream', 'small']]);
  assert.deepEqual([pulled.at(-1)?.type, pulled.at(-1)?.['code']], ['ended', 'message/too-large']);
  await server.close();
});

test('[H4] an exception handler may answer for a value that is too large, but not with another', async () => {
  const { server, connect } = memoryServer({ limits: { maxMessageBytes: 150 } });
  server.app.map('/large', () => LARGE);
  server.app.map('/larger', () => {
    throw new RangeError('no');
  });
  server.app.onError(
    (error: unknown) => error instanceof RequestError && error.code === 'message/too-large',
    () => 'ask for less',
  );
  server.app.onError(RangeError, () => LARGE);
  const peer = await connect('ada');
  const [reply] = await peer.say({ type: 'request', id: 1, destination: '/app/large' });
  assert.equal(reply?.['body'], 'ask for less');
  const [error] = await peer.say({ type: 'request', id: 2, destination: '/app/larger' });
  assert.equal(error?.['code'], 'message/too-large');
  await server.close();
});
