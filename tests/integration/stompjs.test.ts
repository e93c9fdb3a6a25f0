/** Owns the whole life of `@stomp/stompjs` and `@stomp/rx-stomp` against the real server. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RxStomp, RxStompState } from '@stomp/rx-stomp';
import {
  Client,
  Stomp,
  Versions,
  type IFrame,
  type IMessage,
  type IStompSocket,
  type StompConfig,
} from '@stomp/stompjs';
import { firstValueFrom, filter, take, toArray } from 'rxjs';
import { createServer, RequestError, type ServerOptions, type TidewayServer } from 'tideway';
import { WebSocket as EngineWebSocket } from 'tideway/websocket';
import { WebSocket as UndiciWebSocket } from 'undici';
import { CuttableProxy } from './cuttable-proxy.js';

async function listening(context: TestContext, options?: ServerOptions): Promise<TidewayServer> {
  const server = createServer(options);
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

const PROTOCOLS = ['v12.stomp', 'v11.stomp', 'v10.stomp'];

function socketOf(server: TidewayServer | CuttableProxy, Socket = EngineWebSocket): IStompSocket {
  const port = server instanceof CuttableProxy ? server.port : server.address?.port;
  return new Socket(`ws://127.0.0.1:${port}/ws`, PROTOCOLS) as unknown as IStompSocket;
}

/** A client whose unexpected frames fail the test, and which ends with it. */
function clientOf(
  context: TestContext,
  server: TidewayServer | CuttableProxy,
  config: StompConfig = {},
): Client {
  const client = new Client();
  // Thrown from its callbacks, the client would swallow it.
  const unexpected: string[] = [];
  client.configure({
    webSocketFactory: () => socketOf(server),
    connectHeaders: { login: 'guest', passcode: 'guest' },
    reconnectDelay: 0,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    onStompError: ({ body }) => void unexpected.push(body),
    onUnhandledFrame: ({ command }) => void unexpected.push(`unhandled ${command}`),
    onUnhandledMessage: ({ body }) => void unexpected.push(`unhandled ${body}`),
  });
  client.configure(config);
  context.after(async () => {
    await client.deactivate({ force: true });
    const words = 'the server is shutting down; come back';
    assert.deepEqual(
      unexpected.filter((body) => body !== words),
      [],
    );
  });
  return client;
}

async function connected(
  context: TestContext,
  server: TidewayServer | CuttableProxy,
  config?: StompConfig,
): Promise<Client> {
  const client = clientOf(context, server, config);
  await new Promise<void>((resolve) => {
    client.onConnect = () => resolve();
    client.activate();
  });
  return client;
}

/** The next messages of a new subscription, and a promise that it is live. */
function subscribed(
  client: Client,
  destination: string,
  headers: Readonly<Record<string, string>> = {},
): { messages: IMessage[]; live: Promise<unknown>; count(count: number): Promise<IMessage[]> } {
  const messages: IMessage[] = [];
  let changed = (): void => {};
  const receipt = `live ${destination} ${Math.random()}`;
  const live = receiptOf(client, receipt);
  const take = (message: IMessage): void => {
    messages.push(message);
    changed();
  };
  client.subscribe(destination, take, { ...headers, receipt });
  const count = async (wanted: number): Promise<IMessage[]> => {
    while (messages.length < wanted) await new Promise<void>((resolve) => (changed = resolve));
    return messages;
  };
  return { messages, live, count };
}

function receiptOf(client: Client, id: string): Promise<IFrame> {
  return new Promise((resolve) => client.watchForReceipt(id, resolve));
}

for (const version of [Versions.V1_0, Versions.V1_1, Versions.V1_2]) {
  test(`stompjs ${version}: connect, subscribe, send, receipts, disconnect`, async (context) => {
    const server = await listening(context);
    const client = await connected(context, server, { stompVersions: new Versions([version]) });
    assert.equal(client.connectedVersion, version);
    const inbox = subscribed(client, '/topic/chat.general');
    await inbox.live;
    const destination = '/topic/chat.general';
    const sent = receiptOf(client, 'sent');
    client.publish({ destination, body: 'Älä sinä yhtään', headers: { receipt: 'sent', a: 'b' } });
    const [message] = await inbox.count(1);
    assert.deepEqual([message?.body, message?.headers['a']], ['Älä sinä yhtään', 'b']);
    await sent;
    const left = new Promise<void>((resolve) => (client.onDisconnect = () => resolve()));
    await client.deactivate();
    await left;
    assert.equal(server.sessionCount, 0);
  });
}

