/** Proves the session: fair pulling, grants at every delivery, ends of tokens, limits, one end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
  HeldTotal,
  Disconnect,
  encodeUtf8,
  MemoryMetrics,
  SILENT_LOG,
  TurnBudget,
  RequestError,
} from '../foundation/index.js';
import { Message, Publication } from '../message/index.js';
import { ConnectionPair, VirtualTime } from '../testing/index.js';
import {
  Batch,
  DEFAULT_SESSION_LIMITS,
  InputFlowBudget,
  Grant,
  Session,
  SessionRegistry,
  SharedBatch,
  SharedMessage,
  type Connection,
  type Delivery,
  type DeliverySource,
  type GrantAuthority,
  type Principal,
  type SessionLimits,
  type Subscription,
} from './index.js';

const ADA: Principal = { name: 'ada', claims: {}, expiresAtMs: undefined };

/** A source of numbered publications. */
class Numbers implements DeliverySource {
  left: number;
  pulls = 0;
  closes = 0;
  readonly #destination: string;
  #next = 1;

  constructor(destination: string, count: number) {
    this.#destination = destination;
    this.left = count;
  }

  pull(): Delivery | undefined {
    this.pulls += 1;
    if (this.left === 0) return undefined;
    this.left -= 1;
    const fields = { destination: this.#destination, epoch: 'e', offset: this.#next++ };
    const message = new Message(encodeUtf8('1'), 'application/json');
    const publication = new Publication(message, { ...fields, publishedAtMs: 0 });
    return { kind: 'publications', batch: new Batch([publication]) };
  }

  close(): void {
    this.closes += 1;
  }
}

class Rules implements GrantAuthority {
  generation = 0;
  denied = new Set<string>();
  asked: string[] = [];
  readonly decisions = new Map<string, boolean>();

  decisionsFor(): Map<string, boolean> {
    return this.decisions;
  }

  permits(_principal: Principal, _operation: string, scope: string): boolean {
    this.asked.push(scope);
    return !this.denied.has(scope);
  }

