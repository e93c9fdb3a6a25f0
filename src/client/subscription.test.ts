import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptedServer, SeededRandom, VirtualTime } from '../testing/index.js';
import { Client, type ClientOptions, type SubscriptionHandlers } from './index.js';

interface Sent {
  readonly type: string;
  readonly id: number;
  readonly [name: string]: unknown;
}

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
  /** Answers the `subscribe` that must have been sent last. */
  const confirm = (answer: object = {}): Sent => {
    const message = sent().at(-1);
    assert.equal(message?.type, 'subscribe');
    const { id, destination } = message;
    server.socket.received({ type: 'subscribed', id, destination, ...answer });
    return message;
  };
  const cut = (): void => {
    server.socket.ended();
    time.advance(retryInMs);
  };
  return { server, time, client, accept, sent, confirm, cut };
}

function recorder(): { seen: unknown[][]; handlers: Required<SubscriptionHandlers> } {
  const seen: unknown[][] = [];
  const handlers = {
    onPublication: (p: { body: unknown }) => seen.push(['publication', p.body]),
    onSnapshot: (s: { body: unknown }) => seen.push(['snapshot', s.body]),
    onReset: (reason: string) => seen.push(['reset', reason]),
    onSubscribed: (info: object) => seen.push(['subscribed', info]),
    onError: (error: { code: string }) => seen.push(['error', error.code]),
    onEnded: (error: { code: string } | undefined) => seen.push(['ended', error?.code]),
  };
  return { seen, handlers };
}

test('a subscription waits for the connection, and a function alone takes publications', () => {
  const { server, client, accept, confirm } = begin();
  const received: unknown[] = [];
  const subscription = client.subscribe('/topic/a', (publication) => received.push(publication));
  assert.equal(subscription.state, 'subscribing');
  accept();
  const message = confirm({ cursor: 'e:4' });
  assert.deepEqual(message, { type: 'subscribe', id: message.id, destination: '/topic/a' });
  assert.equal(subscription.state, 'subscribed');
  server.socket.received({
    type: 'publication',
    destination: '/topic/a',
    epoch: 'e',
    offset: 5,
    publishedAtMs: 1000,
    key: 'k',
    messageId: 'm',
    headers: [['h', 'v']],
    body: { n: [1] },
  });
  assert.deepEqual(received, [
    {
      destination: '/topic/a',
      subscription: '/topic/a',
      epoch: 'e',
      offset: 5,
      publishedAtMs: 1000,
      key: 'k',
      messageId: 'm',
      headers: [['h', 'v']],
      contentType: 'application/json',
      body: { n: [1] },
    },
  ]);
});

test('the cursor includes the publication that is being handled', () => {
  const { server, client, accept, confirm } = begin();
  accept();
  const cursors: unknown[] = [];
  const subscription = client.subscribe('/topic/a', () => cursors.push(subscription.cursor));
  confirm({ cursor: 'e:4' });
  assert.equal(subscription.cursor, 'e:4');
  const publication = { type: 'publication', destination: '/topic/a', epoch: 'e', body: 1 };
  server.socket.received({ ...publication, offset: 5 });
  server.socket.received({ ...publication, offset: 9 });
  assert.deepEqual(cursors, ['e:5', 'e:9']);
  server.socket.received({ type: 'snapshot', destination: '/topic/a', epoch: 'f', offset: 0 });
  assert.equal(subscription.cursor, 'f:0');
});

