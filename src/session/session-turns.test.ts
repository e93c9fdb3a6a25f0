/** Proves that delivering has a budget of work: where a turn is over a session goes on in the next ones, and others come between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
  encodeUtf8,
  HeldTotal,
  MAX_SLICE_UNITS,
  MemoryMetrics,
  RequestError,
  SILENT_LOG,
  TurnBudget,
} from '../foundation/index.js';
import { Message, Publication, type MessageHeaders } from '../message/index.js';
import { ConnectionPair, VirtualTime } from '../testing/index.js';
import {
  Batch,
  DEFAULT_SESSION_LIMITS,
  Grant,
  InputFlowBudget,
  Session,
  SessionRegistry,
  SharedMessage,
  type Delivery,
  type DeliverySource,
  type SessionLimits,
  type Subscription,
} from './index.js';

/** Turns that a test runs by hand, and work that takes as long as it says. */
class Loop extends VirtualTime {
  #nowMs = 0;
  #due: (() => void)[] = [];

  override monotonicMs(): number {
    return this.#nowMs;
  }

  override afterTurn(callback: () => void): void {
    this.#due.push(callback);
  }

  work(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  get isIdle(): boolean {
    return this.#due.length === 0;
  }

  turn(): void {
    for (const callback of this.#due.splice(0)) callback();
  }
}

function batchOf(bodyBytes: number, headers: MessageHeaders = []): Batch {
  const message = new Message(new Uint8Array(bodyBytes), 'application/octet-stream', headers);
  const fields = { destination: '/a', epoch: 'e', offset: 1, publishedAtMs: 0 };
  return new Batch([new Publication(message, fields)]);
}

/** A source that has the same batch a number of times, and each pull of which takes so long. */
class Repeated implements DeliverySource {
  leftCount: number;
  readonly #pull: () => Delivery;

  constructor(count: number, pull: () => Delivery) {
    this.leftCount = count;
    this.#pull = pull;
  }

  pull(): Delivery | undefined {
    if (this.leftCount === 0) return undefined;
    this.leftCount -= 1;
    return this.#pull();
  }

  close(): void {}
}

function rig(limits: Partial<SessionLimits> = {}) {
  const time = new Loop();
  const turns = new TurnBudget(time);
  const metrics = new MemoryMetrics();
  const pair = new ConnectionPair(time, () => ({
    textReceived() {},
    binaryReceived() {},
    writable: () => session.connectionWritable(),
    closed: (closeCode) => session.end(closeCode),
  }));
  /** Names of the subscriptions that something was written for. */
  const written: string[] = [];
  const session = new Session(
    {
      clock: time,
      deadlines: new DeadlineWheel(time, 250),
      limits: { ...DEFAULT_SESSION_LIMITS, ...limits },
      metrics,
      registry: new SessionRegistry(),
      log: SILENT_LOG,
      turns,
      inputFlow: new InputFlowBudget(134_217_728, turns, metrics),
      outbound: new HeldTotal(Infinity),
    },
    'session-1',
    pair.connection,
    { name: 'ada', claims: {}, expiresAtMs: undefined },
    {
      writeDelivery: ({ name }, { kind }) => {
        written.push(kind === 'end' ? `${name} ended` : name);
        pair.connection.send(new SharedMessage(encodeUtf8(name), false));
      },
      writeDisconnect() {},
    },
  );
  const subscribe = (name: string, source: DeliverySource, grant?: Grant): Subscription => {
    const scope = { text: name, isExact: true };
    const ofServer = Grant.ofServer(session.principal, 'subscribe', scope);
    const subscription = session.reserve(name, name, grant ?? ofServer);
    subscription.attach(source);
    subscription.start();
    return subscription;
  };
  /** `count` deliveries of a batch, that each take so long. */
  const repeated = (count: number, batch: Batch = batchOf(1), durationMs = 0): Repeated =>
    new Repeated(count, () => {
      time.work(durationMs);
      return { kind: 'publications', batch };
    });
  return { time, turns, session, pair, written, subscribe, repeated };
}

test('[B1] what does not fit into a turn is delivered in the next ones, subscriptions in turns', () => {
  const { time, turns, pair, written, session, subscribe, repeated } = rig();
  pair.stopReading();
  session.connection.send(new SharedMessage(new Uint8Array(70_000), false));
  for (const name of ['/a', '/b']) subscribe(name, repeated(200, batchOf(1), 1));
  pair.readOn();
  for (let before = 0; written.length > before; time.turn()) {
    // The clock is looked at now and then.
    assert.ok(written.length - before <= 32, `${written.length - before} of 1 ms in one turn`);
    if (written.length < 400) assert.equal(turns.pendingDeliveryCount, 1);
    before = written.length;
  }
  while (!time.isIdle) time.turn();
  assert.equal(turns.pendingDeliveryCount, 0);
  assert.deepEqual(
    written,
    Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? '/a' : '/b')),
  );
});