test('stompjs: bodies of every kind come back as they went, headers too', async (context) => {
  const server = await listening(context);
  const client = await connected(context, server);
  const destination = '/topic/bodies';
  const inbox = subscribed(client, destination);
  await inbox.live;
  const octets = Uint8Array.from({ length: 1_024 }, (_, index) => index % 256);
  const header = 'f:o:o\nbar\rbaz\\foo\nbar\rbaz\\';
  client.publish({ destination, body: 'Hello World', headers: { cust: header, empty: '' } });
  client.publish({ destination, binaryBody: octets });
  client.publish({
    destination,
    binaryBody: octets,
    headers: { 'content-type': 'application/octet-stream' },
  });
  client.publish({ destination, body: '{"text":"hello"}', skipContentLengthHeader: true });
  client.publish({ destination, binaryBody: Uint8Array.of(0), skipContentLengthHeader: true });
  client.publish({ destination });
  const messages = await inbox.count(6);
  assert.deepEqual([messages[0]?.headers['cust'], messages[0]?.headers['empty']], [header, '']);
  assert.deepEqual(messages[1]?.binaryBody, octets);
  assert.deepEqual(messages[2]?.binaryBody, octets);
  assert.deepEqual(JSON.parse(messages[3]?.body ?? ''), { text: 'hello' });
  assert.deepEqual(messages[4]?.binaryBody, Uint8Array.of(0));
  assert.equal(messages[5]?.body, '');
});

test('stompjs: a megabyte of text and of octets, whole, split and forced into binary messages', async (context) => {
  const server = await listening(context);
  // 1 MiB, the headers aside: what the client's own suite sends from a browser.
  const text = 'Lorem ipsum dolor sit amet über'.repeat(32_768);
  const octets = Uint8Array.from({ length: 1_048_576 }, (_, index) => index % 256);
  const destination = '/topic/large';
  for (const config of [
    {},
    { splitLargeFrames: true },
    { splitLargeFrames: true, maxWebSocketChunkSize: 64 },
    { forceBinaryWSFrames: true },
  ]) {
    const client = await connected(context, server, config);
    const inbox = subscribed(client, destination);
    await inbox.live;
    client.publish({ destination, body: text });
    const [first] = await inbox.count(1);
    client.publish({ destination, binaryBody: octets });
    const [, second] = await inbox.count(2);
    assert.equal(first?.body, text);
    assert.ok(Buffer.from(octets).equals(second?.binaryBody ?? Buffer.alloc(0)));
    await client.deactivate();
  }
});

test('stompjs: an exception in a message handler costs nothing; one of two subscriptions ends alone', async (context) => {
  const server = await listening(context);
  const client = await connected(context, server, { debug: () => {} });
  const destination = '/topic/a';
  let count = 0;
  const failing = client.subscribe(destination, () => {
    count += 1;
    throw new Error('of the application');
  });
  const inbox = subscribed(client, destination);
  await inbox.live;
  client.publish({ destination, body: '1' });
  await inbox.count(1);
  failing.unsubscribe();
  client.publish({ destination, body: '2' });
  client.publish({ destination, body: '3' });
  await inbox.count(3);
  assert.equal(count, 1);
});

test('stompjs: transactions commit and abort', async (context) => {
  const server = await listening(context);
  const client = await connected(context, server);
  const destination = '/topic/a';
  const inbox = subscribed(client, destination);
  const aborted = client.begin('txid');
  client.publish({ destination, headers: { transaction: aborted.id }, body: 'dropped' });
  client.publish({ destination, body: 'outside' });
  aborted.abort();
  const committed = client.begin();
  client.publish({ destination, headers: { transaction: committed.id }, body: 'within' });
  client.publish({ destination, body: 'before' });
  committed.commit();
  const messages = await inbox.count(3);
  assert.deepEqual(
    messages.map(({ body }) => body),
    ['outside', 'before', 'within'],
  );
});

