/** Owns the promises of `tideway/client` against the real server, over a network that can be cut. */
import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { test, type TestContext } from 'node:test';
import { createServer, RequestError, type ServerOptions, type TidewayServer } from 'tideway';
import {
  Client,
  type ClientOptions,
  type ReceivedPublication,
  type StateChange,
} from 'tideway/client';
import { WebSocket as EngineWebSocket } from 'tideway/websocket';
import { WebSocket as UndiciWebSocket } from 'undici';
import { WebSocket as WsWebSocket } from 'ws';
import { CuttableProxy } from './cuttable-proxy.js';

const QUICK = { minMs: 1, maxMs: 20 };

async function listening(context: TestContext, options?: ServerOptions): Promise<TidewayServer> {
  const server = createServer(options);
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

async function proxied(context: TestContext, server: TidewayServer): Promise<CuttableProxy> {
  const proxy = await CuttableProxy.before(portOf(server));
  context.after(() => proxy.close());
  return proxy;
}

function portOf(server: TidewayServer): number {
  assert.ok(server.address !== undefined);
  return server.address.port;
}

function clientOf(context: TestContext, port: number, options?: Partial<ClientOptions>): Client {
  const url = `ws://127.0.0.1:${port}/ws`;
  const client = new Client({ url, backoff: QUICK, ...options });
  context.after(() => client.close());
  return client;
}

test('a subscription of the server brings its messages to the option for it, until it ends or the link breaks', async (context) => {
  const server = await listening(context);
  const proxy = await proxied(context, server);
  server.app.map('/join', ({ session }) => session?.subscribe('/topic/*'));
  server.app.map('/leave', ({ session }) => session?.unsubscribe('/topic/*'));
  const inbox = new Inbox<ReceivedPublication>();
  const client = clientOf(context, proxy.port, { onServerPublication: inbox.take });
  const say = async (body: string): Promise<void> => void (await client.send('/topic/a', body));
  await client.connect();
  await say('before');
  await client.request('/app/join');
  await say('joined');
  await inbox.until(1);
  await client.request('/app/leave');
  await say('left');
  await client.request('/app/join');
  await say('again');
  const seen = await inbox.until(2);
  assert.deepEqual(
    seen.map(({ body, destination, subscription, offset }) => [
      body,
      destination,
      subscription,
      offset,
    ]),
    [
      ['joined', '/topic/a', '/topic/*', 2],
      ['again', '/topic/a', '/topic/*', 4],
    ],
  );
  const back = nextChange(client, 'client/connected');
  proxy.cut();
  await back;
  await say('after the cut');
  await client.request('/app/join');
  await say('joined anew');
  assert.equal((await inbox.until(3))[2]?.body, 'joined anew');
});

/** Resolves at the next transition with that code. */
function nextChange(client: Client, code: string): Promise<StateChange> {
  return new Promise((resolve) => {
    const stop = client.onState((change) => {
      if (change.code !== code) return;
      stop();
      resolve(change);
    });
  });
}

/** Gathers what comes, and waits until there is enough of it. */
class Inbox<Item> {
  readonly items: Item[] = [];
  readonly #changed = new EventEmitter();
  readonly take = (item: Item): void => {
    this.items.push(item);
    this.#changed.emit('item');
  };

  async until(count: number): Promise<Item[]> {
    while (this.items.length < count) await once(this.#changed, 'item');
    return this.items;
  }
}

for (const [name, WebSocket] of [
  ['the default class', undefined],
  ['the engine', EngineWebSocket],
  ['ws', WsWebSocket],
  ['undici', UndiciWebSocket],
] as const) {
  test(`with ${name}: send, subscribe and request, JSON and octets`, async (context) => {
    const server = await listening(context);
    server.app.map('/sum', {}, ({ body }) => {
      assert.ok(Array.isArray(body));
      return body.reduce<number>((sum, term) => sum + Number(term), 0);
    });
    const client = clientOf(context, portOf(server), WebSocket && { WebSocket });
    await client.connect();
    const inbox = new Inbox<ReceivedPublication>();
    client.subscribe('/topic/a', inbox.take);
    const receipt = await client.send(
      '/topic/a',
      { n: [1, 'é'] },
      { key: 'k', headers: { h: 'v' } },
    );
    await client.send('/topic/a', Uint8Array.of(0, 10, 255), { contentType: 'image/x-raw' });
    await client.send('/topic/a', 'plain', { contentType: 'text/plain' });
    const [json, octets, text] = await inbox.until(3);
    assert.deepEqual(
      [json?.body, json?.contentType, json?.key, json?.headers],
      [{ n: [1, 'é'] }, 'application/json', 'k', [['h', 'v']]],
    );
    assert.deepEqual([json?.epoch, json?.offset], [receipt.epoch, receipt.offset]);
    assert.deepEqual(
      [octets?.body, octets?.contentType],
      [Uint8Array.of(0, 10, 255), 'image/x-raw'],
    );
    assert.equal(new TextDecoder().decode(text?.body as Uint8Array), 'plain');
    assert.equal((await client.request('/app/sum', [1, 2])).body, 3);
    await assert.rejects(client.send('/nowhere', 1), { code: 'destination/unknown', number: 101 });
    client.close();
    assert.equal(client.state, 'disconnected');
  });
}

test('[S6] after a cut nothing is lost, doubled or out of order, and the application is told', async (context) => {
  const server = await listening(context);
  const proxy = await proxied(context, server);
  const client = clientOf(context, proxy.port);
  await client.connect();
  const inbox = new Inbox<ReceivedPublication>();
  const recovered = new Inbox<boolean | undefined>();
  client.subscribe('/topic/a', {
    onPublication: inbox.take,
    onSubscribed: (info) => recovered.take(info.recovered),
  });
  await recovered.until(1);
  let published = 0;
  for (let round = 1; round <= 5; round++) {
    for (let count = 0; count < 20; count++) await server.publish('/topic/a', published++);
    if (round % 2 === 0) await inbox.until(published);
    const back = nextChange(client, 'client/connected');
    proxy.cut();
    await server.publish('/topic/a', published++);
    const { state } = client;
    if (state === 'connected') await nextChange(client, 'client/connection-lost');
    for (let count = 0; count < 20; count++) await server.publish('/topic/a', published++);
    await back;
    await recovered.until(round + 1);
  }
  await inbox.until(published);
  assert.deepEqual(
    inbox.items.map(({ body }) => body),
    Array.from({ length: published }, (_, index) => index),
  );
  assert.deepEqual(recovered.items, [undefined, true, true, true, true, true]);
});

test('[R2] what was unanswered at the cut is unknown, and is not done a second time', async (context) => {
  const server = await listening(context);
  const proxy = await proxied(context, server);
  const calls = new Inbox<unknown>();
  server.app.map('/slow', {}, ({ body, cancellation }) => {
    calls.take(body);
    return new Promise((resolve) => cancellation.onCancelled(() => resolve(null)));
  });
  server.app.map('/echo', {}, ({ body }) => body);
  const client = clientOf(context, proxy.port);
  await client.connect();
  const sent = client.send('/app/slow', 'send');
  await calls.until(1);
  const lost = assert.rejects(sent, { code: 'connection/lost', isOutcomeUnknown: true });
  const ended = nextChange(client, 'client/connection-lost');
  proxy.cut();
  await ended;
  await lost;
  // Begun while disconnected: it waits, and by its answer everything sent before it has been seen.
  assert.equal((await client.request('/app/echo', 'queued')).body, 'queued');
  assert.deepEqual(calls.items, ['send']);
});

test('[S6] a server that was restarted without memory is told as not recovered, and the subscription goes on', async (context) => {
  const first = await listening(context);
  const proxy = await proxied(context, first);
  const client = clientOf(context, proxy.port);
  await client.connect();
  const inbox = new Inbox<ReceivedPublication>();
  const infos = new Inbox<{ readonly recovered: boolean | undefined }>();
  client.subscribe('/topic/a', { onPublication: inbox.take, onSubscribed: infos.take });
  await infos.until(1);
  await first.publish('/topic/a', 'before');
  await inbox.until(1);
  const shutdown = nextChange(client, 'server/shutdown');
  const second = await listening(context);
  proxy.retarget(portOf(second));
  await first.close();
  const { state, closeCode, retryInMs } = await shutdown;
  assert.deepEqual([state, closeCode, typeof retryInMs], ['disconnected', 4000, 'number']);
  await infos.until(2);
  assert.deepEqual(
    infos.items.map(({ recovered }) => recovered),
    [undefined, false],
  );
  await second.publish('/topic/a', 'after');
  assert.equal((await inbox.until(2))[1]?.body, 'after');
});

test('a stalled network is noticed by the missing heartbeats, and the client comes back', async (context) => {
  const server = await listening(context, {
    limits: { minHeartbeatIntervalMs: 100, closeTimeoutMs: 100 },
  });
  const proxy = await proxied(context, server);
  const client = clientOf(context, proxy.port, { heartbeatIntervalMs: 600 });
  await client.connect();
  const codes: string[] = [];
  client.onState(({ code }) => codes.push(code));
  const silent = nextChange(client, 'client/heartbeat-timeout');
  const back = nextChange(client, 'client/connected');
  proxy.stall();
  await silent;
  await back;
  assert.deepEqual(codes, ['client/heartbeat-timeout', 'client/reconnect', 'client/connected']);
});

test('heartbeats of the server keep an idle connection', async (context) => {
  const server = await listening(context);
  const heard = new Inbox<string>();
  const WebSocket = class extends EngineWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      this.on('message', (data) => heard.take((data as Buffer).toString()));
    }
  };
  const client = clientOf(context, portOf(server), { WebSocket, heartbeatIntervalMs: 1200 });
  const codes: string[] = [];
  client.onState(({ code }) => codes.push(code));
  await client.connect();
  // The second one comes later than a silent server would have been given up.
  const [, ...heartbeats] = await heard.until(3);
  assert.deepEqual(heartbeats, ['{"type":"heartbeat"}', '{"type":"heartbeat"}']);
  assert.deepEqual(codes, ['client/connect', 'client/connected']);
});

