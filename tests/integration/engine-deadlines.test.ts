/** Proves the deadlines of the engine at its doors: silent TCP connections, half handshakes, idle connections, heartbeats. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { DEFAULT_LIMITS, MemoryMetrics, createServer } from 'tideway';
import { WebSocket, WebSocketServer, type WebSocketError } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import { clientFrame, closeCodeFor, openPeer, serve } from './hardening-rig.js';

const HANDSHAKE_MS = 400;
/** Node looks for late requests four times per deadline; the rest is for a busy machine. */
const LATE_MS = 3_000;

const BEGINNINGS: Readonly<Record<string, string>> = {
  nothing: '',
  'half a request line': 'GET /ws',
  'half of its headers': 'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: webs',
};

/** How long a connection lives that says this and no more. */
async function lifeMs(context: TestContext, port: number, beginning: string): Promise<number> {
  const socket: Socket = connect(port, '127.0.0.1');
  context.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.resume();
  const startedAtMs = performance.now();
  if (beginning !== '') socket.write(beginning);
  await once(socket, 'close');
  return performance.now() - startedAtMs;
}

async function checkAll(context: TestContext, port: number): Promise<void> {
  await Promise.all(
    Object.entries(BEGINNINGS).map(async ([words, beginning]) => {
      const lived = await lifeMs(context, port, beginning);
      checkBound(lived < HANDSHAKE_MS + LATE_MS, `${words}: ${lived} ms`);
    }),
  );
}

test('a connection that never finishes its handshake is ended by WebSocketServer', async (context) => {
  const { port } = await serve(context, { handshakeTimeoutMs: HANDSHAKE_MS });
  await checkAll(context, port);
});

test('a connection that never finishes its handshake is ended by the server program', async (context) => {
  const server = createServer({ limits: { handshakeTimeoutMs: HANDSHAKE_MS } });
  context.after(() => server.close());
  const { port } = await server.listen({ port: 0 });
  await checkAll(context, port);
});

test('an idle connection is closed with 1001, one with messages in either direction is not', async (context) => {
  const idleTimeoutMs = 1_000;
  const { server, port } = await serve(context, { idleTimeoutMs, heartbeatIntervalMs: 100 });
  const accept = async (): Promise<[Socket, WebSocket]> => {
    const accepted = once(server, 'connection');
    const peer = await openPeer(port);
    context.after(() => peer.destroy());
    // Heartbeats are answered and do not count.
    peer.on('data', () => peer.write(clientFrame(0x8a)));
    return [peer, ((await accepted) as [WebSocket])[0]];
  };
  const [idle, idleClient] = await accept();
  const [speaking, speakingClient] = await accept();
  const [, listeningClient] = await accept();
  const errors: (string | undefined)[] = [];
  idleClient.on('error', (error) => errors.push((error as WebSocketError).code));
  const timer = setInterval(() => {
    speaking.write(clientFrame(0x81, Buffer.from('a')));
    listeningClient.send('a');
  }, 100);
  context.after(() => clearInterval(timer));
  const startedAtMs = performance.now();
  assert.equal(await closeCodeFor(idle), 1001);
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs > idleTimeoutMs * 0.9, `${tookMs}`);
  checkBound(tookMs < idleTimeoutMs * 1.25 + LATE_MS, `${tookMs}`);
  assert.deepEqual(errors, ['WS_ERR_IDLE_TIMEOUT']);
  assert.equal(speakingClient.readyState, WebSocket.OPEN);
  assert.equal(listeningClient.readyState, WebSocket.OPEN);
});

