import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { ScriptedServer, SeededRandom, VirtualTime } from '../testing/index.js';
import { Client, type ClientOptions, type StateChange } from './index.js';

const CONNECTED = {
  type: 'connected',
  sessionId: 's1',
  resumed: false,
  principal: 'ada',
  heartbeatIntervalMs: 0,
  maxMessageBytes: 1000,
};

function begin(options: Partial<ClientOptions> = {}) {
  const server = new ScriptedServer();
  const time = new VirtualTime();
  const client = new Client({
    url: 'ws://localhost/ws',
    WebSocket: server.WebSocket,
    time,
    random: new SeededRandom(1),
    ...options,
  });
  const changes: StateChange[] = [];
  client.onState((change) => changes.push(change));
  const accept = (welcome: object = CONNECTED): void => {
    server.socket.opened();
    server.socket.received(welcome);
  };
  return { server, time, client, changes, accept };
}

const told = (changes: StateChange[]): string[] =>
  changes.map(({ state, code }) => `${state} ${code}`);

test('connecting offers tideway.v1, says connect first and resolves at connected', async () => {
  const { server, client, changes } = begin({ token: 't1' });
  assert.equal(client.state, 'disconnected');
  const ready = client.connect();
  assert.equal(client.state, 'connecting');
  assert.equal(server.socket.url, 'ws://localhost/ws');
  assert.deepEqual(server.socket.protocols, ['tideway.v1']);
  assert.equal(server.socket.binaryType, 'arraybuffer');
  server.socket.opened();
  assert.deepEqual(server.socket.takeSent(), [
    { type: 'connect', token: 't1', heartbeatIntervalMs: 10_000 },
  ]);
  assert.equal(client.state, 'connecting');
  server.socket.received(CONNECTED);
  await ready;
  assert.equal(client.state, 'connected');
  assert.equal(client.principal, 'ada');
  assert.equal(client.sessionId, 's1');
  assert.deepEqual(told(changes), ['connecting client/connect', 'connected client/connected']);
  for (const { reason } of changes) assert.notEqual(reason, '');
});

test('a second connected is no transition', () => {
  const { server, client, changes, accept } = begin();
  void client.connect();
  accept();
  client.subscribe('/topic/a', () => {});
  server.socket.takeSent();
  server.socket.received(CONNECTED);
  assert.equal(changes.length, 2);
  assert.deepEqual(server.socket.takeSent(), []);
});

test('connect answers with the same promise and makes one socket', async () => {
  const { server, client, accept } = begin();
  const ready = client.connect();
  assert.equal(client.connect(), ready);
  accept();
  await ready;
  assert.equal(client.connect(), ready);
  assert.equal(server.sockets.length, 1);
});

test('close ends with 1000, leaves no timer and can be followed by connect', async () => {
  const { server, time, client, changes, accept } = begin();
  void client.connect();
  accept();
  client.close();
  assert.equal(server.socket.closedWith, 1000);
  assert.equal(time.pendingTimerCount, 0);
  assert.equal(client.sessionId, undefined);
  assert.deepEqual(told(changes).slice(2), ['disconnected client/closed']);
  assert.equal(changes[2]?.retryInMs, undefined);
  server.socket.ended(1000);
  client.close();
  assert.equal(changes.length, 3);
  const again = client.connect();
  accept();
  await again;
  assert.equal(server.sockets.length, 2);
});

test('close before connected rejects connect with client/closed', async () => {
  const { client, changes } = begin();
  const ready = client.connect();
  client.close();
  await assert.rejects(ready, { name: 'ClientError', code: 'client/closed' });
  assert.deepEqual(told(changes), ['connecting client/connect', 'disconnected client/closed']);
});

test('failed attempts wait in full jitter: below min times 2^n, never above max, and not always the same', async () => {
  const fractions: number[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const { server, time, client, changes } = begin({
      random: new SeededRandom(seed),
      backoff: { minMs: 500, maxMs: 4000 },
    });
    void client.connect();
    for (const boundMs of [500, 1000, 2000, 4000, 4000, 4000]) {
      server.socket.ended();
      const { code, closeCode, retryInMs = -1 } = changes.at(-1) ?? {};
      assert.equal(code, 'client/connect-failed');
      assert.equal(closeCode, 1006);
      assert.ok(retryInMs >= 0 && retryInMs < boundMs, `${retryInMs} < ${boundMs}`);
      fractions.push(retryInMs / boundMs);
      const count = server.sockets.length;
      if (retryInMs > 0) {
        time.advance(retryInMs - 1);
        assert.equal(server.sockets.length, count, 'not before the delay is over');
      }
      time.advance(1);
      assert.equal(server.sockets.length, count + 1);
      assert.equal(changes.at(-1)?.code, 'client/reconnect');
    }
    client.close();
    assert.equal(time.pendingTimerCount, 0);
  }
  assert.ok(Math.min(...fractions) < 0.1 && Math.max(...fractions) > 0.9, 'the whole range');
});