test('[A3] an ended token closes the connection, and the token function brings it back', async (context) => {
  const server = await listening(context, {
    authenticate: ({ token }) =>
      Promise.resolve({
        name: 'ada',
        claims: { token },
        expiresAtMs: token === 't1' ? Date.now() + 100 : undefined,
      }),
  });
  let asked = 0;
  const client = clientOf(context, portOf(server), { token: () => `t${++asked}` });
  const expired = nextChange(client, 'session/token-expired');
  await client.connect();
  assert.equal(client.principal, 'ada');
  const back = nextChange(client, 'client/connected');
  assert.equal((await expired).closeCode, 4002);
  await back;
  assert.equal(asked, 2);
});

test('a token that the server refuses ends the client for good', async (context) => {
  const server = await listening(context, { tokens: { hmacSecret: 'x'.repeat(32) } });
  const client = clientOf(context, portOf(server), { token: 'nonsense' });
  const changes: StateChange[] = [];
  client.onState((change) => changes.push(change));
  await assert.rejects(client.connect(), { code: 'session/invalid-token' });
  const last = changes.at(-1);
  assert.deepEqual([last?.closeCode, last?.retryInMs], [4501, undefined]);
});

test('authenticate renews the session, and refuses another principal', async (context) => {
  const server = await listening(context, {
    authenticate: ({ token = '' }) =>
      Promise.resolve({ name: token.slice(0, 3), claims: {}, expiresAtMs: undefined }),
  });
  const client = clientOf(context, portOf(server), { token: 'ada-1' });
  await client.connect();
  await client.authenticate('ada-2');
  await assert.rejects(client.authenticate('bob-1'), { code: 'access/other-principal' });
  assert.equal(client.state, 'connected');
});

