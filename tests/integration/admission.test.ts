/** Proves through real sockets who may connect: caps, shares of addresses behind proxies, and what a handshake leaves behind. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createServer, MemoryMetrics, type Credentials, type ServerOptions } from 'tideway';
import { WebSocket } from 'ws';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

/** The process's time, which a test may set forward. */
class ShiftedTime {
  shiftMs = 0;
  nowMs = (): number => Date.now() + this.shiftMs;
  monotonicMs = (): number => performance.now() + this.shiftMs;
  after = (delayMs: number, callback: () => void): (() => void) => {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  };
  afterTick = (callback: () => void): void => process.nextTick(callback);
  afterTurn = (callback: () => void): void => void setImmediate(callback);
}

async function run(t: TestContext, options: ServerOptions = {}) {
  const metrics = new MemoryMetrics();
  const time = new ShiftedTime();
  const server = createServer({ log: false, metrics, time, ...options });
  await server.listen({ port: 0 });
  t.after(() => server.close());
  const reached = (limit: string): number => metrics.value('limit_reached', { limit });
  return { server, metrics, time, reached, url: server.url!, port: server.address!.port };
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
  readonly socket: WebSocket;
}

/** What comes of a handshake; an accepted one stays open, and silent. */
async function come(
  t: TestContext,
  url: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, 'tideway.v1', { headers });
  t.after(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ status: 101, retryAfter: undefined, text: '', socket }));
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += String(chunk)));
      response.on('end', () => {
        const retryAfter = response.headers['retry-after'];
        resolve({ status: response.statusCode ?? 0, retryAfter, text, socket });
      });
    });
    socket.on('error', reject);
  });
}

const from = (address: string): Record<string, string> => ({ 'X-Forwarded-For': address });
const TRUSTED = { trustedProxies: ['127.0.0.0/8'] };

test('[C3] one connection too many is refused with 503 and Retry-After, and leaves nothing behind', async (t) => {
  const { url, metrics, reached } = await run(t, { limits: { maxConnectionCount: 2 } });
  const [first] = [await come(t, url), await come(t, url)];
  for (let count = 1; count <= 20; count++) {
    const { status, retryAfter, text } = await come(t, url);
    assert.equal(status, 503);
    assert.match(retryAfter ?? '', /^\d+$/);
    assert.match(text, /\(maxConnectionCount\)/);
    assert.equal(reached('maxConnectionCount'), count);
  }
  assert.equal(metrics.value('connections_open', { transport: 'websocket' }), 2);
  first!.socket.terminate();
  await once(first!.socket, 'close');
  let status = 0;
  // The server hears of the end when it hears of it.
  while (status !== 101) ({ status } = await come(t, url));
});

test('behind a trusted proxy each address has its share of connections, and the proxy itself has none', async (t) => {
  const { url, reached } = await run(t, { ...TRUSTED, limits: { maxConnectionsPerAddress: 2 } });
  const statusOf = async (address?: string): Promise<number> =>
    (await come(t, url, address === undefined ? {} : from(address))).status;
  for (const expected of [101, 101, 429, 429]) {
    assert.equal(await statusOf('6.6.6.6, 203.0.113.9'), expected);
  }
  assert.equal(await statusOf('203.0.113.10'), 101);
  let suffix = 0;
  for (const expected of [101, 101, 429]) {
    assert.equal(await statusOf(`2001:db8::${expected}:${++suffix}`), expected);
  }
  for (let count = 0; count < 5; count++) assert.equal(await statusOf(), 101);
  assert.equal(reached('maxConnectionsPerAddress'), 3);
});

test('what a client says of its address counts for nothing where no proxy is trusted', async (t) => {
  const { url } = await run(t, { limits: { maxConnectionsPerAddress: 1 } });
  for (let count = 0; count < 3; count++) {
    assert.equal((await come(t, url, from('203.0.113.9'))).status, 101);
  }
});

