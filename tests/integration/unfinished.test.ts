/** Proves the sums over all connections of what has begun to come, and of what waits for slow readers: who came first makes room. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { createServer, MemoryMetrics, type ServerOptions, type TidewayServer } from 'tideway';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

const PART_BYTES = 100_000;
/** Two of three parts fit, with the room that they leave for more. */
const LIMITS = { maxTotalUnfinishedBytes: 300_000 };

async function serve(
  context: TestContext,
  options: ServerOptions,
): Promise<{ server: TidewayServer; metrics: MemoryMetrics }> {
  const metrics = new MemoryMetrics();
  const server = createServer({ log: false, metrics, ...options });
  server.app.map('/echo', ({ payload }) => payload);
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return { server, metrics };
}

const reachedCount = (metrics: MemoryMetrics, limit: string): number =>
  metrics.value('limit_reached', { limit });

const HEAD = '{"type":"send","id":1,"destination":"/topic/a","body":"';

/** Begins a message and waits until the server has what was sent of it. */
async function begin({ socket }: NativePeer): Promise<void> {
  socket.send(HEAD + 'x'.repeat(PART_BYTES), { fin: false });
  socket.ping();
  await once(socket, 'pong');
}

function finish({ socket }: NativePeer): void {
  socket.send('"}');
}

test('[B6] unfinished messages of all are bounded: the one that began first makes room, the others go on', async (t) => {
  const { server, metrics } = await serve(t, { limits: LIMITS });
  const [first, second, third] = [
    await NativePeer.open(server.url),
    await NativePeer.open(server.url),
    await NativePeer.open(server.url),
  ];
  await begin(first);
  await begin(second);
  await begin(third);
  assert.equal((await first.closed).closeCode, 1013);
  for (const peer of [second, third]) {
    finish(peer);
    await peer.frame('receipt');
  }
  assert.equal(reachedCount(metrics, 'maxTotalUnfinishedBytes'), 1);
});

test('[B6] what has ended counts no more, however it ended', async (t) => {
  const { server, metrics } = await serve(t, { limits: LIMITS });
  for (let round = 0; round < 4; round++) {
    const [finishing, leaving] = [
      await NativePeer.open(server.url),
      await NativePeer.open(server.url),
    ];
    await begin(finishing);
    await begin(leaving);
    finish(finishing);
    await finishing.frame('receipt');
    const disconnected = new Promise<void>((resolve) => {
      const withdraw = server.on('disconnect', () => {
        withdraw();
        resolve();
      });
    });
    leaving.socket.terminate();
    await disconnected;
    await finishing.close();
  }
  assert.equal(reachedCount(metrics, 'maxTotalUnfinishedBytes'), 0);
});

test('[B6] who has finished one message and begun the next is the last in the line', async (t) => {
  const { server } = await serve(t, { limits: LIMITS });
  const busy = await NativePeer.open(server.url);
  const stuck = await NativePeer.open(server.url);
  const next = await NativePeer.open(server.url);
  await begin(busy);
  await begin(stuck);
  // In one read with the end of the one before, so that its parser is never without a message.
  finish(busy);
  await begin(busy);
  await begin(next);
  assert.equal((await stuck.closed).closeCode, 1013);
  finish(busy);
  await busy.frame('receipt');
});

test('[B6] a STOMP frame that is spread over messages counts likewise, and is told why it ends', async (t) => {
  const { server, metrics } = await serve(t, { limits: LIMITS });
  const peers: StompPeer[] = [];
  for (let index = 0; index < 4; index++) {
    const peer = await StompPeer.open(server.url);
    peers.push(peer);
    peer.socket.send(`SEND\ndestination:/topic/a\nreceipt:1\n\n${'x'.repeat(PART_BYTES)}`);
    peer.socket.ping();
    await once(peer.socket, 'pong');
  }
  const [first, ...others] = peers as [StompPeer, ...StompPeer[]];
  assert.match((await first.frame('ERROR')).headers['message'] ?? '', /maxTotalUnfinishedBytes/);
  assert.deepEqual(await first.closed, { closeCode: 4014, reason: 'server/overloaded' });
  const last = others.at(-1)!;
  last.socket.send('\0');
  await last.frame('RECEIPT');
  assert.ok(reachedCount(metrics, 'maxTotalUnfinishedBytes') >= 1);
});

test('[B6] so does what waits while a token is checked', async (t) => {
  const { server } = await serve(t, {
    limits: LIMITS,
    authenticate: ({ token }) =>
      token === 'good'
        ? Promise.resolve({ name: 'ada', claims: {}, expiresAtMs: undefined })
        : new Promise(() => {}),
  });
  const strangers: NativePeer[] = [];
  for (let index = 0; index < 6; index++) {
    strangers.push(await NativePeer.open(server.url, { token: 'x'.repeat(60_000) }));
  }
  assert.deepEqual(await strangers[0]!.closed, { closeCode: 4014, reason: 'server/overloaded' });
  const peer = await NativePeer.open(server.url, { token: 'good' });
  await peer.frame('connected');
});

test('[B7] what waits for slow readers is bounded in sum: who has been slow for the longest ends', async (t) => {
  const { server, metrics } = await serve(t, {
    limits: { maxTotalOutboundBytes: 12_000_000, maxOutboundBytes: 16_000_000 },
  });
  const connected: string[] = [];
  server.on('connected', ({ sessionId }) => void connected.push(sessionId));
  const ended = new Promise<{ sessionId: string | undefined; code: string | undefined }>(
    (resolve) => {
      server.on('disconnect', ({ sessionId, code }) => resolve({ sessionId, code }));
    },
  );
  const body = 'x'.repeat(500_000);
  const askers: NativePeer[] = [];
  for (let index = 0; index < 3; index++) {
    const asker = await NativePeer.open(server.url);
    await asker.frame('connected');
    askers.push(asker);
    asker.socket.pause();
    for (let id = 0; id < 24; id++) {
      asker.send({ type: 'request', id, destination: '/app/echo', body });
    }
  }
  assert.deepEqual(await ended, { sessionId: connected[0], code: 'session/slow-consumer' });
  assert.equal(reachedCount(metrics, 'maxTotalOutboundBytes'), 1);
  const last = askers[2]!;
  last.socket.resume();
  await last.frame('reply', { id: 23 });
  for (const { socket } of askers) socket.terminate();
});
