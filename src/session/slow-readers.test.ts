/** Proves what counts for sessions that read slowly: from which delivery on, and once for what many were given (semantics B7). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
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
  SharedBatch,
  SharedMessage,
  type DeliverySource,
  type GrantAuthority,
  type SessionLimits,
} from './index.js';

const LARGE_BYTES = 100_000;
const RULES: GrantAuthority = {
  generation: 0,
  permits: () => true,
  decisionsFor: () => new Map(),
};

function batchOf(byteLength: number): Batch {
  const message = new Message(new Uint8Array(byteLength), 'application/octet-stream');
  const place = { destination: '/topic/a', epoch: 'e', offset: 1, publishedAtMs: 0 };
  return new Batch([new Publication(message, place)]);
}

/** Has these batches, one after another; `tell` says that there is one. */
class Batches implements DeliverySource {
  readonly #batches: Batch[] = [];

  add(batch: Batch): void {
    this.#batches.push(batch);
  }

  pull(): ReturnType<DeliverySource['pull']> {
    const batch = this.#batches.shift();
    return batch && { kind: 'publications', batch, isLast: this.#batches.length === 0 };
  }

  close(): void {}
}

/** Sessions whose clients read nothing; `variant` says how the deliveries of one are written. */
function rig(maxTotalBytes: number = Infinity, limits: Partial<SessionLimits> = {}) {
  const time = new VirtualTime(0);
  const [metrics, registry, turns] = [
    new MemoryMetrics(),
    new SessionRegistry(),
    new TurnBudget(time),
  ];
  const outbound = new HeldTotal(maxTotalBytes);
  const environment = {
    clock: time,
    deadlines: new DeadlineWheel(time, 250),
    limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
    metrics,
    registry,
    log: SILENT_LOG,
    turns,
    inputFlow: new InputFlowBudget(134_217_728, turns, metrics),
    outbound,
  };
  let count = 0;
  const reader = (variant: string) => {
    const pair = new ConnectionPair(time, () => ({
      textReceived: () => {},
      binaryReceived: () => {},
      writable: () => session.connectionWritable(),
      closed: (closeCode) => session.end(closeCode),
    }));
    const { connection } = pair;
    const session = new Session(environment, `session-${++count}`, connection, ANONYMOUS, {
      writeDelivery: (_, delivery) => {
        if (delivery.kind !== 'publications') return;
        const encode = ({ publications }: Batch): SharedBatch =>
          new SharedBatch(publications.map(({ body }) => new SharedMessage(body, true)));
        const { batch } = delivery;
        connection.sendBatch(variant === '' ? encode(batch) : batch.encodedAs(variant, encode));
      },
      writeDisconnect: ({ closeCode, code }) => connection.close(closeCode, code),
    });
    const source = new Batches();
    const grant = new Grant(RULES, ANONYMOUS, 'subscribe', { text: '/topic/a', isExact: true });
    const subscription = session.reserve('/topic/a', '/topic/a', grant);
    subscription.attach(source);
    subscription.start();
    const give = (batch: Batch): void => {
      source.add(batch);
      subscription.ready();
    };
    pair.stopReading();
    return { session, pair, give };
  };
  return { reader, outbound, metrics };
}

test('[B7] the delivery that makes a reader slow counts, though nothing comes after it', () => {
  const { reader, outbound } = rig();
  const slow = reader('a');
  slow.give(batchOf(LARGE_BYTES));
  assert.equal(outbound.bytes, LARGE_BYTES);
  slow.pair.readOn();
  assert.equal(outbound.bytes, 0);
});

test('[B7] readers with an encoding each are bounded in sum by one delivery', () => {
  const { reader, outbound, metrics } = rig(3 * LARGE_BYTES);
  const readers = ['a', 'b', 'c', 'd', 'e'].map(reader);
  const batch = batchOf(LARGE_BYTES);
  for (const { give } of readers) give(batch);
  assert.equal(outbound.bytes, 3 * LARGE_BYTES);
  assert.equal(metrics.value('limit_reached', { limit: 'maxTotalOutboundBytes' }), 2);
  assert.deepEqual(
    readers.map(({ session }) => session.isEnded),
    [true, true, false, false, false],
  );
});

test('[B7] octets that a crowd was given alike end nobody of it', () => {
  const { reader, outbound } = rig(10 * LARGE_BYTES);
  const readers = Array.from({ length: 200 }, () => reader('one'));
  const [first, second] = [batchOf(LARGE_BYTES), batchOf(LARGE_BYTES)];
  for (const { give } of readers) give(first);
  const waiting = outbound.bytes;
  assert.ok(waiting >= LARGE_BYTES && waiting < 6 * LARGE_BYTES, String(waiting));
  // The next one finds them full, and counts the same once more.
  for (const { give } of readers) give(second);
  assert.equal(outbound.bytes, waiting);
  assert.ok(readers.every(({ session }) => !session.isEnded));
  for (const { pair } of readers) pair.readOn();
  assert.equal(outbound.bytes, 0);
});

test('[B7] what was written for one alone counts whole, whoever shared the batch before', () => {
  const { reader, outbound } = rig();
  const batch = batchOf(LARGE_BYTES);
  for (const variant of ['one', 'one', 'one', '']) reader(variant).give(batch);
  assert.equal(outbound.bytes, Math.ceil(LARGE_BYTES * (1 + 1 / 2 + 1 / 3)) + LARGE_BYTES);
});

test('[B7] a reply to who waits for shared octets counts whole', () => {
  const { reader, outbound } = rig();
  const batch = batchOf(LARGE_BYTES);
  reader('one').give(batch);
  const second = reader('one');
  second.give(batch);
  second.session.connection.send(new SharedMessage(new Uint8Array(7_000), true));
  second.session.checkOutbound();
  assert.equal(outbound.bytes, LARGE_BYTES + LARGE_BYTES / 2 + 7_000);
});

test('[B7] only what is large on the wire is looked at: ten small publications are not, one of 16 KiB is, and many small ones are', () => {
  const small = batchOf(64).publications;
  const many = (count: number): Batch => new Batch(Array.from({ length: count }, () => small[0]!));
  assert.deepEqual(
    [many(10), batchOf(16_384), many(100)].map(({ isLarge }) => isLarge),
    [false, true, true],
  );
});