test('a refused subscription says why, and a failing handler answers with its code', async (context) => {
  const server = await listening(context);
  server.access.deny('subscribe', '/topic/secret');
  server.app.map('/sold-out', {}, () => {
    throw new RequestError('orders/sold-out', 'nothing left');
  });
  const client = clientOf(context, portOf(server));
  await client.connect();
  const errors = new Inbox<{ readonly code: string }>();
  const subscription = client.subscribe('/topic/secret', { onError: errors.take });
  assert.equal((await errors.until(1))[0]?.code, 'access/denied');
  assert.equal(subscription.state, 'unsubscribed');
  await assert.rejects(client.request('/app/sold-out'), { code: 'orders/sold-out', number: 499 });
});

test('an answer of /app comes once and ends the subscription', async (context) => {
  const server = await listening(context);
  server.app.map('/state', {}, () => ({ users: 3 }));
  const client = clientOf(context, portOf(server));
  await client.connect();
  const inbox = new Inbox<unknown>();
  const subscription = client.subscribe('/app/state', {
    onPublication: ({ body, offset }) => inbox.take([body, offset]),
    onEnded: (error) => inbox.take(error),
  });
  assert.deepEqual(await inbox.until(2), [[{ users: 3 }, undefined], undefined]);
  assert.equal(subscription.state, 'unsubscribed');
});

