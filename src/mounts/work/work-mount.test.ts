/** Proves work queues on virtual time: turns, windows, redelivery, dead letters, bounds, and that nothing is kept for nobody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeadlineWheel,
  MemoryMetrics,
  RequestError,
  RetainedBudget,
  SILENT_LOG,
  TurnBudget,
} from '../../foundation/index.js';
import { DestinationPattern, Message, type Publication } from '../../message/index.js';
import { SERVER_CALLER, type SendOperation } from '../../routing/index.js';
import { AcknowledgementWindow, ANONYMOUS, Grant } from '../../session/index.js';
import type { DeliverySink } from '../../session/index.js';
import { mountContract, SeededRandom, VirtualTime } from '../../testing/index.js';
import { WorkMount, WorkRules, type WorkMountParts, type WorkRule } from './index.js';

const QUEUE = '/work/jobs';

function rig(given: { rule?: WorkRule; parts?: Partial<WorkMountParts> } = {}) {
  const time = new VirtualTime(1_000);
  const metrics = new MemoryMetrics();
  const rules = new WorkRules();
  if (given.rule !== undefined) rules.add('/work/**', given.rule);
  const deadLetters: { destination: string; message: Message }[] = [];
  const mount = new WorkMount({
    time,
    random: new SeededRandom(1),
    deadlines: new DeadlineWheel(time, 250),
    turns: new TurnBudget(time),
    retained: new RetainedBudget(),
    metrics,
    log: SILENT_LOG,
    rules,
    maxWorkBytes: 1_000_000,
    maxWorkQueueCount: 3,
    sendDeadLetter: async (destination, message) => deadLetters.push({ destination, message }),
    ...given.parts,
  });
  const operationOf = (destination: string) => ({
    caller: SERVER_CALLER,
    destination,
    path: destination.slice(destination.indexOf('/', 1)),
    grant: new Grant({ generation: 0, permits: () => true }, ANONYMOUS, 'send', {
      text: destination,
      isExact: true,
    }),
  });
  const sendOf = (body: unknown, more: Partial<SendOperation> = {}): SendOperation => ({
    ...operationOf(more.destination ?? QUEUE),
    message: Message.fromJson(body),
    key: undefined,
    messageId: undefined,
    ...more,
  });
  const send = async (...bodies: unknown[]): Promise<void> => {
    for (const body of bodies) await mount.send(sendOf(body));
    time.advance(0);
  };
  const consume = async (maxUnacknowledgedCount?: number, queue = QUEUE): Promise<Consumer> => {
    const consumer = new Consumer(time);
    const operation = { ...operationOf(queue), pattern: undefined, cursor: undefined };
    const { source } = await mount.subscribe(
      { ...operation, policy: undefined, maxUnacknowledgedCount },
      consumer,
    );
    consumer.window = new AcknowledgementWindow(
      source,
      consumer,
      maxUnacknowledgedCount ?? Infinity,
    );
    consumer.isAcknowledging = maxUnacknowledgedCount !== undefined;
    consumer.ready();
    return consumer;
  };
  return { time, metrics, rules, mount, deadLetters, operationOf, sendOf, send, consume };
}

/** Pulls as a session does, and writes what comes. */
class Consumer implements DeliverySink {
  window: AcknowledgementWindow | undefined;
  isAcknowledging = false;
  /** Whether its connection takes anything. */
  canTake = true;
  readonly got: Publication[] = [];
  /** Called within the pull. */
  taken: ((publication: Publication) => void) | undefined;
  readonly #time: VirtualTime;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get bodies(): unknown[] {
    return this.got.map((publication) => publication.json());
  }

  ready(): void {
    while (this.canTake) {
      const delivery = this.window?.pull(1_000);
      if (delivery?.kind !== 'publications') return;
      assert.equal(delivery.batch.publications.length, 1, 'one at a time');
      for (const publication of delivery.batch.publications) {
        this.got.push(publication);
        if (this.isAcknowledging) this.window?.delivered(String(publication.offset), publication);
        this.taken?.(publication);
      }
      if (delivery.isLast === true) return;
    }
  }

  acknowledge(offset: number): boolean {
    const isKnown = this.window?.acknowledged(String(offset), 'one') ?? false;
    this.#time.advance(0);
    return isKnown;
  }

  reject(offset: number): boolean {
    const isKnown = this.window?.rejected(String(offset), 'one') ?? false;
    this.#time.advance(0);
    return isKnown;
  }

  close(): void {
    this.window?.close();
    this.#time.advance(0);
  }
}

