/** Proves refusals on the errors queue through real sockets: who is told, of what, and who loses the connection (semantics E5). */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Client, type IMessage } from '@stomp/stompjs';
import {
  createServer,
  MemoryMetrics,
  RequestError,
  type Authenticate,
  type ServerOptions,
  type TidewayServer,
} from 'tideway';
import { WebSocket } from 'ws';
import { StompPeer, type PeerFrame } from './stomp-peer.js';

const ERRORS = '/user/queue/errors';

async function listening(
  context: TestContext,
  options: ServerOptions = {},
): Promise<TidewayServer> {
  const server = createServer({ endpoints: [{ path: '/ws', refusals: 'queue' }], ...options });
  server.access.deny('any', '/topic/closed');
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

/** A client that reads its errors queue. */
async function reader(server: TidewayServer, headers = {}): Promise<StompPeer> {
  const peer = await StompPeer.open(server.url, '1.2', headers);
  peer.say('SUBSCRIBE', { id: 'errors', destination: ERRORS, receipt: 'reads' });
  await peer.frame('RECEIPT', { 'receipt-id': 'reads' });
  return peer;
}

const toldIn = ({ body }: PeerFrame): Record<string, unknown> =>
  JSON.parse(body.toString()) as Record<string, unknown>;

/** What the peer was told on its queue, the first so many. */
async function told(peer: StompPeer, count: number): Promise<readonly Record<string, unknown>[]> {
  await peer.messages(count);
  const frames = peer.frames.filter(({ headers }) => headers['destination'] === ERRORS);
  assert.equal(frames.length, count);
  return frames.map(toldIn);
}

const receiptsOf = (peer: StompPeer): (string | undefined)[] =>
  peer.frames
    .filter(({ command }) => command === 'RECEIPT')
    .map(({ headers }) => headers['receipt-id'])
    .filter((id) => id?.startsWith('settled') !== true);

test('[E5] a refused SEND is told on the errors queue, and the connection lives', async (context) => {
  const metrics = new MemoryMetrics();
  const server = await listening(context, { metrics });
  const peer = await reader(server);
  peer.say('SEND', { destination: '/topic/closed' }, '1');
  peer.say('SEND', { destination: 'nowhere' }, '1');
  peer.say('SEND', {}, '1');
  // In the order in which they were refused, as receipts come in that in which frames are done.
  const all = await told(peer, 3);
  assert.deepEqual(
    all.find(({ code }) => code === 'access/denied'),
    {
      code: 'access/denied',
      number: 130,
      message: 'an anonymous client may not send to "/topic/closed"',
      destination: '/topic/closed',
    },
  );
  const wrong = all.find(({ code }) => code === 'destination/invalid');
  assert.equal(wrong?.['destination'], 'nowhere');
  const missing = all.find(({ code }) => code === 'frame/invalid-field');
  assert.ok(missing !== undefined && !('destination' in missing));
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/a' });
  peer.say('SEND', { destination: '/topic/a', receipt: 'sent' }, '2');
  await peer.frame('RECEIPT', { 'receipt-id': 'sent' });
  await peer.frame('MESSAGE', { destination: '/topic/a' });
  const refusedCount = Object.entries(metrics.snapshot())
    .filter(([name]) => name.startsWith('request_errors'))
    .reduce((sum, [, value]) => sum + value, 0);
  assert.equal(refusedCount, 3);
  assert.equal(server.sessionCount, 1);
});

test('[E5] what was refused says which receipt does not come, and no receipt comes', async (context) => {
  const server = await listening(context);
  server.app.map('/fail', () => {
    throw new RequestError('orders/sold-out', 'no more of these');
  });
  const peer = await reader(server);
  peer.say('SEND', { destination: '/topic/closed', receipt: 'r1' }, '1');
  peer.say('SEND', { destination: '/app/fail', receipt: 'r2' }, '1');
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/closed', receipt: 'r3' });
  peer.say('COMMIT', { transaction: 't', receipt: 'r4' });
  peer.say('NACK', { receipt: 'r5' });
  const all = await told(peer, 5);
  const by = (receipt: string): unknown[] => {
    const { code, destination, subscription, transaction } =
      all.find((one) => one['receipt'] === receipt) ?? {};
    return [code, destination, subscription, transaction];
  };
  assert.deepEqual(by('r1'), ['access/denied', '/topic/closed', undefined, undefined]);
  assert.deepEqual(by('r2'), ['orders/sold-out', '/app/fail', undefined, undefined]);
  assert.deepEqual(by('r3'), ['access/denied', '/topic/closed', 's', undefined]);
  assert.deepEqual(by('r4'), ['transaction/unknown', undefined, undefined, 't']);
  assert.deepEqual(by('r5'), ['frame/invalid-field', undefined, undefined, undefined]);
  await peer.settled();
  assert.deepEqual(receiptsOf(peer), ['reads']);
});

test('[E5] the id of a refused SUBSCRIBE is free again, and one that is taken stays with its subscription', async (context) => {
  const server = await listening(context);
  const peer = await reader(server);
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/closed' });
  assert.equal((await told(peer, 1))[0]?.['subscription'], 's');
  peer.say('UNSUBSCRIBE', { id: 's', receipt: 'ended' });
  await peer.frame('RECEIPT', { 'receipt-id': 'ended' });
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'open' });
  await peer.frame('RECEIPT', { 'receipt-id': 'open' });
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/b' });
  const [, second] = await told(peer, 2);
  const { code, subscription, destination } = second ?? {};
  assert.deepEqual([code, subscription, destination], ['subscription/exists', 's', '/topic/b']);
  await server.publish('/topic/a', 1);
  await peer.frame('MESSAGE', { subscription: 's', destination: '/topic/a' });
});

