import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { ScriptedServer, SeededRandom, VirtualTime } from '../testing/index.js';
import { Client, type ClientOptions } from './index.js';

function begin(options: Partial<ClientOptions> = {}) {
  const server = new ScriptedServer();
  const time = new VirtualTime();
  const random = new SeededRandom(1);
  const url = 'ws://localhost/ws';
  const client = new Client({ url, WebSocket: server.WebSocket, time, random, ...options });
  let retryInMs = 0;
  client.onState((change) => (retryInMs = change.retryInMs ?? 0));
  void client.connect();
  const accept = (): void => {
    server.socket.opened();
    server.socket.received({ type: 'connected', heartbeatIntervalMs: 0, maxMessageBytes: 1000 });
    assert.equal((server.socket.takeSent(1)[0] as Sent).type, 'connect');
  };
  const sent = (): Sent[] => server.socket.takeSent() as Sent[];
  const cut = (): void => {
    server.socket.ended();
    time.advance(retryInMs);
  };
  return { server, time, client, accept, sent, cut };
}

interface Sent {
  readonly type: string;
  readonly id: number;
  readonly [name: string]: unknown;
}

/** What a binary message says: its header, and its body as numbers. */
function parted(message: unknown): { header: Sent; body: number[] } {
  assert.ok(message instanceof Uint8Array);
  const end = message.indexOf(10);
  const header = JSON.parse(new TextDecoder().decode(message.subarray(0, end))) as Sent;
  return { header, body: [...message.subarray(end + 1)] };
}

test('send resolves with the place that the receipt tells', async () => {
  const { server, client, accept, sent } = begin();
  accept();
  const headers = { h: 'v' };
  const receipt = client.send('/topic/a', { n: 1 }, { key: 'k', messageId: 'm', headers });
  const [message] = sent();
  assert.deepEqual(message, {
    type: 'send',
    id: message?.id,
    destination: '/topic/a',
    key: 'k',
    messageId: 'm',
    headers,
    body: { n: 1 },
  });
  server.socket.received({
    type: 'receipt',
    id: message?.id,
    epoch: 'e',
    offset: 7,
    isDuplicate: true,
  });
  assert.deepEqual(await receipt, { epoch: 'e', offset: 7, isDuplicate: true });
});

test('a refusal rejects with the code, number and words of the server', async () => {
  const { server, client, accept, sent } = begin();
  accept();
  const receipt = client.send('/nowhere');
  const [message] = sent();
  const words = 'nothing is mounted';
  const { id } = message ?? {};
  const error = { type: 'error', id, code: 'destination/unknown', number: 101, message: words };
  server.socket.received(error);
  await assert.rejects(receipt, {
    name: 'ClientError',
    code: 'destination/unknown',
    number: 101,
    message: words,
    isOutcomeUnknown: false,
  });
});

test('what is unanswered at the cut is rejected as unknown and never sent again', async () => {
  const { client, accept, sent, cut } = begin();
  accept();
  const receipt = client.send('/topic/a', 1);
  const reply = client.request('/app/a', 1);
  assert.equal(sent().length, 2);
  cut();
  await assert.rejects(receipt, { code: 'connection/lost', isOutcomeUnknown: true });
  await assert.rejects(reply, { code: 'connection/lost', isOutcomeUnknown: true });
  accept();
  assert.deepEqual(sent(), []);
});

test('what is begun while not connected waits, and is sent once, in order', async () => {
  const { server, client, accept, sent, cut } = begin();
  const first = client.send('/topic/a', 1);
  const second = client.request('/app/a', 2);
  const third = client.send('/topic/a', 3);
  server.socket.opened();
  cut();
  accept();
  const messages = sent();
  assert.deepEqual(
    messages.map(({ type, body }) => [type, body]),
    [
      ['send', 1],
      ['request', 2],
      ['send', 3],
    ],
  );
  const [one, two, three] = messages;
  server.socket.received({ type: 'receipt', id: three?.id });
  server.socket.received({ type: 'reply', id: two?.id, body: 'two' });
  server.socket.received({ type: 'receipt', id: one?.id, offset: 1 });
  assert.deepEqual(await third, { epoch: undefined, offset: undefined, isDuplicate: undefined });
  assert.equal((await second).body, 'two');
  assert.equal((await first).offset, 1);
});

