/** Proves flow control inwards through real sockets: who has too much under way is not read, loses nothing, and ends when its link does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { createServer, MemoryMetrics, type ServerOptions, type TidewayServer } from 'tideway';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

interface Rig {
  readonly server: TidewayServer;
  readonly metrics: MemoryMetrics;
  /** Ids of the messages that the handler `/app/gated` has seen. */
  readonly seen: unknown[];
  /** Lets all of them end, those to come too. */
  readonly open: () => void;
}

async function rig(context: TestContext, limits: ServerOptions['limits']): Promise<Rig> {
  const metrics = new MemoryMetrics();
  const server = createServer({ log: false, metrics, limits: limits ?? {} });
  const seen: unknown[] = [];
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  server.app.map('/gated', { concurrency: 'parallel' }, async ({ body }) => {
    seen.push(body);
    await gate;
    return body;
  });
  await server.listen({ port: 0 });
  context.after(() => {
    open();
    return server.close();
  });
  return { server, metrics, seen, open: () => open() };
}

const OPERATION_COUNT = 40;

test('[B4] natively: beyond the operations that may be under way nothing is read, and everything is answered in the end', async (t) => {
  const { server, metrics, seen, open } = await rig(t, { maxOperationCount: 4 });
  const peer = await NativePeer.open(server.url);
  for (let id = 0; id < OPERATION_COUNT; id++) {
    peer.send({ type: 'request', id, destination: '/app/gated', body: id });
  }
  const other = await NativePeer.open(server.url);
  other.send({ type: 'send', id: 1, destination: '/topic/a' });
  await other.frame('receipt');
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.equal(metrics.value('limit_reached', { limit: 'maxOperationCount' }), 1);
  open();
  await peer.frame('reply', { id: OPERATION_COUNT - 1 });
  assert.deepEqual(
    seen,
    Array.from({ length: OPERATION_COUNT }, (_, id) => id),
  );
  assert.equal(peer.frames.filter(({ type }) => type === 'reply').length, OPERATION_COUNT);
});

test('[B4] over STOMP: so is a message of many frames, which stops in its middle', async (t) => {
  const { server, seen, open } = await rig(t, { maxOperationCount: 4 });
  const peer = await StompPeer.open(server.url);
  const frame = (id: number): string =>
    `SEND\ndestination:/app/gated\ncontent-type:application/json\nreceipt:${id}\n\n${id}\0`;
  const ids = Array.from({ length: OPERATION_COUNT }, (_, id) => id);
  peer.socket.send(ids.map(frame).join(''));
  peer.socket.send(frame(OPERATION_COUNT));
  const other = await NativePeer.open(server.url);
  other.send({ type: 'send', id: 1, destination: '/topic/a' });
  await other.frame('receipt');
  assert.deepEqual(seen, [0, 1, 2, 3]);
  open();
  await peer.frame('RECEIPT', { 'receipt-id': String(OPERATION_COUNT) });
  assert.deepEqual(seen, [...ids, OPERATION_COUNT]);
});

test('[B4] a client that is not read and whose link breaks is gone, though what it asked for hangs', async (t) => {
  const { server, seen } = await rig(t, { maxOperationCount: 4, heartbeatIntervalMs: 100, closeTimeoutMs: 200 });
  const peer = await NativePeer.open(server.url);
  const gone = new Promise<string>((resolve) =>
    server.on('disconnect', ({ reason }) => resolve(reason)),
  );
  for (let id = 0; id < OPERATION_COUNT; id++) {
    peer.send({ type: 'request', id, destination: '/app/gated', body: id });
  }
  const other = await NativePeer.open(server.url);
  other.send({ type: 'send', id: 1, destination: '/topic/a' });
  await other.frame('receipt');
  peer.socket.terminate();
  await once(peer.socket, 'close');
  assert.equal(await gone, 'lost');
  assert.equal(server.sessionCount, 1);
  assert.equal(seen.length, 4);
});

test('[B4] a server that closes ends a client that it does not read', async (t) => {
  const { server } = await rig(t, { maxOperationCount: 4, closeTimeoutMs: 1_000 });
  const peer = await NativePeer.open(server.url);
  for (let id = 0; id < OPERATION_COUNT; id++) {
    peer.send({ type: 'request', id, destination: '/app/gated', body: id });
  }
  const other = await NativePeer.open(server.url);
  other.send({ type: 'send', id: 1, destination: '/topic/a' });
  await other.frame('receipt');
  await server.close();
  assert.equal((await peer.closed).closeCode, 4000);
});