test('[E5] who does not read the queue gets the ERROR, before it subscribes and after it has unsubscribed', async (context) => {
  const server = await listening(context);
  const deaf = await StompPeer.open(server.url);
  deaf.say('SEND', { destination: '/topic/closed', receipt: 'r' }, '1');
  const { headers } = await deaf.frame('ERROR');
  assert.deepEqual([headers['tideway-code'], headers['receipt-id']], ['access/denied', 'r']);
  assert.equal((await deaf.closed).closeCode, 4506);

  const peer = await reader(server);
  peer.say('UNSUBSCRIBE', { id: 'errors', receipt: 'gone' });
  await peer.frame('RECEIPT', { 'receipt-id': 'gone' });
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/closed' });
  assert.equal((await peer.frame('ERROR')).headers['tideway-code'], 'access/denied');
  assert.equal((await peer.closed).closeCode, 4506);
});

test('[E5] a SUBSCRIBE to the queue that is itself refused is an ERROR, and so is what waited for it', async (context) => {
  const server = await listening(context);
  server.access.deny('subscribe', ERRORS);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'errors', destination: ERRORS });
  peer.say('SEND', { destination: '/topic/closed' }, '1');
  assert.equal((await peer.frame('ERROR')).headers['tideway-code'], 'access/denied');
  assert.equal((await peer.closed).closeCode, 4506);
});

test('[E5] what is refused while the queue is being subscribed to waits for that', async (context) => {
  let open = (): void => {};
  const isOpen = new Promise<void>((resolve) => (open = resolve));
  const server = await listening(context, {
    interceptors: [
      {
        inbound: ({ kind }) => {
          if (kind === 'subscribe') return isOpen.then(() => undefined);
          return undefined;
        },
      },
    ],
  });
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'errors', destination: ERRORS });
  // Refused for its form, before any interceptor.
  peer.say('SEND', {}, '1');
  peer.say('BEGIN', { transaction: 't', receipt: 'heard' });
  await peer.frame('RECEIPT', { 'receipt-id': 'heard' });
  open();
  assert.equal((await told(peer, 1))[0]?.['code'], 'frame/invalid-field');
});