test('the queue is bounded: one more is refused, and a place is free again after the flush', async () => {
  const { client, accept, sent, cut } = begin({ maxQueuedCount: 2 });
  const queued = [client.send('/topic/a', 1), client.send('/topic/a', 2)];
  await assert.rejects(client.send('/topic/a', 3), {
    code: 'client/queue-full',
    number: undefined,
  });
  accept();
  queued.push(client.send('/topic/a', 4));
  assert.deepEqual(
    sent().map(({ body }) => body),
    [1, 2, 4],
  );
  cut();
  for (const promise of queued) await assert.rejects(promise, { code: 'connection/lost' });
  const later = client.send('/topic/a', 5);
  client.close();
  await assert.rejects(later, { code: 'client/closed', isOutcomeUnknown: false });
});

test('close rejects what was sent as unknown, what was queued as not sent, and what comes later', async () => {
  const { client, accept } = begin();
  accept();
  const sent = client.send('/topic/a', 1);
  client.close();
  await assert.rejects(sent, { code: 'connection/lost', isOutcomeUnknown: true });
  await assert.rejects(client.send('/topic/a', 2), { code: 'client/closed' });
  await assert.rejects(client.request('/app/a', 2), { code: 'client/closed' });
  void client.connect();
  const queued = client.send('/topic/a', 3);
  client.close();
  await assert.rejects(queued, { code: 'client/closed', isOutcomeUnknown: false });
});

test('an operation before the first connect waits for it', async () => {
  const server = new ScriptedServer();
  const client = new Client({ url: 'ws://localhost', WebSocket: server.WebSocket });
  const receipt = client.send('/topic/a', 1);
  void client.connect();
  server.socket.opened();
  server.socket.received({ type: 'connected' });
  const [, message] = server.socket.takeSent() as Sent[];
  server.socket.received({ type: 'receipt', id: message?.id });
  await receipt;
  client.close();
});

test('an operation without an answer times out; its late answer is ignored', async () => {
  const { server, time, client, accept, sent } = begin({ requestTimeoutMs: 5000 });
  accept();
  const receipt = client.send('/topic/a', 1);
  const slow = client.send('/topic/a', 2, { timeoutMs: 0 });
  const [message, other] = sent();
  time.advance(4999);
  time.advance(1);
  await assert.rejects(receipt, { code: 'client/request-timeout', isOutcomeUnknown: true });
  server.socket.received({ type: 'receipt', id: message?.id });
  time.advance(10_000_000);
  server.socket.received({ type: 'receipt', id: other?.id, offset: 2 });
  assert.equal((await slow).offset, 2);
});

test('an operation that times out in the queue was certainly not sent, and never is', async () => {
  const { time, client, accept, sent } = begin({ requestTimeoutMs: 5000 });
  const receipt = client.send('/topic/a', 1);
  time.advance(5000);
  await assert.rejects(receipt, { code: 'client/request-timeout', isOutcomeUnknown: false });
  accept();
  assert.deepEqual(sent(), []);
});

test('a request that times out is cancelled at the server', async () => {
  const { time, client, accept, sent } = begin({ requestTimeoutMs: 5000 });
  accept();
  const reply = client.request('/app/a');
  const [message] = sent();
  time.advance(5000);
  assert.deepEqual(sent(), [{ type: 'cancel', id: message?.id }]);
  await assert.rejects(reply, { code: 'client/request-timeout' });
});

test('a message larger than the server takes is refused here, in octets and not in characters', async () => {
  const { client, accept, sent } = begin();
  const queued = client.send('/topic/a', 'x'.repeat(1000));
  accept();
  await assert.rejects(queued, { code: 'message/too-large', isOutcomeUnknown: false });
  await assert.rejects(client.send('/topic/a', '€'.repeat(330)), { code: 'message/too-large' });
  await assert.rejects(client.send('/topic/a', new Uint8Array(1000)), {
    code: 'message/too-large',
  });
  assert.deepEqual(sent(), []);
  void client.send('/topic/a', 'x'.repeat(900)).catch(() => {});
  assert.equal(sent().length, 1);
});

