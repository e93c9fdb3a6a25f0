/** Proves that a session delivers within the turn's budget of work, says when it is due, and gives that back whatever ends it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
  encodeUtf8,
  HeldTotal,
  MemoryMetrics,
  SILENT_LOG,
  TurnBudget,
} from '../foundation/index.js';
import { Message, Publication } from '../message/index.js';
import { ConnectionPair, VirtualTime } from '../testing/index.js';
import {
  ANONYMOUS,
  Batch,
  DEFAULT_SESSION_LIMITS,
  Grant,
  InputFlowBudget,
  Session,
  SessionRegistry,
  type Delivery,
  type DeliverySource,
} from './index.js';

class Turns extends TurnBudget {
  isOver = false;

  override get hasRoom(): boolean {
    return !this.isOver && super.hasRoom;
  }
}

function publication(headers: readonly (readonly [string, string])[] = []): Publication {
  const message = new Message(encodeUtf8('1'), 'application/json', headers);
  return new Publication(message, { destination: '/a', epoch: 'e', offset: 1, publishedAtMs: 0 });
}

function rig() {
  const time = new VirtualTime(1);
  const turns = new Turns(time);
  const metrics = new MemoryMetrics();
  const { connection } = new ConnectionPair(time, () => ({
    textReceived: () => {},
    binaryReceived: () => {},
    writable: () => {},
    closed: () => {},
  }));
  let writtenCount = 0;
  const environment = {
    clock: time,
    deadlines: new DeadlineWheel(time, 250),
    limits: DEFAULT_SESSION_LIMITS,
    metrics,
    registry: new SessionRegistry(),
    log: SILENT_LOG,
    turns,
    inputFlow: new InputFlowBudget(1e6, turns, metrics),
    outbound: new HeldTotal(Infinity),
  };
  const session = new Session(environment, 's', connection, ANONYMOUS, {
    writeDelivery: () => (writtenCount += 1),
    writeDisconnect: () => {},
  });
  let leftCount = 1;
  const source: DeliverySource = {
    pull: (): Delivery | undefined =>
      leftCount-- > 0 ? { kind: 'publications', batch: new Batch([publication()]) } : undefined,
    close: () => {},
  };
  const authority = { generation: 0, permits: () => true };
  const grant = new Grant(authority, ANONYMOUS, 'subscribe', { text: '/a', isExact: true });
  const subscription = session.reserve('/a', '/a', grant);
  subscription.attach(source);
  return { time, turns, session, subscription, writtenCount: () => writtenCount };
}

test('[B1] a session that has no room in a turn delivers in a later one, and is due until then', () => {
  const { time, turns, subscription, writtenCount } = rig();
  turns.isOver = true;
  subscription.start();
  subscription.ready();
  assert.deepEqual([writtenCount(), subscription.isDue, turns.pendingDeliveryCount], [0, true, 1]);
  turns.isOver = false;
  time.advance(0);
  assert.deepEqual([writtenCount(), subscription.isDue, turns.pendingDeliveryCount], [1, false, 0]);
});

test('a subscription or a session that ends is not due any more', () => {
  for (const end of ['subscription', 'session'] as const) {
    const { time, turns, session, subscription, writtenCount } = rig();
    turns.isOver = true;
    subscription.start();
    assert.equal(subscription.isDue, true);
    if (end === 'session') {
      session.end(1000);
      assert.equal(turns.pendingDeliveryCount, 0);
    } else session.release(subscription);
    assert.equal(subscription.isDue, false);
    turns.isOver = false;
    time.advance(0);
    assert.deepEqual([writtenCount(), turns.pendingDeliveryCount], [0, 0]);
  }
});

test('[B1] a delivery with large headers costs more of a turn than one without', () => {
  const large = new Batch([publication([['a', 'x'.repeat(10_000)]])]);
  assert.equal(new Batch([publication()]).units, 1);
  assert.ok(large.units >= 20, String(large.units));
});