test('[B1] nothing is delivered in a turn that has no room, not even the first that is ready', () => {
  const { time, turns, written, subscribe, repeated } = rig();
  const source = repeated(0);
  const subscription = subscribe('/a', source);
  turns.spend(1_024);
  assert.equal(turns.hasRoom, false);
  source.leftCount = 1;
  subscription.ready();
  assert.deepEqual(written, []);
  time.turn();
  time.turn();
  assert.deepEqual(written, ['/a']);
});

for (const [what, batch, mostAtOnce] of [
  ['small deliveries', batchOf(1), MAX_SLICE_UNITS / 2],
  ['large deliveries', batchOf(65_536), 4],
  ['deliveries with many headers', batchOf(1, [['h', 'x'.repeat(8_192)]]), 4],
] as const) {
  test(`[B1] while others wait, a session has a slice of a turn: ${what}`, () => {
    const { time, turns, written, subscribe, repeated } = rig();
    let writtenBefore: number | undefined;
    turns.later(() => (writtenBefore = written.length), 'prompt');
    subscribe('/a', repeated(200, batch));
    // The first goes ahead of the line.
    assert.ok(written.length <= mostAtOnce + 1, `${written.length} at once`);
    while (!time.isIdle) time.turn();
    assert.ok(writtenBefore !== undefined && writtenBefore <= mostAtOnce + 1);
    assert.equal(written.length, 200);
  });
}

test('[B1] one delivery may be as much as a turn has room for', () => {
  const { turns, subscribe, repeated } = rig();
  subscribe('/a', repeated(1));
  assert.equal(turns.hasRoom, true);
  subscribe('/b', repeated(1, batchOf(4_194_304)));
  assert.equal(turns.hasRoom, false);
});

test('[B1] streams do not wait for a session that has ended while it was to go on', () => {
  const { turns, time, session, subscribe, repeated } = rig();
  turns.spend(1_024);
  subscribe('/a', repeated(1));
  subscribe('/b', repeated(1));
  assert.equal(turns.pendingDeliveryCount, 1);
  session.end(1000);
  assert.deepEqual([turns.pendingDeliveryCount, turns.waitingCount], [0, 0]);
  while (!time.isIdle) time.turn();
  assert.equal(turns.pendingDeliveryCount, 0);
});

test('[B1] the end of a session is as much of a turn as it has subscriptions', () => {
  const { session, turns, subscribe, repeated } = rig({ maxSubscriptionCount: 3_000 });
  for (let index = 0; index < 2_500; index++) subscribe(`/${index}`, repeated(0));
  assert.equal(turns.hasRoom, true);
  session.end(1000);
  assert.equal(turns.hasRoom, false);
});

const EVERYTHING = { generation: 0, permits: () => true };
const granted = ({ principal }: Session, text: string): Grant =>
  new Grant(EVERYTHING, principal, 'subscribe', { text, isExact: true });

async function run(time: Loop, until: () => boolean): Promise<void> {
  while (!until()) {
    time.turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('[A3] a renewed token is asked about in slices, and before anything is delivered under the old one', async () => {
  const { session, time, written, subscribe, repeated } = rig({ maxSubscriptionCount: 1_000 });
  const sources = Array.from({ length: 1_000 }, (_, index) => {
    const source = repeated(0);
    const grant = granted(session, `/${index}`);
    return { source, subscription: subscribe(`/${index}`, source, grant) };
  });
  const decided: string[] = [];
  const again: string[] = [];
  const renewing = session.renew({ ...session.principal }, (name) => {
    decided.push(name);
    if (name === '/998') throw new RequestError('access/denied', 'no more');
    return granted(session, name);
  });
  assert.ok(decided.length > 0 && decided.length < 100, `${decided.length} in one slice`);
  for (const index of [998, 999]) {
    sources[index]!.source.leftCount = 1;
    sources[index]!.subscription.ready();
  }
  assert.deepEqual(decided.slice(-2), ['/998', '/999']);
  assert.deepEqual(written.slice(-2), ['/998 ended', '/999']);
  // A later token takes the place of this one.
  const later = session.renew({ ...session.principal }, (name) => {
    again.push(name);
    return granted(session, name);
  });
  const firstCount = decided.length;
  let isOver = false;
  void Promise.all([renewing, later]).then(() => (isOver = true));
  await run(time, () => isOver);
  assert.deepEqual([decided.length, again.length], [firstCount, 999]);
});

test('[A3] a session that ends while its token is renewed is asked about no more', async () => {
  const { session, time, subscribe, repeated } = rig({ maxSubscriptionCount: 1_000 });
  for (let index = 0; index < 1_000; index++) {
    subscribe(`/${index}`, repeated(0), granted(session, `/${index}`));
  }
  let count = 0;
  const renewing = session.renew({ ...session.principal }, (name) => {
    count += 1;
    return granted(session, name);
  });
  session.end(1000);
  const before = count;
  let isOver = false;
  void renewing.then(() => (isOver = true));
  await run(time, () => isOver);
  assert.equal(count, before);
});