test('the count of attempts starts anew after a stable connection only', () => {
  const almostOne = { fill: (target: Uint8Array) => void target.fill(255) };
  const { server, time, client, changes, accept } = begin({
    random: almostOne,
    backoff: { minMs: 1000, stableAfterMs: 5000 },
  });
  void client.connect();
  const cutAfter = (durationMs: number): number | undefined => {
    accept();
    time.advance(durationMs);
    server.socket.ended();
    const { retryInMs } = changes.at(-1) ?? {};
    time.advance(retryInMs ?? 0);
    return retryInMs;
  };
  assert.equal(cutAfter(4999), 999);
  assert.equal(cutAfter(10), 1999);
  assert.equal(cutAfter(4999), 3999);
  assert.equal(cutAfter(5000), 999);
});

test('close codes below 4500 mean come back, from 4500 on the client stays away', async () => {
  for (const [closeCode, code] of [
    [1000, 'client/connection-lost'],
    [1012, 'client/connection-lost'],
    [4000, 'server/shutdown'],
    [4001, 'session/slow-consumer'],
    [4499, 'client/connection-lost'],
  ] as const) {
    const { server, client, changes, accept } = begin();
    void client.connect();
    accept();
    server.socket.ended(closeCode, 'words');
    const change = changes.at(-1);
    assert.deepEqual(
      [change?.state, change?.code, change?.closeCode, change?.reason],
      ['disconnected', code, closeCode, 'words'],
    );
    assert.equal(typeof change?.retryInMs, 'number');
    client.close();
  }
  for (const [closeCode, code] of [
    [4500, 'client/connect-failed'],
    [4501, 'session/invalid-token'],
    [4999, 'client/connect-failed'],
  ] as const) {
    const { server, time, client, changes } = begin();
    const ready = client.connect();
    server.socket.opened();
    server.socket.ended(closeCode);
    await assert.rejects(ready, { code });
    assert.equal(changes.at(-1)?.code, code);
    assert.equal(changes.at(-1)?.retryInMs, undefined);
    assert.equal(time.pendingTimerCount, 0);
    time.advance(100_000);
    assert.equal(server.sockets.length, 1);
    await assert.rejects(client.send('/topic/a', 1), { code, isOutcomeUnknown: false });
  }
});

test('an error before the socket is open is the end of it, later ones wait for the close event', () => {
  const { server, time, client, changes } = begin();
  void client.connect();
  server.socket.onerror?.({ message: 'ECONNREFUSED' });
  const { code, reason, closeCode, retryInMs = 0 } = changes.at(-1) ?? {};
  assert.deepEqual([code, reason, closeCode], ['client/connect-failed', 'ECONNREFUSED', 1006]);
  time.advance(retryInMs);
  server.socket.opened();
  server.socket.onerror?.({ message: 'a bad frame' });
  assert.equal(client.state, 'connecting');
  server.socket.ended(1002);
  assert.deepEqual([changes.at(-1)?.reason, changes.at(-1)?.closeCode], ['a bad frame', 1002]);
  client.close();
});

test('a disconnect message says more than the close code that follows it', () => {
  const { server, client, changes, accept } = begin();
  void client.connect();
  accept();
  server.socket.received({
    type: 'disconnect',
    code: 'session/token-expired',
    closeCode: 4002,
    mayReconnect: true,
    message: 'the token ended',
  });
  assert.equal(client.state, 'connected');
  server.socket.ended(1006);
  const { state, code, reason, closeCode } = changes.at(-1) ?? {};
  assert.deepEqual(
    [state, code, reason, closeCode],
    ['disconnected', 'session/token-expired', 'the token ended', 4002],
  );
  client.close();

  const other = begin();
  void other.client.connect();
  other.accept();
  other.server.socket.received({ type: 'disconnect', code: 'x/later', mayReconnect: false });
  other.server.socket.ended(1006);
  assert.equal(other.changes.at(-1)?.code, 'x/later');
  assert.equal(other.changes.at(-1)?.retryInMs, undefined);
});