const hasCode = (code: string) => (error: unknown) =>
  error instanceof RequestError && error.code === code;

for (const { name, run } of mountContract('log', () => {
  const { mount, time } = rig();
  return {
    mount,
    prefix: '/work',
    destination: QUEUE,
    refusedDestination: '/work',
    isCompeting: true,
    settle: async () => time.advance(0),
  };
})) {
  test(`work: ${name}`, run);
}

test('[K3] consumers with room get one message each in turn, in the order of arrival', async () => {
  const { send, consume } = rig();
  const consumers = [await consume(10), await consume(10), await consume(10)];
  await send(1, 2, 3, 4, 5, 6, 7);
  assert.deepEqual(
    consumers.map(({ bodies }) => bodies),
    [
      [1, 4, 7],
      [2, 5],
      [3, 6],
    ],
  );
});

test('[K3] a backlog is shared in turns too, and a full window passes its turn on', async () => {
  const { send, consume, time } = rig();
  await send(1, 2, 3, 4, 5, 6, 7, 8);
  const [left, right] = [await consume(2), await consume(4)];
  time.advance(0);
  assert.deepEqual(
    [left.bodies, right.bodies],
    [
      [1, 2],
      [3, 4, 5, 6],
    ],
  );
  left.acknowledge(2);
  assert.deepEqual(left.bodies, [1, 2, 7]);
});

test('[K3] whoever pulls unasked has had its turn', async () => {
  const { mount, sendOf, consume, time } = rig();
  const [eager, other] = [await consume(10), await consume(10)];
  for (const body of [1, 2]) await mount.send(sendOf(body));
  eager.ready();
  eager.ready();
  time.advance(0);
  assert.deepEqual([eager.bodies, other.bodies], [[1], [2]]);
});

test('[K3] a message does not wait for a consumer that does not read', async () => {
  const { send, consume } = rig();
  const [stuck, reading] = [await consume(10), await consume(10)];
  stuck.canTake = false;
  await send(1, 2, 3);
  assert.deepEqual([stuck.bodies, reading.bodies], [[], [1, 2, 3]]);
  stuck.canTake = true;
  stuck.ready();
  await send(4, 5);
  assert.equal(stuck.got.length, 1, 'it is in the line again');
});

test('[K2] what was acknowledged is gone, and memory returns', async () => {
  const { send, consume, mount } = rig();
  const consumer = await consume(10);
  await send(1, 2);
  assert.ok(mount.keptBytes > 0);
  consumer.acknowledge(1);
  consumer.acknowledge(2);
  assert.equal(mount.keptBytes, 0);
  consumer.close();
  assert.equal(mount.queueCount, 0);
  const other = await consume(10);
  assert.deepEqual(other.bodies, []);
});

test('[K4] a rejected message goes to the next consumer and says that it comes again', async () => {
  const { sendOf, mount, time, consume, metrics } = rig();
  const [left, right] = [await consume(10), await consume(10)];
  const headers = [
    ['redelivered', 'forged'],
    ['delivery-count', '99'],
    ['x', 'y'],
  ] as const;
  const message = new Message(Message.fromJson(1).body, 'application/json', headers);
  await mount.send(sendOf(1, { message, key: 'k', messageId: 'm' }));
  time.advance(0);
  assert.deepEqual(left.got[0]?.headers, [['x', 'y']], 'a sender cannot set them');
  left.reject(1);
  const [again] = right.got;
  assert.deepEqual(again?.headers, [
    ['redelivered', 'true'],
    ['delivery-count', '2'],
    ['x', 'y'],
  ]);
  assert.deepEqual(
    [again.offset, again.epoch, again.key, again.messageId, again.json()],
    [1, left.got[0]?.epoch, 'k', 'm', 1],
  );
  assert.equal(metrics.value('work_returned', { reason: 'rejected' }), 1);
  right.reject(1);
  assert.equal(left.got[1]?.header('delivery-count'), '3');
});

