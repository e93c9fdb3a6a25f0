/** Proves that interceptors keep order and bounds, whatever they answer and however long they take (semantics I4, I5). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryMetrics, RequestError, SILENT_LOG } from '../foundation/index.js';
import { Message, Publication } from '../message/index.js';
import { ANONYMOUS, Batch, Grant, type Delivery } from '../session/index.js';
import { changedOperation, DROPPED, type Dropped } from './interception-chain.js';
import { InterceptedSource } from './intercepted-source.js';
import { InterceptionLine } from './interception-line.js';
import { Interceptors } from './interceptors.js';
import type { InboundOperation } from './interceptor.js';
import type { SendOperation } from './mount.js';
import { SERVER_CALLER } from './router.js';

/** What an interceptor does with one message: at once, or after some turns of the microtask queue. */
const decision = fc.record({
  turns: fc.integer({ min: 0, max: 4 }),
  outcome: fc.constantFrom('pass', 'change', 'drop', 'refuse'),
});

function after<T>(turns: number, make: () => T): T | Promise<T> {
  if (turns === 0) return make();
  const wait = async (): Promise<T> => {
    for (let left = turns; left > 0; left -= 1) await Promise.resolve();
    return make();
  };
  return wait();
}

const refusal = (): never => {
  throw new RequestError('test/refused', 'no');
};

test('[I5] messages enter in the order of their arrival, each with its own outcome', async () => {
  const given = fc.array(fc.record({ decision, gap: fc.integer({ min: 0, max: 3 }) }), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(given, async (messages) => {
      const line = new InterceptionLine(Infinity, 'session');
      const entered: number[] = [];
      const outcomes: Promise<string>[] = [];
      for (const [index, { decision: decided, gap }] of messages.entries()) {
        const { turns, outcome } = decided;
        const passed = line.pass(
          index,
          (number) => after(turns, () => (outcome === 'refuse' ? refusal() : number)),
          async (number) => {
            entered.push(number);
            return `entered ${number}`;
          },
        );
        outcomes.push(passed.catch((error: unknown) => (error as RequestError).code));
        for (let left = gap; left > 0; left -= 1) await Promise.resolve();
      }
      const expected = messages.map((message, index) =>
        message.decision.outcome === 'refuse' ? 'test/refused' : `entered ${index}`,
      );
      assert.deepEqual(await Promise.all(outcomes), expected);
      assert.deepEqual(
        entered,
        entered.toSorted((left, right) => left - right),
      );
      assert.ok(line.isIdle);
    }),
  );
});

test('[I5] a line is idle while all is answered at once, and refuses what is too much', async () => {
  const line = new InterceptionLine(1, 'session');
  let admit = (): void => {};
  const gate = new Promise<void>((resolve) => (admit = resolve));
  const enter = async (text: string): Promise<string> => text;
  assert.equal(await line.pass<string, string>('at once', (text) => text, enter), 'at once');
  const first = line.pass<string, string>('first', (text) => gate.then(() => text), enter);
  assert.ok(line.isFull);
  await assert.rejects(
    line.pass<string, string>('second', (text) => text, enter),
    { code: 'session/busy' },
  );
  admit();
  assert.equal(await first, 'first');
  assert.equal(await line.pass<string, string>('third', (text) => text, enter), 'third');
});

const numbered = (offset: number): Publication =>
  new Publication(Message.fromJson(offset), {
    destination: '/topic/a',
    epoch: 'e',
    offset,
    publishedAtMs: 0,
  });

/** A source of batches that counts how often it is asked. */
class Batches {
  readonly acknowledged: number[] = [];
  pulls = 0;
  #left: Batch[];

  constructor(batches: readonly Batch[]) {
    this.#left = [...batches];
  }