for (const version of [Versions.V1_1, Versions.V1_2]) {
  test(`stompjs ${version}: [K2] what one rejects or is cut off with goes to another, what is acknowledged does not`, async (context) => {
    const server = await listening(context);
    const stompVersions = new Versions([version]);
    const destination = '/work/test01';
    const taken: string[] = [];
    let settle = (_message: IMessage, _client: Client): void => {};
    for (const name of ['one', 'two']) {
      const client = await connected(context, server, { stompVersions });
      const live = receiptOf(client, name);
      const take = (message: IMessage): void => {
        taken.push(message.body);
        settle(message, client);
      };
      client.subscribe(destination, take, { ack: 'client', receipt: name });
      await live;
    }
    const publisher = await connected(context, server);
    const done = (body: string, how: (message: IMessage, client: Client) => boolean) =>
      new Promise<void>((resolve) => {
        settle = (message, client) => void (how(message, client) && resolve());
        publisher.publish({ destination, body });
      });
    let nackCount = 0;
    await done('nacked', (message) => {
      if (nackCount++ < 2) message.nack();
      else {
        assert.equal(message.headers['redelivered'], 'true');
        message.ack();
      }
      return nackCount === 3;
    });
    await done('acked', (message) => {
      message.ack();
      return true;
    });
    let isCut = false;
    await done('cut', (message, client) => {
      if (isCut) message.ack();
      else void client.deactivate({ force: true });
      const wasCut = isCut;
      isCut = true;
      return wasCut;
    });
    assert.deepEqual(taken, ['nacked', 'nacked', 'nacked', 'acked', 'cut', 'cut']);
  });
}

test('stompjs: heartbeats go both ways, and a client whose heartbeats are lost is cut off', async (context) => {
  const server = await listening(context);
  const client = clientOf(context, server, { heartbeatIncoming: 1_000, heartbeatOutgoing: 1_000 });
  let beatCount = 0;
  const received = new Promise<void>((resolve) => {
    client.configure({ onHeartbeatReceived: () => void (++beatCount === 3 && resolve()) });
  });
  client.activate();
  await received;
  assert.ok(client.connected);
  // Heartbeats of the second are eaten on their way.
  const mute = clientOf(context, server, {
    heartbeatOutgoing: 1_000,
    webSocketFactory: () => {
      const socket = socketOf(server);
      const send = socket.send.bind(socket);
      socket.send = (data) => void (data !== '\n' && send(data));
      return socket;
    },
  });
  const error = new Promise<IFrame>((resolve) => (mute.onStompError = resolve));
  const closed = new Promise<{ code: number }>((resolve) => (mute.onWebSocketClose = resolve));
  mute.activate();
  assert.equal((await error).headers['tideway-code'], 'session/heartbeat-timeout');
  assert.equal((await closed).code, 4008);
});

test('stompjs: credentials that are refused, and a refused frame, reach onStompError', async (context) => {
  const server = await listening(context, {
    authenticate: ({ login, token }) =>
      token === 'guest'
        ? Promise.resolve({ name: login, claims: {}, expiresAtMs: undefined })
        : Promise.reject(new RequestError('access/invalid-token', 'refused: bad passcode')),
  });
  const failing = clientOf(context, server, {
    connectHeaders: { login: 'guest', passcode: 'bad-passcode' },
    onConnect: () => assert.fail('connected'),
  });
  const refused = new Promise<IFrame>((resolve) => (failing.onStompError = resolve));
  failing.activate();
  const { headers: refusal, body } = await refused;
  assert.equal(body, 'refused: bad passcode');
  assert.equal(refusal['message'], body, 'before CONNECTED it undoes no escapes');
  const client = await connected(context, server);
  const error = new Promise<IFrame>((resolve) => (client.onStompError = resolve));
  client.publish({ destination: '/nowhere', headers: { receipt: 'r:1' }, body: '' });
  const { headers } = await error;
  assert.deepEqual(
    [headers['receipt-id'], headers['tideway-code']],
    ['r:1', 'destination/unknown'],
  );
});

test('stompjs: after a cut it comes back, subscribes with its cursor and misses nothing', async (context) => {
  const server = await listening(context, { topics: { '/topic/**': { historySize: 100 } } });
  const proxy = await CuttableProxy.before(server.address?.port ?? 0);
  context.after(() => proxy.close());
  const bodies: string[] = [];
  const recovered: (string | undefined)[] = [];
  let cursor: string | undefined;
  let changed = (): void => {};
  let subscribe = (): void => {};
  const client = clientOf(context, proxy, { reconnectDelay: 10 });
  client.onConnect = () => {
    const headers = { receipt: 'r', ...(cursor !== undefined && { 'tideway-cursor': cursor }) };
    client.watchForReceipt('r', (frame) => {
      recovered.push(frame.headers['tideway-recovered']);
      subscribe();
    });
    client.subscribe(
      '/topic/a',
      (message) => {
        bodies.push(message.body);
        cursor = message.headers['tideway-cursor'];
        changed();
      },
      headers,
    );
  };
  const subscribedAgain = (): Promise<void> => new Promise((resolve) => (subscribe = resolve));
  const first = subscribedAgain();
  client.activate();
  await first;
  await server.publish('/topic/a', 1);
  while (bodies.length < 1) await new Promise<void>((resolve) => (changed = resolve));
  const second = subscribedAgain();
  proxy.cut();
  await server.publish('/topic/a', 2);
  await server.publish('/topic/a', 3);
  await second;
  await server.publish('/topic/a', 4);
  while (bodies.length < 4) await new Promise<void>((resolve) => (changed = resolve));
  assert.deepEqual(bodies, ['1', '2', '3', '4']);
  assert.deepEqual(recovered, [undefined, 'true']);
});

