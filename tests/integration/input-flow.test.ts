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
  const { server, seen } = await rig(t, {
    maxOperationCount: 4,
    heartbeatIntervalMs: 100,
    closeTimeoutMs: 200,
  });
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

test('[B2] what was sent before a polite end is handled before that end is told, in both dialects', async (t) => {
  const { server } = await rig(t, {});
  const reader = await NativePeer.open(server.url);
  reader.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await reader.frame('subscribed');
  const count = 2_000;
  const stomp = await StompPeer.open(server.url);
  stomp.socket.send('SEND\ndestination:/topic/a\n\n1\0'.repeat(count));
  stomp.socket.close();
  await reader.frame('publication', { offset: count });
  const native = await NativePeer.open(server.url);
  for (let index = 0; index < count; index++) {
    native.send({ type: 'send', destination: '/topic/a', body: 1 });
  }
  native.socket.close();
  await reader.frame('publication', { offset: 2 * count });
});

test('[B2] [E4] a COMMIT of many frames is whole before the next frame of its session', async (t) => {
  const { server } = await rig(t, {});
  const reader = await NativePeer.open(server.url);
  reader.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await reader.frame('subscribed');
  const peer = await StompPeer.open(server.url);
  const ids = Array.from({ length: 500 }, (_, id) => id);
  const frame = (body: number, more: string): string =>
    `SEND\ndestination:/topic/a\ncontent-type:application/json\n${more}\n${body}\0`;
  const kept = ids.map((id) => frame(id, 'transaction:t\n')).join('');
  peer.socket.send(`BEGIN\ntransaction:t\n\n\0${kept}COMMIT\ntransaction:t\n\n\0${frame(500, '')}`);
  await reader.frame('publication', { offset: 501 });
  const bodies = reader.frames.filter(({ type }) => type === 'publication').map(({ body }) => body);
  assert.deepEqual(bodies, [...ids, 500]);
});

test('[B4] what a transaction keeps does not keep its COMMIT from being read', async (t) => {
  const { server } = await rig(t, { maxWaitingBytes: 100_000, maxTransactionBytes: 100_000 });
  const peer = await StompPeer.open(server.url);
  const body = 'x'.repeat(30_000);
  peer.say('BEGIN', { transaction: 't' });
  for (let index = 0; index < 3; index++) {
    peer.say('SEND', { destination: '/topic/a', transaction: 't' }, body);
  }
  peer.say('SEND', { destination: '/topic/a' }, body);
  peer.say('COMMIT', { transaction: 't', receipt: 'done' });
  await peer.frame('RECEIPT', { 'receipt-id': 'done' });
});

test('[B4] transactions have a sum in shares: who finds no room in it is told to come back, and all of it comes back', async (t) => {
  const { server } = await rig(t, { maxTotalWaitingBytes: 100_000 });
  const keep = (peer: StompPeer, count: number): void => {
    peer.say('BEGIN', { transaction: 't' });
    for (let index = 0; index < count; index++) {
      peer.say('SEND', { destination: '/topic/a', transaction: 't' }, 'x'.repeat(9_000));
    }
    peer.say('BEGIN', { transaction: 'last', receipt: 'kept' });
  };
  const greedy = await StompPeer.open(server.url);
  keep(greedy, 5);
  await greedy.frame('RECEIPT', { 'receipt-id': 'kept' });
  const modest = await StompPeer.open(server.url);
  keep(modest, 2);
  await modest.frame('RECEIPT', { 'receipt-id': 'kept' });
  const late = await StompPeer.open(server.url);
  keep(late, 4);
  assert.equal((await late.frame('ERROR')).headers['tideway-code'], 'server/busy');
  const { closeCode } = await late.closed;
  assert.ok(closeCode >= 4000 && closeCode < 4500, `${closeCode} says to come back`);
  // By its end, and by a COMMIT.
  const ended = new Promise((resolve) => server.on('disconnect', resolve));
  greedy.close();
  await ended;
  modest.say('COMMIT', { transaction: 't', receipt: 'done' });
  await modest.frame('RECEIPT', { 'receipt-id': 'done' });
  for (let round = 0; round < 3; round++) {
    const again = await StompPeer.open(server.url);
    keep(again, 5);
    await again.frame('RECEIPT', { 'receipt-id': 'kept' });
    again.say('COMMIT', { transaction: 't', receipt: 'done' });
    await again.frame('RECEIPT', { 'receipt-id': 'done' });
  }
});

test('a session that ends is delivered nothing for the room that its windows give back', async (t) => {
  const { server } = await rig(t, { maxTotalUnacknowledgedCount: 2 });
  const peer = await StompPeer.open(server.url);
  for (const id of ['a', 'b']) {
    peer.say('SUBSCRIBE', {
      destination: `/work/${id}`,
      id,
      ack: 'client-individual',
      receipt: id,
    });
    await peer.frame('RECEIPT', { 'receipt-id': id });
  }
  for (const id of ['a', 'b']) {
    for (let index = 0; index < 4; index++) await server.publish(`/work/${id}`, index);
  }
  peer.say('SEND', { destination: '/topic/x', receipt: 'settled' });
  await peer.frame('RECEIPT', { 'receipt-id': 'settled' });
  const before = peer.frames.length;
  peer.say('DISCONNECT', { receipt: 'bye' });
  await peer.closed;
  assert.deepEqual(
    peer.frames.slice(before).map(({ command }) => command),
    ['RECEIPT'],
  );
});