test('[E5] octets that are no STOMP, and frames out of place, end the connection of who reads the queue too', async (context) => {
  const server = await listening(context);
  for (const broken of ['NO SUCH COMMAND\n\n\0', 'CONNECT\naccept-version:1.2\n\n\0']) {
    const peer = await reader(server);
    peer.raw(broken);
    assert.equal((await peer.frame('ERROR')).headers['tideway-code'], 'session/protocol-error');
    assert.equal((await peer.closed).closeCode, 4505);
  }
});

test('[E4][E5] each refused frame of a transaction is told, the others are done, its COMMIT has no receipt', async (context) => {
  const server = await listening(context);
  const peer = await reader(server);
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/a' });
  peer.say('BEGIN', { transaction: 't' });
  for (const destination of ['/topic/closed', '/topic/a', 'nowhere']) {
    peer.say('SEND', { destination, transaction: 't', receipt: `kept ${destination}` }, '1');
  }
  peer.say('COMMIT', { transaction: 't', receipt: 'done' });
  await peer.frame('MESSAGE', { destination: '/topic/a' });
  await peer.messages(3);
  const all = peer.frames.filter(({ headers }) => headers['destination'] === ERRORS).map(toldIn);
  assert.deepEqual(
    all.map(({ code, destination, transaction, receipt }) => [
      code,
      destination,
      transaction,
      receipt,
    ]),
    [
      ['access/denied', '/topic/closed', 't', 'done'],
      ['destination/invalid', 'nowhere', 't', 'done'],
    ],
  );
  await peer.settled();
  assert.deepEqual(receiptsOf(peer), [
    'reads',
    'kept /topic/closed',
    'kept /topic/a',
    'kept nowhere',
  ]);
});

test('[E4][E5] a transaction that lacks a frame has no receipt for its COMMIT, and says so', async (context) => {
  const server = await listening(context, { limits: { maxTransactionFrameCount: 1 } });
  const peer = await reader(server);
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/a' });
  for (const transaction of ['t', 'u']) {
    peer.say('BEGIN', { transaction });
    peer.say('SEND', { destination: '/topic/a', transaction }, transaction);
    if (transaction === 't') peer.say('SEND', { destination: '/topic/a', transaction }, 'too many');
    peer.say('COMMIT', { transaction, receipt: `done ${transaction}` });
  }
  await peer.frame('RECEIPT', { 'receipt-id': 'done u' });
  await peer.messages(4);
  const all = peer.frames.filter(({ headers }) => headers['destination'] === ERRORS).map(toldIn);
  assert.deepEqual(
    all.map(({ code, transaction, receipt }) => [code, transaction, receipt]),
    [
      ['transaction/too-large', 't', undefined],
      ['transaction/too-large', 't', 'done t'],
    ],
  );
  const bodies = peer.frames.filter(({ headers }) => headers['destination'] === '/topic/a');
  assert.deepEqual(
    bodies.map(({ body }) => body.toString()),
    ['t', 'u'],
  );
  assert.deepEqual(receiptsOf(peer), ['reads', 'done u']);
});

test('[E5] a subscription whose right is gone is told, and the others go on', async (context) => {
  const server = await listening(context);
  const peer = await reader(server);
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/a', receipt: 'open' });
  peer.say('SUBSCRIBE', { id: 'b', destination: '/topic/b' });
  await peer.frame('RECEIPT', { 'receipt-id': 'open' });
  await peer.settled();
  server.access.deny('subscribe', '/topic/a');
  await server.publish('/topic/a', 1);
  const [ended] = await told(peer, 1);
  const { code, destination, subscription } = ended ?? {};
  assert.deepEqual([code, destination, subscription], ['access/denied', '/topic/a', 'a']);
  await server.publish('/topic/b', 1);
  await peer.frame('MESSAGE', { subscription: 'b' });
});