test('stompjs: its old interface, over an open socket and over undici’s WebSocket', async (context) => {
  const server = await listening(context);
  for (const Socket of [EngineWebSocket, UndiciWebSocket as unknown as typeof EngineWebSocket]) {
    const client = Stomp.over(() => socketOf(server, Socket));
    client.reconnect_delay = 0;
    client.debug = () => {};
    const body = await new Promise((resolve) => {
      client.connect('guest', 'guest', () => {
        client.subscribe('/topic/a', (message) => resolve(message.body));
        client.send('/topic/a', {}, 'hello');
      });
    });
    assert.equal(body, 'hello');
    await new Promise<void>((resolve) => client.disconnect(() => resolve()));
  }
});

test('as pages written for Spring do it: no heartbeats, JSON without a content type, an answer on a topic', async (context) => {
  const server = await listening(context);
  server.app.map('/hello', (call) => {
    const { name } = call.body as { name: string };
    return server.publish('/topic/greetings', { content: `Hello, ${name}!` });
  });
  const client = await connected(context, server, {
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    connectHeaders: { login: 'user', passcode: 'password', 'X-CSRF-TOKEN': 't' },
  });
  const inbox = subscribed(client, '/topic/greetings');
  await inbox.live;
  client.publish({ destination: '/app/hello', body: JSON.stringify({ name: 'Ada' }) });
  const [message] = await inbox.count(1);
  assert.deepEqual(JSON.parse(message?.body ?? ''), { content: 'Hello, Ada!' });
});

test('rx-stomp: watch, publish, receipts, errors, and subscriptions that live through a cut', async (context) => {
  const server = await listening(context);
  const proxy = await CuttableProxy.before(server.address?.port ?? 0);
  context.after(() => proxy.close());
  const rx = new RxStomp();
  rx.configure({
    webSocketFactory: () => socketOf(proxy),
    reconnectDelay: 10,
    heartbeatIncoming: 1_000,
    heartbeatOutgoing: 1_000,
  });
  context.after(() => rx.deactivate({ force: true }));
  const bodies = firstValueFrom(
    rx.watch('/topic/a').pipe(
      filter(({ body }) => body !== 'probe'),
      take(3),
      toArray(),
    ),
  );
  // Published before the connection is there: it is kept and sent then.
  rx.publish({ destination: '/topic/a', body: '1' });
  rx.activate();
  await firstValueFrom(rx.connected$);
  const receipt = new Promise<IFrame>((resolve) => rx.watchForReceipt('r', resolve));
  rx.publish({ destination: '/topic/a', body: '2', headers: { receipt: 'r' } });
  assert.equal((await receipt).headers['receipt-id'], 'r');
  const lost = firstValueFrom(
    rx.connectionState$.pipe(filter((state) => state === RxStompState.CLOSED)),
  );
  const back = lost.then(() =>
    firstValueFrom(rx.connectionState$.pipe(filter((state) => state === RxStompState.OPEN))),
  );
  proxy.cut();
  await back;
  // It has subscribed anew when a message of its own comes through.
  const probe = firstValueFrom(rx.watch('/topic/a').pipe(filter(({ body }) => body === 'probe')));
  rx.publish({ destination: '/topic/a', body: 'probe' });
  await probe;
  await server.publish('/topic/a', 3);
  assert.deepEqual(
    (await bodies).map(({ body }) => body),
    ['1', '2', '3'],
  );
  const error = firstValueFrom(rx.stompErrors$);
  rx.publish({ destination: '/nowhere', body: '' });
  assert.equal((await error).headers['tideway-code'], 'destination/unknown');
});