test('[K4] what a consumer that left had not acknowledged comes again, in order and before the rest', async () => {
  const { send, consume } = rig();
  const lost = await consume(3);
  await send(1, 2, 3, 4);
  lost.acknowledge(2);
  lost.close();
  assert.deepEqual(lost.bodies, [1, 2, 3, 4]);
  const other = await consume(1);
  for (const offset of [1, 3, 4]) other.acknowledge(offset);
  assert.deepEqual(other.bodies, [1, 3, 4]);
  await send(5);
  assert.deepEqual(other.bodies, [1, 3, 4, 5]);
  assert.equal(other.got[3]?.header('redelivered'), undefined);
});

test('[K4] a message comes back after its time-out, and not before', async () => {
  const { send, consume, time, metrics } = rig({ rule: { acknowledgeTimeoutMs: 10_000 } });
  const [slow, other] = [await consume(1), await consume(1)];
  await send(1);
  time.advance(9_999);
  assert.deepEqual(other.bodies, []);
  time.advance(260);
  assert.deepEqual([other.bodies, other.got[0]?.header('redelivered')], [[1], 'true']);
  assert.equal(metrics.value('work_returned', { reason: 'timed-out' }), 1);
  slow.acknowledge(1);
  other.reject(1);
  assert.equal(slow.bodies.length, 2, "the first consumer's late word did not count");
});

test('[K4] after a time-out somebody else is asked first', async () => {
  const { send, consume, time } = rig({ rule: { acknowledgeTimeoutMs: 10_000 } });
  const slow = await consume(10);
  await send(1);
  const [other] = [await consume(10)];
  time.advance(10_300);
  assert.deepEqual([slow.bodies, other.bodies], [[1], [1]]);
});

test('[K4] a time-out frees the place in the window, so that a lost acknowledgement stops nobody', async () => {
  const { send, consume, time } = rig({ rule: { acknowledgeTimeoutMs: 10_000 } });
  const only = await consume(1);
  await send(1, 2);
  assert.deepEqual(only.bodies, [1]);
  time.advance(10_300);
  assert.deepEqual(only.bodies, [1, 1]);
  only.acknowledge(1);
  assert.deepEqual(only.bodies, [1, 1, 2]);
});

test('[K4] a late acknowledgement counts while nobody else has the message', async () => {
  const { send, consume, time, mount } = rig({ rule: { acknowledgeTimeoutMs: 10_000 } });
  const consumer = await consume(5);
  await send(1);
  consumer.canTake = false;
  time.advance(10_300);
  consumer.acknowledge(1);
  consumer.canTake = true;
  consumer.ready();
  assert.deepEqual([consumer.bodies, mount.keptBytes], [[1], 0]);
});

test('[K4] time-outs follow each other, each message at its own time, and 0 turns them off', async () => {
  for (const acknowledgeTimeoutMs of [2_600, 0]) {
    const { send, consume, time } = rig({ rule: { acknowledgeTimeoutMs } });
    const consumer = await consume(100);
    for (let index = 0; index < 5; index++) {
      await send(index);
      time.advance(500);
    }
    const isOff = acknowledgeTimeoutMs === 0;
    time.advance(400);
    assert.deepEqual(consumer.bodies.slice(5), isOff ? [] : [0]);
    time.advance(500);
    assert.deepEqual(consumer.bodies.slice(5), isOff ? [] : [0, 1]);
  }
});

test('[K5] where nothing is acknowledged, what was handed over is done, and lost with its connection', async () => {
  const { send, consume, mount } = rig();
  const consumer = await consume();
  await send(1, 2);
  assert.deepEqual([consumer.bodies, mount.keptBytes], [[1, 2], 0]);
  consumer.close();
  assert.deepEqual((await consume()).bodies, []);
});