test('octets travel as a binary message, as does a string with a content type of its own', () => {
  const { server, client, accept } = begin();
  accept();
  const ignore = (promise: Promise<unknown>): void => void promise.catch(() => {});
  const octets = Uint8Array.of(0, 10, 255, 7);
  ignore(client.send('/topic/a', octets, { key: 'k' }));
  ignore(client.send('/topic/a', octets.buffer));
  ignore(client.send('/topic/a', octets.subarray(2)));
  ignore(client.send('/topic/a', 'a\n€', { contentType: 'text/plain;charset=utf-8' }));
  ignore(client.send('/topic/a', 'text', { contentType: 'application/json' }));
  const [whole, buffer, part, text, json] = server.socket.takeSent();
  assert.deepEqual(parted(whole).body, [0, 10, 255, 7]);
  const { header } = parted(whole);
  assert.deepEqual(header, { type: 'send', id: header.id, destination: '/topic/a', key: 'k' });
  assert.deepEqual(parted(buffer).body, [0, 10, 255, 7]);
  assert.deepEqual(parted(part).body, [255, 7]);
  assert.deepEqual(parted(text).body, [97, 10, 0xe2, 0x82, 0xac]);
  assert.equal(parted(text).header['contentType'], 'text/plain;charset=utf-8');
  assert.equal((json as Sent)['body'], 'text');
});

test('octets are copied when send is called, so that they may be changed while they wait', async () => {
  const { server, client } = begin();
  const octets = Uint8Array.of(1, 2);
  const receipt = client.send('/topic/a', octets);
  octets.fill(9);
  server.socket.opened();
  server.socket.received({ type: 'connected' });
  const [, message] = server.socket.takeSent();
  assert.deepEqual(parted(message).body, [1, 2]);
  client.close();
  await assert.rejects(receipt, { code: 'connection/lost' });
});

test('what JSON cannot say is refused with client/invalid-body', async () => {
  const { client, accept, sent } = begin();
  accept();
  const circle: { self?: unknown } = {};
  circle.self = circle;
  await assert.rejects(client.send('/topic/a', circle), { code: 'client/invalid-body' });
  await assert.rejects(client.request('/app/a', 1n), { code: 'client/invalid-body' });
  assert.deepEqual(sent(), []);
});

test('request resolves with the reply: JSON as its value, octets as a Uint8Array', async () => {
  const { server, client, accept, sent } = begin();
  accept();
  const json = client.request('/app/sum', [1, 2]);
  const octets = client.request('/app/image');
  const nothing = client.request('/app/nothing');
  const [first, second, third] = sent();
  assert.deepEqual(
    [first?.type, first?.['destination'], first?.['body']],
    ['request', '/app/sum', [1, 2]],
  );
  const header = { type: 'reply', id: second?.id, headers: [['h', 'v']] };
  const head = new TextEncoder().encode(`${JSON.stringify(header)}\n`);
  server.socket.received(Uint8Array.of(...head, 1, 10, 2));
  server.socket.received({ type: 'reply', id: first?.id, body: 3 });
  server.socket.received({ type: 'reply', id: third?.id });
  assert.deepEqual(await json, { body: 3, contentType: 'application/json', headers: [] });
  assert.deepEqual(await octets, {
    body: Uint8Array.of(1, 10, 2),
    contentType: 'application/octet-stream',
    headers: [['h', 'v']],
  });
  assert.equal((await nothing).body, null);
});

test('a streaming reply arrives value by value, whether somebody waits or not', async () => {
  const { server, client, accept, sent } = begin();
  accept();
  const seen: unknown[] = [];
  const done = (async () => {
    for await (const { body } of client.requestStream('/app/count')) seen.push(body);
  })();
  const [{ id } = { id: -1 }] = sent();
  server.socket.received({ type: 'reply', id, more: true, body: 1 });
  await turn();
  assert.deepEqual(seen, [1]);
  server.socket.received({ type: 'reply', id, more: true, body: 2 });
  server.socket.received({ type: 'reply', id, more: true, body: 3 });
  server.socket.received({ type: 'end', id });
  await done;
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(sent(), []);
});

test('a streaming reply that fails gives what came before, then throws', async () => {
  const { server, client, accept, sent } = begin();
  accept();
  const seen: unknown[] = [];
  const done = (async () => {
    for await (const { body } of client.requestStream('/app/count')) seen.push(body);
  })();
  const [{ id } = { id: -1 }] = sent();
  server.socket.received({ type: 'reply', id, more: true, body: 1 });
  server.socket.received({ type: 'error', id, code: 'app/failed', number: 500, message: 'm' });
  await assert.rejects(done, { code: 'app/failed', number: 500 });
  assert.deepEqual(seen, [1]);
});