test('an attempt that takes too long is dropped, and nothing of it is heard afterwards', () => {
  const { server, time, client, changes } = begin({ connectTimeoutMs: 3000 });
  void client.connect();
  const late = server.socket;
  late.opened();
  time.advance(2999);
  assert.equal(client.state, 'connecting');
  time.advance(1);
  assert.equal(changes.at(-1)?.code, 'client/connect-timeout');
  assert.equal(typeof changes.at(-1)?.retryInMs, 'number');
  assert.notEqual(late.closedWith, undefined);
  late.received(CONNECTED);
  late.ended(4500);
  assert.equal(client.state, 'disconnected');
  client.close();
});

test('three silent intervals drop the connection, any message keeps it', () => {
  const { server, time, client, changes, accept } = begin({ heartbeatIntervalMs: 2000 });
  void client.connect();
  server.socket.opened();
  assert.equal(
    (server.socket.takeSent()[0] as Record<string, unknown>)['heartbeatIntervalMs'],
    2000,
  );
  // What the server answers counts, not what was asked for.
  server.socket.received({ ...CONNECTED, heartbeatIntervalMs: 1000 });
  time.advance(2900);
  server.socket.received({ type: 'heartbeat' });
  time.advance(2900);
  server.socket.received({ type: 'receipt', id: 99 });
  time.advance(2999);
  assert.equal(client.state, 'connected');
  time.advance(1);
  assert.deepEqual(
    [changes.at(-1)?.state, changes.at(-1)?.code],
    ['disconnected', 'client/heartbeat-timeout'],
  );
  assert.notEqual(server.socket.closedWith, undefined);
  time.advance(changes.at(-1)?.retryInMs ?? 0);
  accept();
  assert.equal(client.state, 'connected');
  client.close();
  assert.equal(time.pendingTimerCount, 0);
});

test('without heartbeats no silence is too long', () => {
  const { time, client, accept } = begin({ heartbeatIntervalMs: 0 });
  void client.connect();
  accept();
  time.advance(10_000_000);
  assert.equal(client.state, 'connected');
});

test('a token function is asked anew for every connection', async () => {
  let asked = 0;
  const { server, time, client, changes, accept } = begin({
    token: () => Promise.resolve(`t${++asked}`),
  });
  void client.connect();
  assert.equal(server.sockets.length, 0);
  await turn();
  accept();
  assert.equal((server.socket.takeSent()[0] as Record<string, unknown>)['token'], 't1');
  server.socket.ended(4002);
  time.advance(changes.at(-1)?.retryInMs ?? 0);
  await turn();
  accept();
  assert.equal((server.socket.takeSent()[0] as Record<string, unknown>)['token'], 't2');
  client.close();
});

test('a token function that fails is tried again later; it may throw or reject', async () => {
  const failures = [
    () => {
      throw new Error('no network');
    },
    () => Promise.reject(new Error('no network')),
    () => 'good',
  ];
  const { server, time, client, changes, accept } = begin({ token: () => failures.shift()?.() });
  void client.connect();
  for (const _round of [1, 2]) {
    await turn();
    assert.equal(changes.at(-1)?.code, 'client/token-failed');
    assert.match(changes.at(-1)?.reason ?? '', /no network/);
    assert.equal(server.sockets.length, 0);
    time.advance(changes.at(-1)?.retryInMs ?? 0);
  }
  await turn();
  accept();
  assert.equal(client.state, 'connected');
  client.close();
});

test('a token that comes after close opens no socket', async () => {
  const { server, client } = begin({ token: () => turn('late') });
  void client.connect();
  client.close();
  await turn();
  await turn();
  assert.equal(server.sockets.length, 0);
});

test('a URL that cannot be one is refused by the constructor, one the platform refuses ends the client', async () => {
  assert.throws(() => begin({ url: 'nowhere' }), { code: 'client/invalid-url' });
  assert.equal(begin({ url: 'https://example.test/ws' }).client.state, 'disconnected');
  const WebSocket = class {
    constructor() {
      throw new SyntaxError('bad port');
    }
  } as unknown as NonNullable<ClientOptions['WebSocket']>;
  const { client, changes } = begin({ WebSocket });
  await assert.rejects(client.connect(), { code: 'client/invalid-url', message: /bad port/ });
  assert.equal(changes.at(-1)?.state, 'disconnected');
});