test('[K6] a message that comes back too often goes to its dead-letter destination', async () => {
  const { send, consume, deadLetters, metrics, mount } = rig({
    rule: { maxDeliveryCount: 3, deadLetter: '/topic/dead' },
  });
  const consumer = await consume(1);
  await send('poison', 'good');
  for (let delivery = 0; delivery < 3; delivery++) consumer.reject(1);
  await Promise.resolve();
  assert.deepEqual(consumer.bodies, ['poison', 'poison', 'poison', 'good']);
  const [letter] = deadLetters;
  assert.deepEqual([letter?.destination, letter?.message.json()], ['/topic/dead', 'poison']);
  assert.deepEqual(letter?.message.headers, [
    ['dead-letter-from', QUEUE],
    ['dead-letter-reason', 'rejected'],
    ['dead-letter-delivery-count', '3'],
  ]);
  assert.equal(metrics.value('work_dead_letters', { reason: 'rejected' }), 1);
  consumer.acknowledge(2);
  assert.equal(mount.keptBytes, 0);
});

test('[K6] without a dead-letter destination it is dropped and counted; a queue is not its own', async () => {
  for (const rule of [{ maxDeliveryCount: 1 }, { maxDeliveryCount: 1, deadLetter: QUEUE }]) {
    const { send, consume, metrics, mount, deadLetters } = rig({ rule });
    const consumer = await consume(1);
    await send(1);
    consumer.reject(1);
    assert.equal(metrics.value('work_dropped', { reason: 'rejected' }), 1);
    assert.deepEqual([mount.keptBytes, deadLetters.length], [0, 0]);
  }
});

test('[K6] a dead letter that is refused stays in its queue, and is offered again after a while', async () => {
  let isFull = true;
  const offered: unknown[] = [];
  const sendDeadLetter = async (_: string, message: Message): Promise<void> => {
    offered.push(message.json());
    if (isFull) throw new RequestError('work/full', 'full');
  };
  const logged: string[] = [];
  const { send, consume, metrics, mount, time } = rig({
    rule: { maxDeliveryCount: 1, deadLetter: '/work/dead' },
    parts: { sendDeadLetter, log: { ...SILENT_LOG, error: (words) => logged.push(words) } },
  });
  const settled = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    time.advance(0);
  };
  const consumer = await consume(2);
  await send(1, 2);
  consumer.reject(1);
  consumer.reject(2);
  await settled();
  assert.deepEqual(consumer.bodies, [1, 2], 'nobody is given it again');
  assert.equal(metrics.value('work_dead_letters_refused'), 2);
  assert.ok(mount.keptBytes > 0);
  time.advance(9_999);
  await settled();
  assert.deepEqual([offered, logged.length], [[1, 2], 1], 'one line for both');
  time.advance(251);
  await settled();
  assert.deepEqual([offered, logged.length], [[1, 2, 1, 2], 2]);
  isFull = false;
  time.advance(10_250);
  await settled();
  assert.equal(metrics.value('work_dead_letters', { reason: 'rejected' }), 2);
  assert.deepEqual([consumer.bodies, mount.keptBytes], [[1, 2], 0]);
  consumer.close();
  mount.close();
  time.advance(1_000);
  assert.equal(time.pendingTimerCount, 0);
});

test('[K6] a round of dead letters ends after a hundred refusals, and the next one goes on', async () => {
  const offered: unknown[] = [];
  const sendDeadLetter = async (_: string, message: Message): Promise<void> => {
    offered.push(message.json());
    throw new RequestError('work/full', 'full');
  };
  const { send, consume, time, mount } = rig({
    rule: { maxDeliveryCount: 1, deadLetter: '/work/dead' },
    parts: { sendDeadLetter },
  });
  const numbers = Array.from({ length: 150 }, (_, index) => index + 1);
  const consumer = await consume(150);
  await send(...numbers);
  for (const offset of numbers) consumer.reject(offset);
  const round = async (): Promise<unknown[]> => {
    offered.length = 0;
    time.advance(10_250);
    await new Promise((resolve) => setImmediate(resolve));
    return [...offered];
  };
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await round(), numbers.slice(0, 100));
  assert.deepEqual(await round(), [...numbers.slice(100), ...numbers.slice(0, 50)]);
  mount.close();
});