test('[E5] an UNSUBSCRIBE that an interceptor refuses leaves the subscription as it was, under its id', async (context) => {
  let isClosed = true;
  const server = await listening(context, {
    interceptors: [
      {
        inbound({ kind }) {
          if (kind === 'unsubscribe' && isClosed) throw new RequestError('orders/stay', 'stay');
        },
      },
    ],
  });
  const peer = await reader(server);
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/a', ack: 'client' });
  peer.say('UNSUBSCRIBE', { id: 'a' });
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/b' });
  const codes = (await told(peer, 2)).map(({ code, subscription }) => [code, subscription]);
  assert.deepEqual(codes, [
    ['orders/stay', 'a'],
    ['subscription/exists', 'a'],
  ]);
  await server.publish('/topic/a', 1);
  const { headers } = await peer.frame('MESSAGE', { subscription: 'a' });
  assert.ok(headers['ack'] !== undefined);
  isClosed = false;
  peer.say('ACK', { id: headers['ack'], receipt: 'taken' });
  peer.say('UNSUBSCRIBE', { id: 'a', receipt: 'ended' });
  await peer.frame('RECEIPT', { 'receipt-id': 'ended' });
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/b', receipt: 'again' });
  await peer.frame('RECEIPT', { 'receipt-id': 'again' });
});

test('[E5] so it is when a SUBSCRIBE of that id was refused before the UNSUBSCRIBE', async (context) => {
  let refuse = (): void => {};
  const isTime = new Promise<void>((resolve) => (refuse = resolve));
  const server = await listening(context, {
    interceptors: [
      {
        async inbound({ kind }) {
          if (kind !== 'unsubscribe') return;
          await isTime;
          throw new RequestError('orders/stay', 'stay');
        },
      },
    ],
  });
  const peer = await reader(server);
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/a', ack: 'client', receipt: 'open' });
  await peer.frame('RECEIPT', { 'receipt-id': 'open' });
  peer.say('UNSUBSCRIBE', { id: 'a' });
  peer.say('SUBSCRIBE', {
    id: 'a',
    destination: '/topic/a',
    'prefetch-count': 'many',
    ack: 'client',
  });
  await told(peer, 1);
  refuse();
  assert.equal((await told(peer, 2))[1]?.['code'], 'orders/stay');
  // The id is known to mean it: another subscription of that id is refused, and does not take its place.
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/b' });
  const { code, message } = (await told(peer, 3))[2] ?? {};
  assert.deepEqual(
    [code, message],
    ['subscription/exists', 'this session has a subscription "a" already'],
  );
});

test('[I3][E5] a refusal that an interceptor keeps from the queue is an ERROR', async (context) => {
  const server = await listening(context);
  server.intercept({
    broker: ({ destination }) => (destination.endsWith('/errors') ? 'drop' : undefined),
  });
  const peer = await reader(server);
  peer.say('SEND', { destination: '/topic/closed' }, '1');
  const { headers } = await peer.frame('ERROR');
  assert.equal(headers['tideway-code'], 'access/denied');
});

test('[E5] only the session that was refused is told, of several of its name', async (context) => {
  const authenticate: Authenticate = async () => ({
    name: 'ada',
    claims: {},
    expiresAtMs: undefined,
  });
  const server = await listening(context, { authenticate });
  const [first, second] = [await reader(server), await reader(server)];
  first.say('SEND', { destination: '/topic/closed' }, '1');
  await told(first, 1);
  second.say('SEND', { destination: 'nowhere' }, '1');
  const [own] = await told(second, 1);
  assert.equal(own?.['code'], 'destination/invalid');
});