  pull(): Delivery | undefined {
    this.pulls += 1;
    const batch = this.#left.shift();
    if (batch === undefined) return undefined;
    return { kind: 'publications', batch, isLast: this.#left.length === 0 };
  }

  acknowledge({ offset = -1 }: Publication): void {
    this.acknowledged.push(offset);
  }

  close(): void {}
}

test('[I4][I5] publications leave in their order, dropped ones acknowledged, and end at a refusal', async () => {
  const batches = fc.array(fc.array(decision, { minLength: 1, maxLength: 5 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(batches, async (given) => {
      const decisions = given.flat();
      let offset = 0;
      const inner = new Batches(
        given.map((batch) => new Batch(batch.map(() => numbered(++offset)))),
      );
      let isReady = true;
      let waitingCount = 0;
      const source = new InterceptedSource({
        source: inner,
        sink: { ready: () => (isReady = true) },
        concerns: () => true,
        refusalOf: (error) => error as RequestError,
        intercept: (publication) => {
          const { turns, outcome } = decisions[publication.offset! - 1]!;
          waitingCount += 1;
          return after(turns, (): Publication | Dropped => {
            waitingCount -= 1;
            if (outcome === 'refuse') return refusal();
            if (outcome === 'drop') return DROPPED;
            return outcome === 'pass' ? publication : numbered(publication.offset!);
          });
        },
      });
      const delivered: number[] = [];
      let ended: string | undefined;
      while (isReady && ended === undefined) {
        isReady = false;
        for (;;) {
          const pullsBefore = inner.pulls;
          const wasWaiting = waitingCount > 0;
          const delivery = source.pull(1);
          if (wasWaiting) assert.equal(inner.pulls, pullsBefore, 'it pulls nothing meanwhile');
          if (delivery === undefined) break;
          if (delivery.kind === 'end') {
            ended = delivery.error?.code;
            break;
          }
          assert.equal(delivery.kind, 'publications');
          const { publications } = (delivery as { batch: Batch }).batch;
          assert.ok(publications.length > 0, 'no batch is empty');
          delivered.push(...publications.map((publication) => publication.offset!));
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      const refusedAt = decisions.findIndex(({ outcome }) => outcome === 'refuse');
      const before = refusedAt < 0 ? decisions : decisions.slice(0, refusedAt);
      const offsetsOf = (wanted: boolean): number[] =>
        before.flatMap(({ outcome }, index) =>
          (outcome === 'drop') === wanted ? [index + 1] : [],
        );
      assert.deepEqual(delivered, offsetsOf(false));
      assert.deepEqual(inner.acknowledged, offsetsOf(true));
      assert.equal(ended, refusedAt < 0 ? undefined : 'test/refused');
    }),
  );
});

test('a batch of which nothing is changed is handed on as it came, to share its encodings', () => {
  const batch = new Batch([numbered(1), numbered(2)]);
  const source = new InterceptedSource({
    source: new Batches([batch]),
    sink: { ready: () => {} },
    concerns: () => true,
    refusalOf: (error) => error as RequestError,
    intercept: (publication) => publication,
  });
  const delivery = source.pull(1);
  assert.ok(delivery?.kind === 'publications' && delivery.batch === batch);
});

test('an acknowledgement of what was made of a publication is one of the publication itself', () => {
  const inner = new Batches([new Batch([numbered(7)])]);
  const source = new InterceptedSource({
    source: inner,
    sink: { ready: () => {} },
    concerns: () => true,
    refusalOf: (error) => error as RequestError,
    intercept: () => numbered(99),
  });
  const delivery = source.pull(1);
  assert.ok(delivery?.kind === 'publications');
  source.acknowledge?.(delivery.batch.publications[0]!);
  assert.deepEqual(inner.acknowledged, [7]);
});

test('[I4] it keeps nothing that its source does not keep: what a window asks for is there only where the source has it', () => {
  const parts = {
    sink: { ready: () => {} },
    concerns: () => true,
    refusalOf: (error: unknown) => error as RequestError,
    intercept: (publication: Publication) => publication,
  };
  const log = { pull: () => undefined, close: () => {} };
  const overLog = new InterceptedSource({ ...parts, source: log });
  assert.deepEqual(
    [overLog.acknowledge, overLog.reject, overLog.awaits],
    [undefined, undefined, undefined],
  );
  const told: string[] = [];
  const source = {
    ...log,
    acknowledge: () => told.push('acknowledge'),
    reject: () => told.push('reject'),
    awaits: () => told.push('awaits') > 9,
  };
  const overQueue = new InterceptedSource({ ...parts, source });
  overQueue.acknowledge?.(numbered(1));
  overQueue.reject?.(numbered(1));
  assert.equal(overQueue.awaits?.(numbered(1)), false);
  assert.deepEqual(told, ['acknowledge', 'reject', 'awaits']);
});

/** A promise that is resolved from outside. */
class Gate {
  readonly opened: Promise<void>;
  open!: () => void;

  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function serverSend(key: string, destination = '/topic/a'): SendOperation {
  const scope = { text: destination, isExact: true };
  const authority = { generation: 0, permits: () => true };
  return {
    caller: SERVER_CALLER,
    destination,
    path: destination,
    grant: new Grant(authority, ANONYMOUS, 'send', scope),
    message: Message.fromJson(key),
    key,
    messageId: undefined,
  };
}

test('[I5] messages of the server to one destination keep their order while earlier ones are being appended', async () => {
  const interceptors = new Interceptors(SILENT_LOG, new MemoryMetrics(), 10);
  const seen = new Gate();
  interceptors.add({ broker: ({ key }) => (key === 'm3' ? seen.opened : undefined) });
  const entered: string[] = [];
  const appended = { m1: new Gate(), m2: new Gate() };
  const send = (key: string, until?: Gate): Promise<void> =>
    interceptors.broker(serverSend(key), async () => {
      entered.push(key);
      await until?.opened;
    });
  const first = send('m1', appended.m1);
  const second = send('m2', appended.m2);
  appended.m1.open();
  await first;
  const third = send('m3');
  appended.m2.open();
  await second;
  const fourth = send('m4');
  await turn();
  assert.deepEqual(entered, ['m1', 'm2'], 'm4 waits behind m3');
  seen.open();
  await Promise.all([third, fourth]);
  assert.deepEqual(entered, ['m1', 'm2', 'm3', 'm4']);
});

test('a rule of access that throws while an interceptor is waited for ends the subscription, and nothing else', async () => {
  const publications = [1, 2].map(
    (offset) =>
      new Publication(Message.fromJson(offset), {
        destination: '/topic/a',
        epoch: 'e',
        offset,
        publishedAtMs: 0,
      }),
  );
  const failure = new Error('no such room');
  let isFailing = false;
  const source = new InterceptedSource({
    source: {
      pull: () => ({ kind: 'publications', batch: new Batch(publications) }),
      close: () => {},
    },
    sink: { ready: () => {} },
    concerns: () => {
      if (isFailing) throw failure;
      return true;
    },
    intercept: (publication) => Promise.resolve(publication),
    refusalOf: (error) => new RequestError('server/failed', String(error)),
  });
  assert.equal(source.pull(1_000), undefined);
  isFailing = true;
  await new Promise((resolve) => setImmediate(resolve));
  const first = source.pull(1_000);
  assert.equal(first?.kind === 'publications' && first.batch.publications.length, 1);
  const last = source.pull(1_000);
  assert.ok(last?.kind === 'end' && last.error instanceof RequestError);
  assert.equal(last.error.message, 'Error: no such room');
});

test('[I2] a Message that an inbound interceptor answers is the message of a send or request, and an error elsewhere', () => {
  const of = { principal: ANONYMOUS, sessionId: 's', destination: '/topic/a' };
  const message = Message.fromJson('given');
  const keyed = { message, key: 'k', messageId: undefined };
  const answered = Message.fromJson('answered');
  for (const kind of ['send', 'request'] as const) {
    const changed = changedOperation({ ...of, ...keyed, kind }, answered);
    assert.deepEqual([changed.message, changed.key], [answered, 'k']);
  }
  const others: readonly InboundOperation[] = [
    { ...of, kind: 'subscribe', id: '1', cursor: undefined, policy: undefined },
    { ...of, kind: 'unsubscribe', id: '1' },
  ];
  for (const operation of others) {
    assert.throws(
      () => changedOperation(operation, answered),
      (error) => error instanceof TypeError && error.message.includes(operation.kind),
    );
  }
});

test('[I5] a message that waits lets go of its parsed body, for its turn and for an interceptor alike', async () => {
  const interceptors = new Interceptors(SILENT_LOG, new MemoryMetrics(), 10);
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  interceptors.add({ broker: () => gate });
  const messages = [Message.fromJson([[]]), Message.fromJson([[1]])];
  const parsed = messages.map((message) => message.json());
  const passed = messages.map((message) =>
    interceptors.broker(
      {
        caller: SERVER_CALLER,
        destination: '/topic/a',
        path: '/a',
        grant: undefined as unknown as Grant,
        message,
        key: undefined,
        messageId: undefined,
      },
      async () => {},
    ),
  );
  for (const [index, message] of messages.entries()) {
    assert.notEqual(message.json(), parsed[index], `message ${index} has let it go`);
    assert.deepEqual(message.json(), parsed[index]);
  }
  open();
  await Promise.all(passed);
});