test('[K6] a dead letter has no more headers than any destination takes', async () => {
  const { sendOf, mount, time, consume, deadLetters } = rig({
    rule: { maxDeliveryCount: 1, deadLetter: '/topic/dead' },
  });
  const headers = Array.from({ length: 64 }, (_, index) => [`h${index}`, ''] as const);
  const message = new Message(Message.fromJson(1).body, 'application/json', headers);
  const consumer = await consume(1);
  await mount.send(sendOf(1, { message }));
  time.advance(0);
  consumer.reject(1);
  assert.equal(deadLetters[0]?.message.headers.length, 64);
});

test('[K7] a full queue refuses more by count and by octets, and takes it when there is room', async () => {
  for (const rule of [{ maxMessageCount: 2 }, { maxQueueBytes: 2_000 }]) {
    const { send, sendOf, mount, consume, metrics } = rig({ rule });
    await send(1, 2);
    await assert.rejects(mount.send(sendOf(3)), hasCode('work/full'));
    const [limit = ''] = Object.keys(rule);
    assert.equal(metrics.value('limit_reached', { limit }), 1);
    const consumer = await consume(1);
    consumer.acknowledge(1);
    await mount.send(sendOf(3));
  }
});

test('[K7] all queues together are bounded in octets and in number; what can never fit is too large', async () => {
  const { send, sendOf, mount, metrics } = rig({ parts: { maxWorkBytes: 3_000 } });
  await send(1, 2);
  const to = (destination: string) => mount.send(sendOf(3, { destination }));
  await to('/work/a');
  await assert.rejects(to('/work/b'), hasCode('work/full'));
  assert.equal(metrics.value('limit_reached', { limit: 'maxWorkBytes' }), 1);
  assert.equal(mount.queueCount, 2, 'the queue of the refused message is forgotten');
  await assert.rejects(mount.send(sendOf('x'.repeat(3_000))), hasCode('message/too-large'));

  const many = rig();
  for (const name of ['a', 'b', 'c']) await many.consume(1, `/work/${name}`);
  await assert.rejects(many.consume(1, '/work/d'), hasCode('work/full'));
  assert.equal(many.metrics.value('limit_reached', { limit: 'maxWorkQueueCount' }), 1);
});

test('[S8] a repeated message id is answered with the first position while it is remembered', async () => {
  const { mount, sendOf, consume, time } = rig();
  const consumer = await consume();
  const sent = async () => (await mount.send(sendOf(1, { messageId: 'm' }))).position;
  const first = await sent();
  assert.deepEqual(await sent(), first);
  assert.deepEqual(await mount.send(sendOf(1, { messageId: 'm' })), {
    position: first,
    isDuplicate: true,
  });
  time.advance(0);
  assert.equal(consumer.got.length, 1);
  consumer.close();
  assert.equal(mount.queueCount, 1, 'the queue is empty, its ids are remembered');
  time.advance(300_500);
  assert.equal(mount.queueCount, 0);
  assert.notEqual((await sent())?.epoch, first?.epoch, 'a queue that was forgotten begins anew');
});

test('[S8] remembered message ids take room of all queues, until they are over', async () => {
  const { mount, sendOf, consume, time, metrics } = rig({ parts: { maxWorkBytes: 20_000 } });
  const consumer = await consume();
  let sentCount = 0;
  const sent = async (): Promise<void> => {
    const messageId = `${'x'.repeat(2_000)}${sentCount}`;
    await mount.send(sendOf(1, { messageId }));
    sentCount += 1;
    time.advance(0);
  };
  await assert.rejects(async () => {
    for (;;) await sent();
  }, hasCode('work/full'));
  assert.equal(consumer.got.length, sentCount, 'nothing but ids is kept');
  assert.ok(sentCount >= 3 && sentCount < 6, `${sentCount} ids of more than 4,000 octets`);
  assert.equal(metrics.value('limit_reached', { limit: 'maxWorkBytes' }), 1);
  time.advance(300_250);
  assert.equal(mount.keptBytes, 0, 'though nobody asked');
  await sent();
  mount.close();
  time.advance(1_000);
  assert.deepEqual([mount.keptBytes, time.pendingTimerCount], [0, 0]);
});