test('leaving the loop cancels the request at the server', async () => {
  const { server, client, accept, sent } = begin();
  accept();
  const done = (async () => {
    for await (const { body } of client.requestStream('/app/count')) return body;
    return undefined;
  })();
  const [{ id } = { id: -1 }] = sent();
  server.socket.received({ type: 'reply', id, more: true, body: 1 });
  assert.equal(await done, 1);
  assert.deepEqual(sent(), [{ type: 'cancel', id }]);
  server.socket.received({ type: 'error', id, code: 'request/cancelled', number: 151 });
});

test('the wait between two replies counts anew towards the time-out', async () => {
  const { server, time, client, accept, sent } = begin({ requestTimeoutMs: 1000 });
  accept();
  const seen: unknown[] = [];
  const done = (async () => {
    for await (const { body } of client.requestStream('/app/count')) seen.push(body);
  })();
  const [{ id } = { id: -1 }] = sent();
  for (const body of [1, 2, 3]) {
    time.advance(999);
    server.socket.received({ type: 'reply', id, more: true, body });
  }
  time.advance(1000);
  await assert.rejects(done, { code: 'client/request-timeout' });
  assert.deepEqual(seen, [1, 2, 3]);
});

test('request takes the first value of a stream and cancels the rest; a stream without any is no-reply', async () => {
  const { server, client, accept, sent } = begin();
  accept();
  const first = client.request('/app/count');
  const [{ id } = { id: -1 }] = sent();
  server.socket.received({ type: 'reply', id, more: true, body: 1 });
  assert.equal((await first).body, 1);
  assert.deepEqual(sent(), [{ type: 'cancel', id }]);
  const none = client.request('/app/none');
  const [other] = sent();
  server.socket.received({ type: 'end', id: other?.id });
  await assert.rejects(none, { code: 'request/no-reply' });
});

test('a signal gives the request up with its reason, before, while queued and after sending', async () => {
  const { client, accept, sent } = begin();
  await assert.rejects(
    client.request('/app/a', 1, { signal: AbortSignal.abort('early') }),
    (e) => e === 'early',
  );
  const queued = new AbortController();
  const waiting = client.request('/app/a', 1, { signal: queued.signal });
  queued.abort('queued');
  await assert.rejects(waiting, (error) => error === 'queued');
  accept();
  assert.deepEqual(sent(), []);
  const controller = new AbortController();
  const reply = client.request('/app/a', 1, { signal: controller.signal });
  const [{ id } = { id: -1 }] = sent();
  controller.abort();
  await assert.rejects(reply, { name: 'AbortError' });
  assert.deepEqual(sent(), [{ type: 'cancel', id }]);
});

test('authenticate renews the token here and for later connections', async () => {
  const { server, client, accept, sent, cut } = begin({ token: 'old' });
  accept();
  const renewed = client.authenticate('new');
  const [message] = sent();
  assert.deepEqual(message, { type: 'authenticate', id: message?.id, token: 'new' });
  server.socket.received({ type: 'receipt', id: message?.id });
  await renewed;
  cut();
  server.socket.opened();
  assert.equal(sent()[0]?.['token'], 'new');
});

test('a token that the server refuses is not kept; one given while not connected is', async () => {
  const { server, client, accept, sent, cut } = begin({ token: 'old' });
  accept();
  const renewed = client.authenticate('new');
  const [message] = sent();
  const code = 'access/other-principal';
  server.socket.received({ type: 'error', id: message?.id, code, number: 132, message: 'm' });
  await assert.rejects(renewed, { code, number: 132 });
  cut();
  server.socket.opened();
  assert.equal(sent()[0]?.['token'], 'old');
  cut();
  await client.authenticate('newer');
  cut();
  server.socket.opened();
  assert.equal(sent()[0]?.['token'], 'newer');
});

test('a token whose renewal has no answer is that of the next connection: the old one may have ended', async () => {
  const { server, client, accept, sent, cut } = begin({ token: 'old' });
  accept();
  const renewed = client.authenticate('new');
  sent();
  cut();
  server.socket.opened();
  assert.equal(sent()[0]?.['token'], 'new');
  await assert.rejects(renewed, { code: 'connection/lost', isOutcomeUnknown: true });
});

test('when all is settled no timer is left', async () => {
  const { server, time, client, accept, sent } = begin();
  accept();
  const receipt = client.send('/topic/a');
  const [message] = sent();
  assert.equal(time.pendingTimerCount, 1);
  server.socket.received({ type: 'receipt', id: message?.id });
  await receipt;
  assert.equal(time.pendingTimerCount, 0);
});
