/** Proves the mount contract with a state mount of a test's own, alone and through a server on a real socket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from 'tideway';
import type { Mount, OpenedSubscription, SubscribeOperation } from 'tideway/mount';
import { ContractViolation, mountContract } from 'tideway/testing';
import {
  CounterMount,
  MAX_PENDING_CHANGE_COUNT,
  type CounterChange,
  type Counters,
} from './counter-mount.js';
import { NativePeer, type Frame } from './native-peer.js';

const prefix = '/counters';

for (const destination of ['/counters/fruit', '/counters/top/3']) {
  const contract = mountContract('state', () => ({
    mount: new CounterMount(),
    prefix,
    destination,
    sendDestination: '/counters/fruit/apple',
    body: (index) => index + 1,
    refusedDestination: '/counters/top/none',
    overflowSendCount: MAX_PENDING_CHANGE_COUNT + 1,
  }));
  for (const { name, run } of contract) test(`counters at ${destination}: ${name}`, run);
}

test('the mount contract finds a mount that breaks it', async () => {
  /** Forgets to say that there is more. */
  class Silent extends CounterMount {
    override subscribe(operation: SubscribeOperation): Promise<OpenedSubscription> {
      return super.subscribe(operation, { ready: () => {} });
    }
  }
  const broken: readonly (readonly [kind: Mount['kind'], mount: () => Mount])[] = [
    ['state', () => new Silent()],
    ['log', () => new CounterMount()],
    ['reply', () => new CounterMount()],
  ];
  for (const [kind, mount] of broken) {
    const contract = mountContract(kind, () => ({
      mount: mount(),
      prefix,
      destination: '/counters/a',
    }));
    const outcomes = await Promise.allSettled(contract.map(({ run }) => run()));
    const violations = outcomes.filter(
      (outcome) => outcome.status === 'rejected' && outcome.reason instanceof ContractViolation,
    );
    assert.ok(violations.length > 0, kind);
  }
});

/** What a client makes of the frames of one subscription, in their order. */
class Replica {
  state = new Map<string, number>();
  offset = -1;
  resets = 0;

  read(frames: readonly Frame[], destination: string): this {
    for (const frame of frames.filter((one) => one['destination'] === destination))
      this.#apply(frame);
    return this;
  }

  #apply(frame: Frame): void {
    if (frame.type === 'reset') {
      this.resets += 1;
      this.offset = -1;
    } else if (frame.type === 'snapshot') {
      assert.equal(this.offset, -1, 'a snapshot comes first or after a reset');
      this.state = new Map(Object.entries(frame['body'] as Counters));
      this.offset = frame['offset'] as number;
    } else if (frame.type === 'publication') {
      const { set, removed } = frame['body'] as CounterChange;
      assert.ok((frame['offset'] as number) > this.offset, 'revisions rise');
      this.offset = frame['offset'] as number;
      for (const [path, value] of Object.entries(set)) this.state.set(path, value);
      for (const path of removed) this.state.delete(path);
    }
  }

  get entries(): readonly (readonly [string, number])[] {
    return [...this.state].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

test('a state mount through a server: snapshot, changes, a limited query', async () => {
  const server = createServer();
  server.mount(prefix, new CounterMount());
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  const add = async (name: string, amount: number): Promise<number | undefined> =>
    (await server.publish(`/counters/${name}`, amount))?.offset;
  for (const [name, amount] of [
    ['fruit/apple', 3],
    ['fruit/pear', 1],
    ['nut', 2],
    ['leaf', 1],
  ] as const) {
    await add(name, amount);
  }
  peer.send({ type: 'subscribe', id: 1, destination: '/counters/fruit' });
  peer.send({ type: 'subscribe', id: 2, destination: '/counters/top/3' });
  const snapshot = await peer.frame('snapshot', { destination: '/counters/fruit' });
  assert.deepEqual(snapshot['body'], { '/fruit/apple': 3, '/fruit/pear': 1 });
  assert.deepEqual([snapshot['epoch'], snapshot['offset']], ['counters', 4]);
  const top = await peer.frame('snapshot', { destination: '/counters/top/3' });
  assert.deepEqual(top['body'], { '/fruit/apple': 3, '/nut': 2, '/fruit/pear': 1 });

  peer.send({ type: 'send', id: 3, destination: '/counters/leaf', body: 9 });
  assert.deepEqual(await peer.frame('receipt', { id: 3 }), {
    type: 'receipt',
    id: 3,
    epoch: 'counters',
    offset: 5,
  });
  const change = await peer.frame('publication', { destination: '/counters/top/3', offset: 5 });
  assert.deepEqual(change['body'], { set: { '/leaf': 10 }, removed: ['/fruit/pear'] });
  const last = await add('fruit/pear', 20);
  await peer.frame('publication', { destination: '/counters/top/3', offset: last });
  const replica = new Replica().read(peer.frames, '/counters/fruit');
  assert.deepEqual(replica.entries, [
    ['/fruit/apple', 3],
    ['/fruit/pear', 21],
  ]);
  assert.deepEqual(new Replica().read(peer.frames, '/counters/top/3').entries, [
    ['/fruit/apple', 3],
    ['/fruit/pear', 21],
    ['/leaf', 10],
  ]);

  peer.send({ type: 'subscribe', id: 4, destination: '/counters/top/100' });
  peer.send({ type: 'subscribe', id: 5, destination: '/counters/*' });
  peer.send({ type: 'send', id: 6, destination: '/counters/leaf', body: 'nine' });
  peer.send({ type: 'request', id: 7, destination: '/counters/leaf' });
  const codeOf = async (id: number) => (await peer.frame('error', { id }))['code'];
  assert.deepEqual(
    [await codeOf(4), await codeOf(5), await codeOf(6), await codeOf(7)],
    [
      'counters/bad-limit',
      'destination/pattern-not-allowed',
      'counters/not-a-number',
      'destination/unsupported-operation',
    ],
  );
  await peer.close();
  await server.close();
});

test('a state subscriber that falls behind gets a reset and a fresh snapshot, and ends up right', async () => {
  const mount = new CounterMount();
  const server = createServer({
    topics: { '/topic/fill': { liveRingBytes: 2 ** 26 } },
    limits: { maxMessageBytes: 2 ** 22, maxOutboundBytes: 2 ** 26 },
  });
  server.mount(prefix, mount);
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'subscribe', destination: '/counters/top/3' });
  peer.send({ type: 'subscribe', destination: '/topic/fill' });
  await peer.frame('snapshot');
  await peer.frame('subscribed', { destination: '/topic/fill' });
  peer.socket.pause();
  // More than the kernel takes for a peer that does not read.
  for (let round = 0; round < 8; round++) {
    await server.publish('/topic/fill', new Uint8Array(2 ** 21));
    await new Promise((resolve) => setImmediate(resolve));
  }
  let last: number | undefined;
  for (let index = 0; index < MAX_PENDING_CHANGE_COUNT * 4; index++) {
    last = (await server.publish(`/counters/${index % 5}`, index))?.offset;
  }
  peer.socket.resume();
  const fresh = await peer.frame('snapshot', { offset: last });
  const replica = new Replica().read(peer.frames, '/counters/top/3');
  assert.equal(replica.resets, 1);
  assert.deepEqual((await peer.frame('reset'))['reason'], 'overflow');
  assert.deepEqual(Object.fromEntries(replica.entries), fresh['body']);
  await peer.close();
  await server.close();
  assert.equal(mount.subscriberCount, 0);
});