test('who connects too often is refused with 429 for a while; others are not', async (t) => {
  const { url, time, reached } = await run(t, { ...TRUSTED, limits: { maxConnectsPerSecond: 1 } });
  const statusOf = async (address: string): Promise<number> =>
    (await come(t, url, from(address))).status;
  let count = 0;
  while ((await statusOf('203.0.113.9')) === 101) count += 1;
  assert.ok(count >= 2, String(count));
  assert.equal(await statusOf('203.0.113.10'), 101);
  assert.equal(reached('maxConnectsPerSecond'), 1);
  time.shiftMs += 1_000;
  assert.equal(await statusOf('203.0.113.9'), 101);
});

test('[C4] a crowd of silent connections keeps nobody out for longer than two seconds', async (t) => {
  const { url, time, reached } = await run(t, { limits: { maxUnauthenticatedConnectionCount: 3 } });
  const crowd = await Promise.all([come(t, url), come(t, url), come(t, url)]);
  const gone = Promise.race(crowd.map(({ socket }) => once(socket, 'close')));
  const refused = await come(t, url);
  assert.deepEqual([refused.status, /\d/.test(refused.retryAfter ?? '')], [503, true]);
  time.shiftMs += 2_000;
  const peer = await NativePeer.open(url);
  await peer.frame('connected');
  await gone;
  assert.equal(reached('maxUnauthenticatedConnectionCount'), 2);
  for (let count = 0; count < 5; count++) {
    const other = await NativePeer.open(url).catch(() => undefined);
    await other?.frame('connected');
    assert.notEqual(other, undefined, 'open sessions take no place');
  }
});

test('[C4] a connection whose token is being checked ends for nobody, however long that takes', async (t) => {
  let open = (): void => {};
  const checked = new Promise<void>((resolve) => (open = resolve));
  const asked = new EventEmitter();
  const { url, time } = await run(t, {
    limits: { maxUnauthenticatedConnectionCount: 2 },
    authenticate: async ({ token }) => {
      asked.emit(String(token));
      await checked;
      return { name: token, claims: {}, expiresAtMs: undefined };
    },
  });
  const both = Promise.all([once(asked, 'ada'), once(asked, 'bob')]);
  const asking = await NativePeer.open(url, { token: 'ada' });
  const stomp = await StompPeer.dial(url);
  stomp.say('CONNECT', { 'accept-version': '1.2', host: 'a', passcode: 'bob' });
  await both;
  time.shiftMs += 3_000;
  assert.equal((await come(t, url)).status, 503, 'nobody is ended for it');
  open();
  await asking.frame('connected');
  await stomp.frame('CONNECTED');
});

test('sockets that say nothing at all are bounded as well, the oldest go', async (t) => {
  const { url, port, time } = await run(t, { limits: { maxUnauthenticatedConnectionCount: 2 } });
  const silent = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const first = await silent();
  const gone = once(first, 'close');
  await silent();
  // Too new to be ended for another: that one goes itself.
  await once(await silent(), 'close');
  time.shiftMs += 2_000;
  assert.equal((await come(t, url)).status, 101);
  await gone;
});

test('sockets beyond all limits are dropped as they come, whatever they would say', async (t) => {
  const { url, port, reached } = await run(t, {
    limits: { maxConnectionCount: 1, maxUnauthenticatedConnectionCount: 1 },
  });
  await (await NativePeer.open(url)).frame('connected');
  const silent = connect(port, '127.0.0.1').on('error', () => {});
  t.after(() => silent.destroy());
  await once(silent, 'connect');
  const dropped = connect(port, '127.0.0.1').on('error', () => {});
  await once(dropped, 'close');
  assert.equal(silent.destroyed, false);
  assert.equal(reached('maxConnectionCount'), 1);
});