test('[S8] a rule says how long and how many message ids are remembered', async () => {
  const rule = { messageIdWindowMs: 1_000, maxMessageIdCount: 2 };
  const { mount, sendOf, time } = rig({ rule });
  const sent = async (messageId: string) =>
    (await mount.send(sendOf(1, { messageId }))).position?.offset;
  assert.deepEqual([await sent('a'), await sent('b'), await sent('a')], [1, 2, 1]);
  assert.equal(await sent('c'), 3);
  assert.equal(await sent('a'), 4, 'the oldest of three is forgotten');
  assert.equal(await sent('c'), 3);
  time.advance(1_000);
  assert.equal(await sent('c'), 5);
});

test('positions rise by one in one epoch, as sends are answered', async () => {
  const { mount, sendOf } = rig();
  const { position } = await mount.send(sendOf(1));
  assert.deepEqual(await mount.send(sendOf(2)), {
    position: { epoch: position?.epoch, offset: 2 },
    isDuplicate: false,
  });
});

test('[K2] a pattern, the bare prefix and an audience are refused; a cursor is answered with recovered: false', async () => {
  const { mount, operationOf, sendOf } = rig();
  const sink = { ready: () => {} };
  const subscribe = (destination: string, more: object = {}) =>
    mount.subscribe(
      {
        ...operationOf(destination),
        pattern: undefined,
        cursor: undefined,
        policy: undefined,
        ...more,
      },
      sink,
    );
  const pattern = DestinationPattern.parse('/work/*');
  await assert.rejects(
    subscribe('/work/*', { pattern }),
    hasCode('destination/pattern-not-allowed'),
  );
  await assert.rejects(
    subscribe('/work/a', { policy: 'latest' }),
    hasCode('subscription/policy-refused'),
  );
  await assert.rejects(subscribe('/work', { path: '' }), hasCode('destination/invalid'));
  await assert.rejects(mount.send(sendOf(1, { path: '' })), hasCode('destination/invalid'));
  await assert.rejects(
    mount.send(sendOf(1, { audience: { exceptSessionId: 's' } })),
    hasCode('message/invalid'),
  );
  const opened = await subscribe(QUEUE, { cursor: 'e:1' });
  assert.deepEqual([opened.recovered, opened.cursor], [false, undefined]);
  assert.equal((await subscribe(QUEUE)).recovered, undefined);
});

test('a closed mount keeps nothing and leaves no timer', async () => {
  const { mount, send, consume, time } = rig();
  const consumer = await consume(10);
  await send(1, 2);
  mount.close();
  consumer.close();
  time.advance(1_000);
  assert.deepEqual([mount.queueCount, mount.keptBytes, time.pendingTimerCount], [0, 0, 0]);
});

test('an acknowledgement that comes after the end changes no bound', async () => {
  const { mount, send, consume, time } = rig({ rule: { acknowledgeTimeoutMs: 1_000 } });
  const late = await consume(1);
  await send(1);
  const [publication] = late.got;
  assert.ok(publication !== undefined);
  late.canTake = false;
  time.advance(1_250);
  // It waits again, and its consumer may still say that it is done.
  mount.close();
  late.acknowledge(publication.offset!);
  assert.equal(mount.keptBytes, 0);
});