test('after a cut every subscription comes back with its cursor, and hears whether it was recovered', () => {
  const { server, client, accept, sent, cut, confirm } = begin();
  accept();
  const { seen, handlers } = recorder();
  const subscription = client.subscribe('/topic/a', handlers, { policy: 'latest' });
  confirm({ cursor: 'e:4' });
  const publication = { type: 'publication', destination: '/topic/a', epoch: 'e', offset: 5 };
  server.socket.received({ ...publication, body: 'five' });
  cut();
  assert.equal(subscription.state, 'subscribing');
  accept();
  const again = confirm({ cursor: 'e:5', recovered: true });
  assert.deepEqual([again['cursor'], again['policy']], ['e:5', 'latest']);
  server.socket.received({ ...publication, offset: 6, body: 'six' });
  cut();
  accept();
  assert.equal(confirm({ cursor: 'new:0', recovered: false })['cursor'], 'e:6');
  assert.equal(subscription.cursor, 'new:0');
  assert.deepEqual(seen, [
    ['subscribed', { wasRecovering: false, recovered: undefined, cursor: 'e:4' }],
    ['publication', 'five'],
    ['subscribed', { wasRecovering: true, recovered: true, cursor: 'e:5' }],
    ['publication', 'six'],
    ['subscribed', { wasRecovering: true, recovered: false, cursor: 'new:0' }],
  ]);
  assert.deepEqual(sent(), []);
});

test('a cursor of an earlier visit is asked for at once', () => {
  const { client, accept, confirm } = begin();
  accept();
  const { seen, handlers } = recorder();
  client.subscribe('/topic/a', handlers, { cursor: 'e:9' });
  assert.equal(confirm({ cursor: 'e:9', recovered: true })['cursor'], 'e:9');
  assert.deepEqual(seen, [['subscribed', { wasRecovering: true, recovered: true, cursor: 'e:9' }]]);
});

test('a pattern takes no cursor from its publications, so a cut is told as not recovered', () => {
  const { server, client, accept, cut, confirm } = begin();
  accept();
  const { seen, handlers } = recorder();
  const subscription = client.subscribe('/topic/*', handlers);
  confirm();
  const publication = { type: 'publication', destination: '/topic/a', subscription: '/topic/*' };
  server.socket.received({ ...publication, epoch: 'e', offset: 5, body: 'five' });
  assert.equal(subscription.cursor, undefined);
  cut();
  accept();
  assert.equal(confirm()['cursor'], undefined);
  assert.deepEqual(seen.at(-1), [
    'subscribed',
    { wasRecovering: true, recovered: false, cursor: undefined },
  ]);
  assert.deepEqual(seen[1], ['publication', 'five']);
});

test('a cursor frame is where a pattern continues', () => {
  const { server, client, accept, cut, confirm } = begin();
  accept();
  const subscription = client.subscribe('/topic/*', () => {});
  confirm();
  server.socket.received({ type: 'cursor', destination: '/topic/*', cursor: 'many' });
  assert.equal(subscription.cursor, 'many');
  cut();
  accept();
  assert.equal(confirm({ recovered: true })['cursor'], 'many');
  assert.equal(subscription.cursor, 'many');
});

test('reset and snapshot reach their handlers, in order', () => {
  const { server, client, accept, confirm } = begin();
  accept();
  const { seen, handlers } = recorder();
  client.subscribe('/db/a', handlers);
  confirm();
  const destination = '/db/a';
  server.socket.received({ type: 'snapshot', destination, epoch: 'e', offset: 1, body: { a: 1 } });
  server.socket.received({ type: 'reset', destination, reason: 'overflow' });
  server.socket.received({ type: 'snapshot', destination, epoch: 'e', offset: 8, body: { a: 8 } });
  assert.deepEqual(seen.slice(1), [
    ['snapshot', { a: 1 }],
    ['reset', 'overflow'],
    ['snapshot', { a: 8 }],
  ]);
});

test('binary publications have a Uint8Array as body', () => {
  const { server, client, accept, confirm } = begin();
  accept();
  const { seen, handlers } = recorder();
  client.subscribe('/topic/a', handlers);
  confirm();
  const head = new TextEncoder().encode('{"type":"publication","destination":"/topic/a"}\n');
  server.socket.received(Uint8Array.of(...head, 1, 10));
  assert.deepEqual(seen.at(-1), ['publication', Uint8Array.of(1, 10)]);
});