test('one principal has so many sessions and no more', async (t) => {
  const { url, server, reached } = await run(t, {
    limits: { maxSessionsPerPrincipal: 2 },
    authenticate: ({ token }) =>
      Promise.resolve({ name: token, claims: {}, expiresAtMs: undefined }),
  });
  const first = await NativePeer.open(url, { token: 'ada' });
  await first.frame('connected');
  await (await NativePeer.open(url, { token: 'ada' })).frame('connected');
  const third = await NativePeer.open(url, { token: 'ada' });
  assert.equal((await third.frame('disconnect'))['code'], 'session/too-many');
  assert.equal((await third.closed).closeCode, 4010);
  await (await NativePeer.open(url, { token: 'bob' })).frame('connected');
  await (await NativePeer.open(url)).frame('connected');
  await (await NativePeer.open(url)).frame('connected');
  assert.equal(reached('maxSessionsPerPrincipal'), 1);
  const ended = new Promise((resolve) => server.on('disconnect', resolve));
  await first.close();
  await ended;
  await (await NativePeer.open(url, { token: 'ada' })).frame('connected');
});

test('two header fields that name different clients are refused with 400', async (t) => {
  const { url } = await run(t, TRUSTED);
  const both = { ...from('203.0.113.9'), Forwarded: 'for=198.51.100.7' };
  assert.equal((await come(t, url, both)).status, 400);
  assert.equal((await come(t, url, { Forwarded: 'for=198.51.100.7' })).status, 101);
});

test('header fields beyond their limits are refused with 431', async (t) => {
  const { url, reached } = await run(t, {
    limits: { maxHandshakeHeaderCount: 40, maxHandshakeHeadersBytes: 1_000 },
  });
  const fields = (count: number, value: string): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, value]));
  assert.equal((await come(t, url, fields(20, 'a'))).status, 101);
  assert.equal((await come(t, url, fields(40, 'a'))).status, 431);
  assert.equal((await come(t, url, fields(1, 'a'.repeat(1_000)))).status, 431);
  assert.equal(reached('maxHandshakeHeaderCount'), 1);
  assert.equal(reached('maxHandshakeHeadersBytes'), 1);
});

for (const way of ['past node:http', 'through node:http'] as const) {
  test(`[C5] hooks see all of a handshake until the session is open, and who is renewed afterwards (${way})`, async (t) => {
    const seen: Credentials[] = [];
    const http = createHttpServer();
    const server = createServer({
      log: false,
      ...TRUSTED,
      ...(way === 'through node:http' && { server: http }),
      authenticate: (credentials) => {
        seen.push(credentials);
        const tenant =
          credentials.renews?.claims['tenant'] ?? credentials.handshake.headers.get('x-tenant');
        return Promise.resolve({ name: 'ada', claims: { tenant }, expiresAtMs: undefined });
      },
    });
    const connects: unknown[] = [];
    server.on('connected', ({ handshake }) => connects.push(handshake.headers.get('x-tenant')));
    server.intercept({
      inbound: (operation) => {
        if (operation.kind !== 'connect') return;
        connects.push(operation.handshake.headers.get('x-tenant') ?? operation.renews?.name);
      },
    });
    if (way === 'through node:http') {
      http.listen(0, '127.0.0.1');
      await once(http, 'listening');
      t.after(() => http.close());
    } else await server.listen({ port: 0 });
    t.after(() => server.close());
    const port = server.address?.port ?? (http.address() as AddressInfo).port;
    const headers = { ...from('203.0.113.9'), 'X-Tenant': 'blue' };
    const peer = await NativePeer.open(`http://127.0.0.1:${port}`, { headers });
    await peer.frame('connected');
    peer.send({ type: 'authenticate', id: 1, token: 'another' });
    await peer.frame('receipt', { id: 1 });
    const [opening, renewal] = seen;
    assert.equal(opening?.handshake.headers.get('x-tenant'), 'blue');
    assert.equal(opening?.renews, undefined);
    assert.deepEqual(opening?.handshake.peer, {
      address: '203.0.113.9',
      port: 0,
      isSecure: false,
      share: '203.0.113.9',
    });
    assert.equal(renewal?.handshake.headers.size, 0);
    assert.equal(renewal?.handshake.peer.address, '203.0.113.9');
    assert.deepEqual(renewal?.renews?.claims, { tenant: 'blue' });
    assert.equal(server.users.sessionsOf('ada').length, 1);
    assert.deepEqual(connects, ['blue', 'blue', 'ada']);
    await peer.close();
  });
}