test('the first work rule that matches holds; what is no setting is refused', () => {
  const rules = new WorkRules();
  rules.add('/work/a/*', { maxDeliveryCount: 3 });
  rules.add('/work/**', { deadLetter: '/work/dead' });
  assert.equal(rules.settingsOf('/work/a/b').maxDeliveryCount, 3);
  assert.deepEqual(rules.settingsOf('/work/b'), {
    acknowledgeTimeoutMs: 60_000,
    maxDeliveryCount: 20,
    deadLetter: '/work/dead',
    maxQueueBytes: 67_108_864,
    maxMessageCount: 100_000,
    messageIdWindowMs: 300_000,
    maxMessageIdCount: 10_000,
  });
  assert.equal(rules.settingsOf('/queue/b').deadLetter, undefined);
  for (const rule of [
    { maxDeliveryCount: 0 },
    { acknowledgeTimeoutMs: -1 },
    { maxQueueBytes: NaN },
    { deadLetter: 1 as never },
    { maxDeliverCount: 1 } as object,
  ]) {
    assert.throws(() => rules.add('/work/**', rule), RangeError, JSON.stringify(rule));
  }
  for (const deadLetter of ['dead', '/work/*']) {
    assert.throws(() => rules.add('/work/**', { deadLetter }), hasCode('destination/invalid'));
  }
  assert.throws(() => rules.add('/work/a*', {}), hasCode('destination/invalid'));
});

/** A caller whose ids are those of `id`, charged to `share`. */
const callerOf = (id: string, share: string = id): SendOperation['caller'] => ({
  authority: 'client',
  principal: ANONYMOUS,
  session: { owner: { id, share } } as never,
});

test('[S8] message ids are of who gives them: nobody suppresses the work of another', async () => {
  const { mount, sendOf, consume, time } = rig();
  const consumer = await consume();
  const offsetFor = async (owner: string) =>
    (await mount.send(sendOf(owner, { messageId: 'm', caller: callerOf(owner) }))).position?.offset;
  assert.deepEqual([await offsetFor('p:ada'), await offsetFor('p:bob')], [1, 2]);
  assert.deepEqual([await offsetFor('p:ada'), await offsetFor('p:bob')], [1, 2]);
  time.advance(0);
  assert.deepEqual(consumer.bodies, ['p:ada', 'p:bob']);
});

test('[K7] one client cannot take the room of all queues: it has what is free, and others their part', async () => {
  const retained = new RetainedBudget();
  const { mount, sendOf, metrics } = rig({ parts: { maxWorkBytes: 100_000, retained } });
  const fill = async (owner: string): Promise<number> => {
    let count = 0;
    await assert.rejects(async () => {
      for (; ; count++) {
        await mount.send(sendOf('x'.repeat(1_000), { caller: callerOf(owner) }));
      }
    }, hasCode('work/full'));
    return count;
  };
  const greedy = await fill('s:greedy');
  assert.ok(mount.keptBytes <= 50_000 && mount.keptBytes > 45_000);
  assert.equal(retained.bytesOf('s:greedy') - mount.keptBytes, 2_500, 'and the queue');
  assert.equal(metrics.value('limit_reached', { limit: 'maxWorkBytes' }), 1);
  assert.ok((await fill('s:second')) >= greedy / 2);
  assert.ok((await fill('s:third')) >= 1);
  await mount.send(sendOf('the server itself has what is left'));
  const large = sendOf('x'.repeat(51_000), { caller: callerOf('s:fourth') });
  await assert.rejects(mount.send(large), hasCode('message/too-large'));
});

test('[K7] many sessions of one address have one share of all queues, and message ids of their own', async () => {
  const retained = new RetainedBudget();
  const parts = { maxWorkBytes: 100_000, maxWorkQueueCount: 4, retained };
  const { mount, sendOf } = rig({ parts });
  const member = (index: number) => callerOf(`m${index}`, 'all');
  const messageOf = (index: number) => ({ messageId: 'm', caller: member(index) });
  const small = { ...messageOf(100), destination: '/work/other', messageId: undefined };
  await mount.send(sendOf(1, small));
  const fill = async (): Promise<void> => {
    for (let index = 0; index < 100; index++) {
      const { isDuplicate } = await mount.send(sendOf('x'.repeat(1_000), messageOf(index)));
      assert.notEqual(isDuplicate, true);
    }
  };
  await assert.rejects(fill(), hasCode('work/full'));
  assert.ok(mount.keptBytes <= 50_000 && mount.keptBytes > 45_000);
  assert.equal(retained.bytesOf('all'), retained.bytes);
  await assert.rejects(
    mount.send(sendOf(1, { ...small, destination: '/work/more', caller: member(101) })),
    /maxWorkQueueCount/,
  );
  await mount.send(sendOf(1, { ...small, destination: '/work/more', caller: callerOf('late') }));
});