test('ended is the end: with an error when it failed, and no return after a cut', () => {
  const { server, client, accept, sent, cut, confirm } = begin();
  accept();
  const { seen, handlers } = recorder();
  const one = client.subscribe('/app/a', handlers);
  confirm();
  server.socket.received({ type: 'publication', destination: '/app/a', body: 'answer' });
  server.socket.received({ type: 'ended', destination: '/app/a' });
  client.subscribe('/topic/b', handlers);
  confirm();
  const code = 'access/denied';
  server.socket.received({ type: 'ended', destination: '/topic/b', code, number: 130 });
  server.socket.received({ type: 'publication', destination: '/topic/b', body: 'late' });
  assert.equal(one.state, 'unsubscribed');
  assert.deepEqual(
    seen.filter(([what]) => what !== 'subscribed'),
    [
      ['publication', 'answer'],
      ['ended', undefined],
      ['ended', code],
    ],
  );
  cut();
  accept();
  assert.deepEqual(sent(), []);
});

test('a refusal below 500 ends the subscription, and its name is free again', () => {
  const { server, time, client, accept, sent, cut } = begin();
  accept();
  const { seen, handlers } = recorder();
  const subscription = client.subscribe('/topic/a', handlers);
  const [message] = sent();
  server.socket.received({ type: 'error', id: message?.id, code: 'access/denied', number: 130 });
  assert.deepEqual(seen, [['error', 'access/denied']]);
  assert.equal(subscription.state, 'unsubscribed');
  subscription.unsubscribe();
  assert.equal(time.pendingTimerCount, 0);
  cut();
  accept();
  assert.deepEqual(sent(), []);
  client.subscribe('/topic/a', handlers);
  assert.equal(sent().length, 1);
});

test('a refusal from 500 on is tried again with growing delays, until it works', () => {
  const almostOne = { fill: (target: Uint8Array) => void target.fill(255) };
  const { server, time, client, accept, sent, confirm } = begin({
    random: almostOne,
    backoff: { minMs: 100 },
  });
  accept();
  const { seen, handlers } = recorder();
  const subscription = client.subscribe('/topic/a', handlers);
  for (const delayMs of [99, 199, 399]) {
    const [message] = sent();
    const code = 'stream/unavailable';
    server.socket.received({ type: 'error', id: message?.id, code, number: 506 });
    assert.equal(subscription.state, 'subscribing');
    time.advance(delayMs - 1);
    assert.deepEqual(sent(), []);
    time.advance(1);
  }
  confirm();
  assert.equal(seen.length, 4);
  assert.equal(subscription.state, 'subscribed');
});

test('a subscription that waits to try again is forgotten by unsubscribe and not doubled by a reconnect', () => {
  const { server, time, client, accept, sent, cut } = begin();
  accept();
  const { handlers } = recorder();
  const subscription = client.subscribe('/topic/a', handlers);
  const refuse = (): void => {
    const message = sent().at(-1);
    server.socket.received({ type: 'error', id: message?.id, code: 'app/busy', number: 501 });
  };
  refuse();
  cut();
  accept();
  time.advance(100_000);
  assert.equal(server.socket.takeSent().length, 1);
  const other = client.subscribe('/topic/b', handlers);
  refuse();
  other.unsubscribe();
  subscription.unsubscribe();
  time.advance(100_000);
  assert.deepEqual(
    sent().map(({ type, destination }) => [type, destination]),
    [['unsubscribe', '/topic/a']],
  );
});

test('unsubscribe ends it: the server is told, no handler is called, and a cut brings nothing back', () => {
  const { server, client, accept, sent, cut, confirm } = begin();
  accept();
  const { seen, handlers } = recorder();
  const subscription = client.subscribe('/topic/a', handlers);
  confirm();
  subscription.unsubscribe();
  subscription.unsubscribe();
  const messages = sent();
  assert.equal(messages.length, 1);
  assert.equal(messages[0]?.type, 'unsubscribe');
  assert.equal(messages[0]?.['destination'], '/topic/a');
  const { id } = messages[0] ?? {};
  server.socket.received({ type: 'publication', destination: '/topic/a', body: 'late' });
  server.socket.received({ type: 'unsubscribed', id, destination: '/topic/a' });
  assert.equal(seen.length, 1);
  assert.equal(subscription.state, 'unsubscribed');
  cut();
  accept();
  assert.deepEqual(sent(), []);
});