test('[E5] one endpoint tells on the queue and another by ERROR; CONNECTED says which', async (context) => {
  const server = await listening(context, {
    endpoints: [{ path: '/queue', refusals: 'queue' }, { path: '/ws' }],
  });
  assert.deepEqual(
    server.endpoints.map(({ refusals }) => refusals),
    ['queue', 'error'],
  );
  const peer = await reader(server);
  assert.equal(offersOf(peer).includes('refusal'), false);
  peer.say('SEND', { destination: '/topic/closed' }, '1');
  await peer.frame('ERROR');
  assert.equal((await peer.closed).closeCode, 4506);
  const other = new URL('/queue', server.url).href.replace('http', 'ws');
  const socket = new WebSocket(other, ['v12.stomp']);
  context.after(() => socket.terminate());
  const connected = await new Promise<string>((resolve) => {
    socket.on('open', () => socket.send('CONNECT\naccept-version:1.2\n\n\0'));
    socket.on('message', (data: Buffer) => resolve(data.toString()));
  });
  assert.match(connected, /^tideway-offers:acknowledgement,cursor,receipt,transaction,refusal$/m);
});

const offersOf = (peer: StompPeer): string[] =>
  peer.frames[0]?.headers['tideway-offers']?.split(',') ?? [];

test('an endpoint that cannot tell on the queue is refused', () => {
  const refused = (options: object, words: RegExp): void => {
    assert.throws(() => createServer(options), words);
  };
  const endpoint = { path: '/ws', refusals: 'queue' };
  refused(
    { endpoints: [{ ...endpoint, refusals: 'silence' }] },
    /^RangeError: endpoints\[0\]\.refusals: refusals are told by error or queue, not "silence"$/,
  );
  refused(
    { endpoints: [{ ...endpoint, dialects: ['native'] }] },
    /^RangeError: endpoints\[0\]\.refusals: this endpoint does not speak stomp/,
  );
  refused(
    { endpoints: [endpoint], prefixes: { user: [] } },
    /^RangeError: endpoints\[0\]\.refusals: the queue is a user destination, and prefixes\.user/,
  );
});

test('[D5][E5] the queue stands below the prefix of users that there is', async (context) => {
  const server = await listening(context, { prefixes: { user: '/me' } });
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'errors', destination: '/me/queue/errors' });
  peer.say('SEND', { destination: '/topic/closed' }, '1');
  const { body } = await peer.frame('MESSAGE', { destination: '/me/queue/errors' });
  assert.equal((JSON.parse(body.toString()) as { code: string }).code, 'access/denied');
});

test('[E5] stompjs is told of what is refused, stays connected and goes on', async (context) => {
  const server = await listening(context);
  const events: string[] = [];
  const client = new Client({
    brokerURL: `${server.url?.replace('http', 'ws')}/ws`,
    webSocketFactory: () => new WebSocket(`${server.url?.replace('http', 'ws')}/ws`),
    reconnectDelay: 0,
    onStompError: ({ body }) => void events.push(`error ${body}`),
    onWebSocketClose: () => void events.push('closed'),
  });
  context.after(() => client.deactivate({ force: true }));
  await new Promise<void>((resolve) => {
    client.onConnect = () => resolve();
    client.activate();
  });
  const refusals: Record<string, unknown>[] = [];
  const done = new Promise<void>((resolve) => {
    client.subscribe(ERRORS, ({ body }: IMessage) => {
      refusals.push(JSON.parse(body) as Record<string, unknown>);
      if (refusals.length === 2) client.publish({ destination: '/topic/a', body: 'on' });
    });
    client.subscribe('/topic/a', () => resolve());
  });
  client.subscribe('/topic/closed', () => {}, { id: 'closed' });
  client.watchForReceipt('never', () => void events.push('receipt'));
  client.publish({ destination: '/topic/closed', body: '1', headers: { receipt: 'never' } });
  await done;
  assert.deepEqual(new Set(refusals.map(({ code }) => code)), new Set(['access/denied']));
  assert.ok(refusals.some(({ subscription }) => subscription === 'closed'));
  assert.ok(refusals.some(({ receipt }) => receipt === 'never'));
  assert.deepEqual(events, []);
  assert.ok(client.connected);
});