test('[K7] one client cannot take all queues', async () => {
  const { mount, sendOf } = rig({ parts: { maxWorkQueueCount: 10 } });
  const to = (owner: string, name: number) =>
    mount.send(sendOf(1, { destination: `/work/${owner}${name}`, caller: callerOf(owner) }));
  for (let name = 0; name < 5; name++) await to('s:greedy', name);
  await assert.rejects(to('s:greedy', 5), hasCode('work/full'));
  await to('s:modest', 0);
  await to('s:greedy', 0);
});

test('[K7] what work keeps is part of all that the server keeps', async () => {
  const retained = new RetainedBudget(50_000);
  const { mount, sendOf, consume, metrics, time } = rig({ parts: { retained } });
  await assert.rejects(async () => {
    for (;;) await mount.send(sendOf('x'.repeat(1_000)));
  }, hasCode('work/full'));
  assert.equal(metrics.value('limit_reached', { limit: 'maxRetainedBytes' }), 1);
  assert.ok(retained.bytes > 45_000 && retained.bytes <= 50_000);
  const consumer = await consume();
  time.advance(0);
  consumer.close();
  assert.deepEqual([mount.queueCount, retained.bytes], [0, 0]);
});

test('[K4] who rejects all that comes is handed it once a turn', async () => {
  const { mount, sendOf, consume, time } = rig({ rule: { maxDeliveryCount: 1_000 } });
  const consumer = await consume(1);
  /** Rejects as soon as it has something, within the call that brings it. */
  const rejectAll = (publication: Publication): void => {
    consumer.window?.rejected(String(publication.offset), 'one');
  };
  consumer.taken = rejectAll;
  await mount.send(sendOf('poison'));
  for (let pull = 0; pull < 10; pull++) consumer.ready();
  assert.equal(consumer.got.length, 1);
  consumer.taken = undefined;
  time.advance(0);
  assert.equal(consumer.got.length, 2, 'in the next turn it comes again');
});

test('[K6] two rounds of dead letters never hold the same letter', async () => {
  const answers: (() => void)[] = [];
  let isSlow = false;
  const offered: unknown[] = [];
  const sendDeadLetter = async (_: string, message: Message): Promise<void> => {
    offered.push(message.json());
    if (!isSlow) throw new RequestError('work/full', 'full');
    await new Promise<void>((resolve) => answers.push(resolve));
  };
  const { send, consume, time, mount } = rig({
    rule: { maxDeliveryCount: 1, deadLetter: '/work/dead' },
    parts: { sendDeadLetter },
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const consumer = await consume(4);
  await send(1, 2, 3);
  for (const offset of [1, 2, 3]) consumer.reject(offset);
  await settled();
  isSlow = true;
  offered.length = 0;
  time.advance(10_250);
  await settled();
  assert.deepEqual(offered, [1], 'the first round waits for its destination');
  isSlow = false;
  await send(4);
  consumer.reject(4);
  await settled();
  isSlow = true;
  offered.length = 0;
  time.advance(10_250);
  await settled();
  for (let round = 0; round < 10; round++) {
    for (const answer of answers.splice(0)) answer();
    await settled();
  }
  assert.deepEqual(offered.length, 3, 'each once');
  assert.deepEqual(new Set(offered), new Set([2, 3, 4]));
  consumer.close();
  mount.close();
});

test('dead letters whose metric or log fails end nothing, and are told of', async () => {
  const logged: string[] = [];
  const metrics = new MemoryMetrics();
  const count = metrics.count.bind(metrics);
  metrics.count = (name, labels, by) => {
    if (name.startsWith('work_dead')) throw new Error('no metrics today');
    count(name, labels, by);
  };
  const { send, consume } = rig({
    rule: { maxDeliveryCount: 1, deadLetter: '/work/dead' },
    parts: { metrics, log: { ...SILENT_LOG, error: (words) => logged.push(words) } },
  });
  const consumer = await consume(1);
  await send(1);
  consumer.reject(1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(logged, ['dead letters could not be offered']);
});