test('a successor of the same name gets nothing that was meant for its predecessor', () => {
  const errors: unknown[] = [];
  const { server, client, accept, sent } = begin({ onError: (error) => errors.push(error) });
  accept();
  const first = recorder();
  const second = recorder();
  client.subscribe('/topic/a', first.handlers).unsubscribe();
  const subscription = client.subscribe('/topic/a', second.handlers);
  const [old, , fresh] = sent();
  const destination = '/topic/a';
  server.socket.received({ type: 'subscribed', id: old?.id, destination, cursor: 'e:1' });
  server.socket.received({ type: 'publication', destination, epoch: 'e', offset: 2, body: 'old' });
  server.socket.received({ type: 'ended', destination });
  assert.equal(subscription.state, 'subscribing');
  assert.equal(subscription.cursor, undefined);
  server.socket.received({ type: 'subscribed', id: fresh?.id, destination, cursor: 'e:2' });
  server.socket.received({ type: 'publication', destination, epoch: 'e', offset: 3, body: 'new' });
  assert.deepEqual(first.seen, []);
  assert.deepEqual(second.seen, [
    ['subscribed', { wasRecovering: false, recovered: undefined, cursor: 'e:2' }],
    ['publication', 'new'],
  ]);
  assert.deepEqual(errors, []);
});

test('the same name twice is refused while the first lives', () => {
  const { client } = begin();
  const subscription = client.subscribe('/topic/a', () => {});
  assert.throws(() => client.subscribe('/topic/a', () => {}), { code: 'subscription/exists' });
  subscription.unsubscribe();
  client.subscribe('/topic/a', () => {});
});

test('a handler that throws is reported, and deliveries go on', () => {
  const errors: unknown[] = [];
  const { server, client, accept, confirm } = begin({ onError: (error) => errors.push(error) });
  accept();
  const subscription = client.subscribe('/topic/a', ({ body }) => {
    throw new Error(`mine ${String(body)}`);
  });
  confirm({ cursor: 'e:0' });
  const publication = { type: 'publication', destination: '/topic/a', epoch: 'e' };
  server.socket.received({ ...publication, offset: 1, body: 1 });
  server.socket.received({ ...publication, offset: 2, body: 2 });
  assert.deepEqual(errors.map(String), ['Error: mine 1', 'Error: mine 2']);
  assert.equal(subscription.cursor, 'e:2');
  assert.equal(client.state, 'connected');
});

test('the error of a subscription without onError goes to the client, or to the console', (context) => {
  const errors: unknown[] = [];
  const { server, client, accept, sent } = begin({ onError: (error) => errors.push(error) });
  accept();
  client.subscribe('/topic/a', () => {});
  const error = { type: 'error', code: 'access/denied', number: 130, message: 'no' };
  server.socket.received({ ...error, id: sent()[0]?.id });
  assert.deepEqual(errors.map(String), ['ClientError: no']);

  const print = context.mock.method(console, 'error', () => {});
  const other = begin();
  other.accept();
  other.client.subscribe('/topic/a', () => {});
  other.server.socket.received({ ...error, id: other.sent()[0]?.id });
  assert.equal(print.mock.callCount(), 1);
});

test('close keeps subscriptions for the next connect', () => {
  const { client, accept, confirm, sent } = begin();
  accept();
  const subscription = client.subscribe('/topic/a', () => {});
  confirm({ cursor: 'e:3' });
  client.close();
  assert.equal(subscription.state, 'subscribing');
  void client.connect();
  accept();
  const [message] = sent();
  assert.deepEqual([message?.type, message?.['cursor']], ['subscribe', 'e:3']);
});

test('handlers may call the client: unsubscribe and close inside a delivery stop what follows', () => {
  const { server, client, accept, confirm } = begin();
  accept();
  let count = 0;
  client.subscribe('/topic/a', () => {
    count += 1;
    client.close();
  });
  confirm();
  const { socket } = server;
  socket.received({ type: 'publication', destination: '/topic/a', body: 1 });
  socket.received({ type: 'publication', destination: '/topic/a', body: 2 });
  assert.equal(count, 1);
  assert.equal(client.state, 'disconnected');
});