test('http URLs become ws URLs', () => {
  const { server, client } = begin({ url: 'https://example.test/ws?a=1' });
  void client.connect();
  assert.equal(server.socket.url, 'wss://example.test/ws?a=1');
  client.close();
});

test('where there is no WebSocket class the constructor says what to pass', (context) => {
  const described = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
  Object.defineProperty(globalThis, 'WebSocket', { value: undefined, configurable: true });
  context.after(() => {
    if (described === undefined) Reflect.deleteProperty(globalThis, 'WebSocket');
    else Object.defineProperty(globalThis, 'WebSocket', described);
  });
  assert.throws(() => new Client({ url: 'ws://localhost' }), {
    code: 'client/no-websocket',
    message: /"WebSocket"/,
  });
});

test('when the browser is back online the delay is cut short, and the listener goes away', (context) => {
  const listeners = new Set<() => void>();
  const page = globalThis as unknown as Record<string, unknown>;
  page['addEventListener'] = (type: string, listener: () => void) =>
    type === 'online' && listeners.add(listener);
  page['removeEventListener'] = (_type: string, listener: () => void) => listeners.delete(listener);
  context.after(() => {
    delete page['addEventListener'];
    delete page['removeEventListener'];
  });
  const { server, time, client, changes } = begin();
  void client.connect();
  assert.equal(listeners.size, 0);
  server.socket.ended();
  assert.equal(listeners.size, 1);
  for (const listener of listeners) listener();
  assert.equal(changes.at(-1)?.code, 'client/online');
  assert.equal(server.sockets.length, 2);
  assert.equal(listeners.size, 0);
  client.close();
  assert.equal(time.pendingTimerCount, 0);
});

test('back online the delays begin anew: the first attempt may come before the name server does', (context) => {
  const listeners = new Set<() => void>();
  const page = globalThis as unknown as Record<string, unknown>;
  page['addEventListener'] = (_type: string, listener: () => void) => listeners.add(listener);
  page['removeEventListener'] = (_type: string, listener: () => void) => listeners.delete(listener);
  context.after(() => {
    delete page['addEventListener'];
    delete page['removeEventListener'];
  });
  const backoff = { minMs: 100, maxMs: 30_000 };
  const { server, time, client, changes } = begin({
    backoff,
    random: { fill: (octets) => void octets.fill(255) },
  });
  void client.connect();
  for (let count = 0; count < 10; count++) {
    server.socket.ended();
    time.advance(30_000);
  }
  server.socket.ended();
  assert.equal(changes.at(-1)?.retryInMs, 29_999);
  for (const listener of listeners) listener();
  server.socket.ended();
  assert.equal(changes.at(-1)?.retryInMs, 99);
  client.close();
});

test('a throwing listener harms nobody: it is reported, the others are told', () => {
  const errors: unknown[] = [];
  const { client, changes, accept } = begin({ onError: (error) => errors.push(error) });
  client.onState(() => {
    throw new Error('mine');
  });
  const after: string[] = [];
  const stop = client.onState(({ code }) => after.push(code));
  void client.connect();
  stop();
  accept();
  assert.equal(client.state, 'connected');
  assert.equal(changes.length, 2);
  assert.deepEqual(after, ['client/connect']);
  assert.equal(errors.length, 2);
  assert.match(String(errors[0]), /mine/);
});

test('without onError an exception of the application is thrown again later', (context) => {
  const later: (() => void)[] = [];
  context.mock.method(globalThis, 'queueMicrotask', (task: () => void) => later.push(task));
  const { client } = begin();
  client.onState(() => {
    throw new Error('mine');
  });
  void client.connect();
  context.mock.restoreAll();
  assert.equal(client.state, 'connecting');
  assert.equal(later.length, 1);
  assert.throws(() => later[0]?.(), /mine/);
});

test('a change made by a listener is told to everybody after the one that caused it', async () => {
  const { server, client } = begin({ token: () => assert.fail('nobody connects any more') });
  const seen: string[] = [];
  client.onState(({ state }) => {
    if (state === 'connecting') client.close();
  });
  client.onState(({ code }) => seen.push(code));
  void client.connect();
  await turn();
  assert.deepEqual(seen, ['client/connect', 'client/closed']);
  assert.equal(server.sockets.length, 0);
  assert.equal(client.state, 'disconnected');
});

test('an ended connection that nobody awaited rejects no promise unhandled', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  const { server, client } = begin();
  void client.connect();
  server.socket.opened();
  server.socket.ended(4501);
  await turn();
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
  assert.equal(client.state, 'disconnected');
});