  deny(scope: string): void {
    this.denied.add(scope);
    this.decisions.clear();
    this.generation += 1;
  }
}

interface Rig {
  readonly time: VirtualTime;
  readonly rules: Rules;
  readonly metrics: MemoryMetrics;
  readonly registry: SessionRegistry;
  readonly pair: ConnectionPair;
  readonly session: Session;
  /** What was written, in words. */
  readonly written: string[];
  readonly subscribe: (name: string, source: DeliverySource) => Subscription;
  readonly grant: (name: string) => Grant;
  readonly outbound: HeldTotal;
}

const START_MS = 1_700_000_000_000;

function rig(
  given: { principal?: Principal; limits?: Partial<SessionLimits>; publicationBytes?: number } = {},
): Rig {
  const time = new VirtualTime(START_MS);
  const [rules, metrics, registry] = [new Rules(), new MemoryMetrics(), new SessionRegistry()];
  const written: string[] = [];
  const pair = new ConnectionPair(time, () => ({
    textReceived: () => {},
    binaryReceived: () => {},
    writable: () => session.connectionWritable(),
    closed: (closeCode) => session.end(closeCode),
  }));
  const { connection } = pair;
  const octets = new Uint8Array(given.publicationBytes ?? 10);
  const write = (words: string): void => {
    written.push(words);
    connection.send(new SharedMessage(octets, false));
  };
  const turns = new TurnBudget(time);
  const outbound = new HeldTotal(Infinity);
  const session = new Session(
    {
      clock: time,
      deadlines: new DeadlineWheel(time, 250),
      limits: { ...DEFAULT_SESSION_LIMITS, ...given.limits },
      metrics,
      registry,
      log: SILENT_LOG,
      turns,
      inputFlow: new InputFlowBudget(134_217_728, turns, metrics),
      outbound,
    },
    'session-1',
    connection,
    given.principal ?? ADA,
    {
      writeDelivery: (subscription, delivery) => write(wordsOf(subscription, delivery)),
      writeDisconnect: (error) => {
        write(`disconnect ${error.code}`);
        session.checkOutbound();
        connection.close(error.closeCode, error.code);
      },
    },
  );
  const grant = (name: string): Grant =>
    new Grant(rules, session.principal, 'subscribe', { text: name, isExact: !name.includes('*') });
  const subscribe = (name: string, source: DeliverySource): Subscription => {
    const subscription = session.reserve(name, name, grant(name));
    subscription.attach(source);
    subscription.start();
    return subscription;
  };
  return { time, rules, metrics, registry, pair, session, written, subscribe, grant, outbound };
}

function wordsOf(subscription: Subscription, delivery: Delivery): string {
  if (delivery.kind === 'publications') {
    const places = delivery.batch.publications.map((one) => `${one.destination}:${one.offset}`);
    return `${subscription.name} ${places.join(' ')}`;
  }
  if (delivery.kind !== 'end') return `${subscription.name} ${delivery.kind}`;
  return `${subscription.name} end ${delivery.error?.code ?? ''}`.trimEnd();
}

const hasCode = (code: string) => (error: unknown) =>
  error instanceof RequestError && error.code === code;

test('what waits for a slow reader counts while it waits, and no longer', () => {
  const { session, pair, outbound, subscribe, time } = rig({ limits: { maxBufferedBytes: 1_000 } });
  pair.stopReading();
  session.connection.send(new SharedMessage(new Uint8Array(1_500), false));
  subscribe('/a', new Numbers('/a', 1));
  assert.equal(outbound.bytes, 1_500);
  pair.readOn();
  assert.equal(outbound.bytes, 0);
  pair.stopReading();
  session.connection.send(new SharedMessage(new Uint8Array(1_500), false));
  session.checkOutbound();
  assert.equal(outbound.bytes, 1_500);
  pair.cut();
  time.advance(0);
  assert.equal(outbound.bytes, 0);
});

test('subscriptions with much to give are pulled in turns', () => {
  const { subscribe, written, pair, session } = rig();
  pair.stopReading();
  // Nothing may leave while the others are being made.
  session.connection.send(new SharedMessage(new Uint8Array(70_000), false));
  for (const name of ['/a', '/b', '/c']) subscribe(name, new Numbers(name, 3));
  assert.deepEqual(written, []);
  pair.readOn();
  assert.deepEqual(written, [
    '/a /a:1',
    '/b /b:1',
    '/c /c:1',
    '/a /a:2',
    '/b /b:2',
    '/c /c:2',
    '/a /a:3',
    '/b /b:3',
    '/c /c:3',
  ]);
});

test('nothing is pulled while a connection cannot take more, and all of it afterwards', () => {
  const { subscribe, written, pair } = rig({
    publicationBytes: 1_000,
    limits: { maxBufferedBytes: 3_000 },
  });
  pair.stopReading();
  const source = new Numbers('/a', 10);
  subscribe('/a', source);
  assert.equal(written.length, 3);
  assert.equal(source.left, 7);
  pair.readOn();
  assert.equal(written.length, 10);
});

test('[S4] nothing flows before a subscription is started', () => {
  const { session, written, grant } = rig();
  const subscription = session.reserve('/a', '/a', grant('/a'));
  subscription.attach(new Numbers('/a', 1));
  subscription.ready();
  assert.deepEqual(written, []);
  subscription.start();
  assert.deepEqual(written, ['/a /a:1']);
});

test('[A3] a rule that comes after subscribing ends an exact subscription before its next delivery', () => {
  const { subscribe, rules, written, metrics, session } = rig();
  const source = new Numbers('/a', 1);
  const subscription = subscribe('/a', source);
  rules.deny('/a');
  source.left = 1;
  subscription.ready();
  assert.deepEqual(written, ['/a /a:1', '/a end access/denied']);
  assert.equal(session.subscriptionCount, 0);
  assert.equal(source.closes, 1);
  assert.equal(metrics.value('access_refused', { operation: 'delivery' }), 1);
});

test('[A3] [D3] each destination of a pattern is decided, once for each generation', () => {
  const { session, rules, written, grant } = rig();
  let next: readonly string[] = [];
  const publication = (destination: string): Publication =>
    new Publication(Message.fromJson(1), { destination, epoch: 'e', offset: 1, publishedAtMs: 0 });
  const source: DeliverySource = {
    pull: () => {
      const destinations = next;
      next = [];
      if (destinations.length === 0) return undefined;
      return { kind: 'publications', batch: new Batch(destinations.map(publication)) };
    },
    close: () => {},
  };
  const subscription = session.reserve('/t/*', '/t/*', grant('/t/*'));
  subscription.attach(source);
  subscription.start();
  const give = (...destinations: string[]): void => {
    next = destinations;
    subscription.ready();
  };
  rules.denied.add('/t/secret');
  give('/t/a', '/t/secret', '/t/b');
  give('/t/secret');
  give('/t/a');
  assert.deepEqual(written, ['/t/* /t/a:1 /t/b:1', '/t/* /t/a:1']);
  assert.deepEqual(rules.asked, ['/t/a', '/t/secret', '/t/b']);
  rules.deny('/t/a');
  give('/t/a', '/t/b');
  assert.equal(written.at(-1), '/t/* /t/b:1');
  rules.deny('/t/*');
  give('/t/b');
  assert.equal(written.at(-1), '/t/* end access/denied');
});

test('[A3] a token that ends disconnects by its deadline, with nothing delivered after it', () => {
  const { time, subscribe, written, pair, session } = rig({
    principal: { ...ADA, expiresAtMs: START_MS + 10_000 },
  });
  const source = new Numbers('/a', 0);
  const subscription = subscribe('/a', source);
  time.advance(9_999);
  source.left = 1;
  subscription.ready();
  assert.deepEqual(written, ['/a /a:1']);
  assert.ok(!session.isEnded);
  time.advance(251);
  assert.deepEqual(written, ['/a /a:1', 'disconnect session/token-expired']);
  assert.deepEqual(pair.ended, { closeCode: 4002, reason: 'session/token-expired' });
});

test('[A3] a delivery in the moment after the end of a token disconnects instead, before the deadline', () => {
  const { time, subscribe, written } = rig({
    principal: { ...ADA, expiresAtMs: START_MS + 10_000 },
  });
  const source = new Numbers('/a', 0);
  const subscription = subscribe('/a', source);
  time.setNowMs(START_MS + 10_000);
  source.left = 1;
  subscription.ready();
  assert.deepEqual(written, ['disconnect session/token-expired']);
  assert.equal(source.pulls, 1, 'it was not pulled again');
});

test('[A3] a wall clock that was set back does not end a token early', () => {
  const { time, session } = rig({ principal: { ...ADA, expiresAtMs: START_MS + 10_000 } });
  time.setNowMs(START_MS - 60_000);
  time.advance(30_000);
  assert.ok(!session.isEnded);
  time.advance(40_500);
  assert.ok(session.isEnded);
});

test('[A3] a renewed token lives as long as it says, and ends what it does not allow', () => {
  const { time, subscribe, written, session, grant } = rig({
    principal: { ...ADA, expiresAtMs: START_MS + 1_000 },
  });
  const kept = new Numbers('/kept', 0);
  const subscription = subscribe('/kept', kept);
  subscribe('/lost', new Numbers('/lost', 0));
  void session.renew({ ...ADA, expiresAtMs: START_MS + 60_000 }, (name) => {
    if (name === '/lost') throw new RequestError('access/denied', 'no more');
    return grant(name);
  });
  assert.deepEqual(written, ['/lost end access/denied']);
  time.advance(50_000);
  kept.left = 1;
  subscription.ready();
  assert.equal(written.at(-1), '/kept /kept:1');
  time.advance(10_500);
  assert.equal(written.at(-1), 'disconnect session/token-expired');
});

test('a rule that fails while a token is renewed ends that subscription, and the others get their grants', () => {
  const { time, subscribe, written, session, grant } = rig({
    principal: { ...ADA, expiresAtMs: START_MS + 1_000 },
  });
  subscribe('/broken', new Numbers('/broken', 0));
  const kept = new Numbers('/kept', 0);
  const subscription = subscribe('/kept', kept);
  void session.renew({ ...ADA, expiresAtMs: START_MS + 60_000 }, (name) => {
    if (name === '/broken') throw new TypeError('a condition of the application');
    return grant(name);
  });
  assert.deepEqual(written, ['/broken end server/failed']);
  time.advance(50_000);
  kept.left = 1;
  subscription.ready();
  assert.equal(written.at(-1), '/kept /kept:1');
});

test('a token that is renewed after the end leaves no deadline behind', () => {
  const { time, session } = rig();
  session.end(1006);
  void session.renew({ ...ADA, expiresAtMs: START_MS + 1e12 }, () =>
    assert.fail('nothing to regrant'),
  );
  assert.equal(time.pendingTimerCount, 0);
});

test('a session that has ended leaves no deadline behind, and is read on to see how its connection ends', () => {
  const { time, session, pair } = rig({
    principal: { ...ADA, expiresAtMs: START_MS + 1e9 },
    limits: { maxOperationCount: 1 },
  });
  session.flow.begin(1);
  assert.ok(session.flow.isPaused);
  session.end(1000);
  assert.ok(!session.flow.isPaused);
  pair.close();
  time.advance(250);
  assert.equal(time.pendingTimerCount, 0);
});

test('a subscription that was released while it waited for room is not looked at any more', () => {
  const { session, subscribe, rules, metrics, pair } = rig();
  pair.stopReading();
  session.connection.send(new SharedMessage(new Uint8Array(70_000), false));
  const source = new Numbers('/a', 1);
  session.release(subscribe('/a', source));
  rules.deny('/a');
  pair.readOn();
  assert.equal(metrics.value('access_refused', { operation: 'delivery' }), 0);
  assert.equal(source.pulls, 0);
});

test('[M2] a session gets what is for it or for everyone, exact and by pattern, and a batch that is all for it as it is', () => {
  const { session, subscribe, written } = rig();
  const fields = { destination: '/topic/a', epoch: 'e', publishedAtMs: 0 };
  const own = session.sessionId;
  const audiences = [
    undefined,
    { onlySessionId: own },
    { onlySessionId: 'another' },
    { exceptSessionId: own },
    { exceptSessionId: 'another' },
    { onlySessionId: own, exceptSessionId: own },
  ];
  const publications = audiences.map((audience, index) => {
    const message = new Message(encodeUtf8('1'), 'application/json');
    return new Publication(message, { ...fields, offset: index + 1, audience });
  });
  const once = (batch: Batch): DeliverySource => {
    let next: Delivery | undefined = { kind: 'publications', batch };
    return { pull: () => [next, (next = undefined)][0], close: () => {} };
  };
  subscribe('/topic/a', once(new Batch(publications)));
  subscribe('/topic/*', once(new Batch(publications)));
  subscribe('/topic/b', once(new Batch(publications.slice(2, 4))));
  assert.deepEqual(written, [
    '/topic/a /topic/a:1 /topic/a:2 /topic/a:5',
    '/topic/* /topic/a:1 /topic/a:2 /topic/a:5',
  ]);
});

test('one more subscription than the limit is refused and counted; a released one makes room', () => {
  const { session, subscribe, grant, metrics } = rig({ limits: { maxSubscriptionCount: 2 } });
  const first = subscribe('/a', new Numbers('/a', 0));
  subscribe('/b', new Numbers('/b', 0));
  assert.throws(() => session.reserve('/a', '/a', grant('/a')), hasCode('subscription/exists'));
  assert.throws(() => session.reserve('/c', '/c', grant('/c')), hasCode('subscription/too-many'));
  assert.equal(metrics.value('limit_reached', { limit: 'maxSubscriptionCount' }), 1);
  session.release(first);
  assert.ok(session.reserve('/c', '/c', grant('/c')));
});

test('a client gets the window that it asks for up to the limit, and the limit where it asks for none', () => {
  const { session, metrics } = rig({ limits: { maxUnacknowledgedCount: 5 } });
  const reached = () => metrics.value('limit_reached', { limit: 'maxUnacknowledgedCount' });
  assert.deepEqual([session.windowCountOf(3), session.windowCountOf(5)], [3, 5]);
  assert.deepEqual([session.windowCountOf(undefined), reached()], [5, 0]);
  assert.deepEqual([session.windowCountOf(6), session.windowCountOf(0), reached()], [5, 1, 1]);
});

test('a subscription that was released while its source was opened closes that source', () => {
  const { session, grant } = rig();
  const subscription = session.reserve('/a', '/a', grant('/a'));
  session.release(subscription);
  const source = new Numbers('/a', 1);
  subscription.attach(source);
  subscription.start();
  assert.deepEqual([source.closes, source.pulls], [1, 0]);
});

test('[R4] the end is observed once, whatever ends it', () => {
  const { session, subscribe, registry, metrics, pair, time, written } = rig();
  const source = new Numbers('/a', 0);
  subscribe('/a', source);
  let endCount = 0;
  session.ended.onCancelled(() => (endCount += 1));
  assert.equal(registry.count, 1);
  session.disconnect(new Disconnect('server/shutdown', 'bye'));
  session.disconnect(new Disconnect('server/shutdown', 'again'));
  session.end(1006);
  pair.cut();
  time.advance(0);
  assert.equal(endCount, 1);
  assert.equal(registry.count, 0);
  assert.equal(source.closes, 1);
  assert.equal(metrics.value('sessions_ended'), 1);
  assert.deepEqual(written, ['disconnect server/shutdown']);
});

test('too many octets waiting end the session once, as a slow consumer', () => {
  const { session, pair, written, metrics } = rig({ limits: { maxOutboundBytes: 1_000 } });
  pair.stopReading();
  session.connection.send(new SharedMessage(new Uint8Array(1_000), false));
  session.checkOutbound();
  assert.ok(!session.isEnded);
  session.connection.send(new SharedMessage(new Uint8Array(1), false));
  session.checkOutbound();
  assert.deepEqual(written, ['disconnect session/slow-consumer']);
  assert.equal(pair.ended?.closeCode, 4001);
  assert.equal(metrics.value('limit_reached', { limit: 'maxOutboundBytes' }), 1);
});

test('a source that ends its subscription with an error ends that alone, with a Disconnect all', () => {
  const { subscribe, written, session } = rig();
  const ending = (delivery: Delivery): DeliverySource => ({
    pull: () => delivery,
    close: () => {},
  });
  subscribe('/a', ending({ kind: 'end' }));
  subscribe('/b', ending({ kind: 'end', error: new RequestError('app/failed', 'no') }));
  assert.deepEqual(written, ['/a end', '/b end app/failed']);
  assert.equal(session.subscriptionCount, 0);
  const error = new Disconnect('session/slow-consumer', 'slow');
  subscribe('/c', ending({ kind: 'end', error }));
  assert.equal(written.at(-1), 'disconnect session/slow-consumer');
  assert.ok(session.isEnded);
});

test('a batch is encoded once for each variant', () => {
  const batch = new Batch([]);
  const made: string[] = [];
  const encode = (variant: string) =>
    batch.encodedAs(variant, () => {
      made.push(variant);
      return new SharedBatch([new SharedMessage(new Uint8Array(100), false)]);
    });
  assert.equal(encode('native'), encode('native'));
  assert.equal(encode('stomp'), encode('stomp'));
  assert.notEqual(encode('native'), encode('stomp'));
  assert.equal(encode('native'), encode('native'));
  assert.deepEqual(made, ['native', 'stomp']);
});

test('what the encodings of a batch cost is told to its keeper, and they can be let go of', () => {
  let keptBytes = 0;
  const keeper = { batchGrew: (_: Batch, bytes: number) => (keptBytes += bytes) };
  const batch = new Batch([], keeper);
  const encode = (variant: string, size: number): SharedBatch =>
    batch.encodedAs(
      variant,
      () => new SharedBatch([new SharedMessage(new Uint8Array(size), false)]),
    );
  const first = encode('native', 1_000);
  assert.equal(keptBytes, first.retainedBytes);
  assert.ok(keptBytes > 2_000, 'a transport makes a form of its own of it');
  encode('native', 1_000);
  assert.equal(keptBytes, first.retainedBytes);
  encode('stomp', 500);
  const tooLarge = encode('huge', 4_000_000);
  assert.notEqual(encode('huge', 4_000_000), tooLarge, 'more than is kept');
  assert.equal(batch.encodedBytes, keptBytes);
  assert.equal(batch.forgetEncodings(), keptBytes);
  assert.equal(batch.encodedBytes, 0);
  assert.notEqual(encode('native', 1_000), first);
});

test('beside the first, a batch keeps a bounded number of variants and octets, and again after they were let go of', () => {
  const encodeAll = (batch: Batch, count: number, size: number): void => {
    for (let index = 0; index < count; index++) {
      const encoding = new SharedBatch([new SharedMessage(new Uint8Array(size), false)]);
      batch.encodedAs(`variant ${index}`, () => encoding);
    }
  };
  const batch = new Batch([]);
  for (let round = 0; round < 5; round++) {
    encodeAll(batch, 300, 1);
    const perVariant = new SharedBatch([new SharedMessage(new Uint8Array(1), false)]).retainedBytes;
    assert.equal(batch.forgetEncodings(), 257 * perVariant);
    encodeAll(batch, 20, 500_000);
    const bytes = batch.forgetEncodings();
    assert.ok(bytes > 4_000_000 && bytes < 1_100_000 + 4_194_304, `${bytes}`);
  }
});

test('ending every session ends each with the same words', async () => {
  const registry = new SessionRegistry();
  const told: string[] = [];
  for (const sessionId of ['a', 'b']) {
    const listed = {
      sessionId,
      principal: ADA,
      connection: { transport: 'memory' },
      subscriptions: [],
      disconnect: (error: Disconnect) => {
        told.push(`${sessionId} ${error.code}`);
        registry.remove(listed);
      },
    };
    registry.add(listed);
  }
  const turns = new TurnBudget(new VirtualTime());
  await registry.disconnectAll(new Disconnect('server/shutdown', 'bye'), turns);
  assert.deepEqual(told, ['a server/shutdown', 'b server/shutdown']);
  assert.equal(registry.count, 0);
});

test('[B1] a server with many sessions ends them in turns, and those of a name are none when all have gone', async () => {
  const registry = new SessionRegistry();
  const time = new VirtualTime();
  for (let index = 0; index < 500; index++) {
    const listed = {
      sessionId: `s${index}`,
      principal: ADA,
      connection: { transport: 'memory' },
      subscriptions: [],
      disconnect: () => registry.remove(listed),
    };
    registry.add(listed);
  }
  assert.deepEqual([registry.countOf('ada'), registry.nameCount], [500, 1]);
  const goodbye = new Disconnect('server/shutdown', 'bye');
  const ended = registry.disconnectAll(goodbye, new TurnBudget(time));
  assert.ok(registry.count >= 500 - 64, `${registry.count} are left`);
  let isEnded = false;
  void ended.then(() => (isEnded = true));
  while (!isEnded) {
    time.advance(0);
    await Promise.resolve();
  }
  assert.deepEqual([registry.count, registry.nameCount], [0, 0]);
});

/** The contract's type, so that the pair is proved to be one. */
const isConnection = (connection: Connection): Connection => connection;

test('a connection pair carries messages both ways, waits for a reader, and ends once', () => {
  const time = new VirtualTime();
  const log: string[] = [];
  const pair = new ConnectionPair(
    time,
    (connection) => ({
      textReceived: (text) => log.push(text),
      binaryReceived: (octets) => log.push(`${octets.length} octets`),
      writable: () => log.push(`writable ${connection.bufferedBytes}`),
      closed: (closeCode) => log.push(`closed ${closeCode}`),
    }),
    { kernelBytes: 5 },
  );
  const connection = isConnection(pair.connection);
  pair.sendText('hello');
  pair.sendBinary(new Uint8Array(3));
  pair.stopReading();
  connection.send(new SharedMessage(new Uint8Array(5), true));
  assert.equal(connection.bufferedBytes, 0);
  connection.send(new SharedMessage(new Uint8Array(2), true));
  assert.deepEqual([connection.bufferedBytes, pair.take().length], [2, 0]);
  pair.readOn();
  assert.equal(pair.take().length, 2);
  pair.cut();
  pair.close();
  pair.sendText('too late');
  connection.send(new SharedMessage(new Uint8Array(1), true));
  assert.equal(pair.take().length, 0);
  time.advance(0);
  assert.deepEqual(log, ['hello', '3 octets', 'writable 0', 'closed 1006']);
});

test('a delivery that fails ends its own session, and nothing is thrown at the others of the turn', () => {
  const { session, subscribe, written } = rig();
  const failing: DeliverySource = {
    pull: () => {
      throw new Error('a defect');
    },
    close: () => {},
  };
  subscribe('/topic/a', failing);
  assert.ok(session.isEnded);
  assert.deepEqual(written, ['disconnect server/internal-error']);
});

test('a session has a bounded number of subscriptions of one destination, and may open another when one has ended', () => {
  const { session, grant } = rig({ limits: { maxSubscriptionsPerDestination: 2 } });
  const reserve = (id: string) => session.reserve(id, '/topic/a', grant('/topic/a'));
  const first = reserve('a');
  reserve('b');
  const isTooMany = { code: 'subscription/too-many' };
  assert.throws(() => reserve('c'), isTooMany);
  session.reserve('d', '/topic/b', grant('/topic/b'));
  session.release(first);
  session.release(first);
  reserve('e');
  assert.throws(() => reserve('f'), isTooMany);
});

for (const [why, end] of [
  ['unsubscribed', (session: Session, opening: Subscription) => session.release(opening)],
  ['ended with its session', (session: Session) => session.end(1000)],
] as const) {
  test(`[H5] a take-over that is still opening is ${why}: what it was to take over ends with it, once`, () => {
    const { session, grant } = rig();
    const scope = { text: '/a', isExact: true };
    const ofServer = session.reserve('/a', '/a', Grant.ofServer(ADA, 'subscribe', scope));
    const source = new Numbers('/a', 0);
    ofServer.attach(source);
    ofServer.start();
    const opening = session.reserve('/a', '/a', grant('/a'));
    assert.equal(source.closes, 0, 'it delivers until it is taken over');
    end(session, opening);
    assert.deepEqual([source.closes, ofServer.isClosed, opening.isClosed], [1, true, true]);
    assert.equal(session.subscriptionCount, 0);
    // Its mount answers only now.
    session.abandon(opening);
    assert.deepEqual([source.closes, session.subscriptionCount], [1, 0]);
  });
}

test('[H5] a take-over that cannot be opened leaves what it was to take over as it was', () => {
  const { session, grant, written } = rig();
  const scope = { text: '/a', isExact: true };
  const ofServer = session.reserve('/a', '/a', Grant.ofServer(ADA, 'subscribe', scope));
  const source = new Numbers('/a', 0);
  ofServer.attach(source);
  ofServer.start();
  session.abandon(session.reserve('/a', '/a', grant('/a')));
  assert.equal(session.subscription('/a'), ofServer);
  source.left = 1;
  ofServer.ready();
  assert.deepEqual([written, source.closes], [['/a /a:1'], 0]);
});