test('a client that answers heartbeats stays, one that is silent goes, and the limit is counted', async (context) => {
  const metrics = new MemoryMetrics();
  const server = createServer({
    metrics,
    limits: { heartbeatIntervalMs: 300, heartbeatTimeoutMs: 300 },
  });
  context.after(() => server.close());
  const { port } = await server.listen({ port: 0 });
  const silent = connect(port, '127.0.0.1');
  context.after(() => silent.destroy());
  silent.on('error', () => {});
  silent.resume();
  const answering = new WebSocket(`ws://127.0.0.1:${port}/ws`);
  context.after(() => answering.terminate());
  await once(answering, 'open');
  silent.write(
    'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  await once(silent, 'close');
  assert.equal(answering.readyState, WebSocket.OPEN);
  assert.equal(metrics.value('limit_reached', { limit: 'heartbeatTimeoutMs' }), 1);
  assert.equal(metrics.value('websocket_violations', { code: 'WS_ERR_HEARTBEAT_TIMEOUT' }), 1);
});

test('the limits of the server program are told apart in its metrics', async (context) => {
  const metrics = new MemoryMetrics();
  const limits = { maxControlFramesPerSecond: 5, maxMessageBytes: 1_000, messageTimeoutMs: 300 };
  const server = createServer({ metrics, limits });
  context.after(() => server.close());
  const { port } = await server.listen({ port: 0 });
  const codeAfter = async (octets: Buffer): Promise<number | undefined> => {
    const peer = await openPeer(port, '/ws');
    const code = closeCodeFor(peer);
    peer.write(octets);
    return code;
  };
  const pings = Buffer.concat(Array.from({ length: 20 }, () => clientFrame(0x89)));
  assert.equal(await codeAfter(pings), 1008);
  assert.equal(await codeAfter(clientFrame(0x82, new Uint8Array(1_001))), 1009);
  assert.equal(await codeAfter(clientFrame(0x02)), 1008);
  for (const limit of Object.keys(limits)) {
    assert.equal(metrics.value('limit_reached', { limit }), 1, limit);
  }
});

test('with dropNewest a message that has begun is never cut, and a dropped one is dropped whole', async (context) => {
  const { server, port } = await serve(context, {
    maxOutboundBytes: 65_536,
    onOverflow: 'dropNewest',
  });
  const accepted = once(server, 'connection');
  const peer = await openPeer(port);
  context.after(() => peer.destroy());
  const [client] = (await accepted) as [WebSocket];
  peer.pause();
  while (client.droppedMessageCount === 0) {
    client.send(Buffer.alloc(32_768));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const before = client.bufferedAmount;
  const failures: string[] = [];
  const told = (error?: Error | null): void => {
    failures.push((error as WebSocketError | undefined)?.code ?? 'sent');
  };
  client.send('first', { fin: false }, told);
  client.send('second', { fin: false }, told);
  client.send('third', { fin: true }, told);
  client.send('alone', told);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(failures, Array(4).fill('WS_ERR_OUTBOUND_OVERFLOW'));
  assert.equal(client.droppedMessageCount, 3);
  assert.equal(client.bufferedAmount, before);
  assert.equal(client.readyState, WebSocket.OPEN);
  // Once it reads again, messages go again, and the frames before them are whole.
  let received = 0;
  const last = Buffer.from('again');
  const again = new Promise<void>((resolve) => {
    peer.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (chunk.subarray(-last.length).equals(last)) resolve();
    });
  });
  peer.resume();
  const drained = setInterval(() => {
    if (client.bufferedAmount > 0) return;
    clearInterval(drained);
    client.send('again');
  }, 5);
  context.after(() => clearInterval(drained));
  await again;
  assert.equal((received - 7) % (32_768 + 4), 0);
});

test('a limit that is no number, or a policy that does not exist, is said at once', () => {
  for (const [options, words] of [
    [{ idleTimeoutMs: -1 }, /idleTimeoutMs must be a number from 0 on/],
    [{ messageTimeoutMs: NaN }, /messageTimeoutMs must be/],
    [{ maxControlFramesPerSecond: '5' as unknown as number }, /maxControlFramesPerSecond must be/],
    [{ onOverflow: 'dropOldest' as 'dropNewest' }, /onOverflow must be 'disconnect' or 'dropNew/],
  ] as const) {
    assert.throws(() => new WebSocketServer({ noServer: true, ...options }), words);
  }
});

test('the table of limits says what the server has by default', () => {
  const page = new URL('../../../docs/reference/limits.md', import.meta.url);
  const ofServer = DEFAULT_LIMITS as unknown as Readonly<Record<string, number>>;
  const lines = readFileSync(page, 'utf8').split('\n');
  let count = 0;
  for (const line of lines.filter((one) => one.startsWith('| `'))) {
    const [, name = '', , , , value = ''] = line.split('|').map((cell) => cell.trim());
    if (value === '–') continue;
    count += 1;
    assert.equal(value, `\`${ofServer[name.replaceAll('`', '')]}\``, name);
  }
  assert.ok(count >= 9);
});