test('a stream of replies arrives whole; leaving it early cancels the handler', async (context) => {
  const server = await listening(context);
  const cancelled = new Inbox<string>();
  server.app.map('/count', {}, async function* ({ body, cancellation }) {
    cancellation.onCancelled(() => cancelled.take('cancelled'));
    for (let value = 1; value <= Number(body) && !cancellation.isCancelled; value++) {
      yield value;
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const client = clientOf(context, portOf(server));
  await client.connect();
  const seen: unknown[] = [];
  for await (const { body } of client.requestStream('/app/count', 50)) seen.push(body);
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  for await (const { body } of client.requestStream('/app/count', 1e9)) if (body === 3) break;
  assert.deepEqual(await cancelled.until(1), ['cancelled']);
  assert.equal((await client.request('/app/count', 1e9)).body, 1);
  await cancelled.until(2);
});

test('a name is free again right after unsubscribe, and patterns name their subscription', async (context) => {
  const server = await listening(context);
  const client = clientOf(context, portOf(server));
  await client.connect();
  const inbox = new Inbox<unknown>();
  const lost = (): void => assert.fail('its subscription had been ended');
  client.subscribe('/topic/a', lost).unsubscribe();
  client.subscribe('/topic/a', ({ body }) => inbox.take(['a', body]));
  client.subscribe('/topic/*', ({ body, subscription }) => inbox.take([subscription, body]));
  await client.send('/topic/a', 1);
  await inbox.until(2);
  assert.deepEqual(
    new Set(inbox.items.map((item) => JSON.stringify(item))),
    new Set(['["a",1]', '["/topic/*",1]']),
  );
});

test('a message that is too large is refused here, and the connection lives', async (context) => {
  const server = await listening(context, { limits: { maxMessageBytes: 1000 } });
  const client = clientOf(context, portOf(server));
  await client.connect();
  await assert.rejects(client.send('/topic/a', 'x'.repeat(1000)), { code: 'message/too-large' });
  await client.send('/topic/a', 'x'.repeat(800));
});

test('a client that comes before the server gets in once it listens', async (context) => {
  const server = await listening(context);
  const proxy = await proxied(context, server);
  const { port } = proxy;
  proxy.retarget(1);
  const client = clientOf(context, port);
  const failed = nextChange(client, 'client/connect-failed');
  const ready = client.connect();
  const receipt = client.send('/topic/a', 'early');
  await failed;
  proxy.retarget(portOf(server));
  await ready;
  assert.equal((await receipt).offset, 1);
});
