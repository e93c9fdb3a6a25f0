/**
 * Proves work queues against a model: random producers and consumers, acknowledgements, rejections, silence, time-outs, losses,
 * consumers whose connection takes nothing. Whatever happens every message is handled or becomes a dead letter, none is with two
 * consumers at a time, and first deliveries come in the order of arrival.
 */
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
import { Message, type Publication } from '../../message/index.js';
import { SERVER_CALLER } from '../../routing/index.js';
import { AcknowledgementWindow, ANONYMOUS, Grant } from '../../session/index.js';
import type { DeliverySink } from '../../session/index.js';
import { SeededRandom, VirtualTime } from '../../testing/index.js';
import { WorkMount, WorkRules } from './index.js';

const SEED_COUNT = 300;
const STEP_COUNT = 200;
const QUEUES = ['/work/a', '/work/b'] as const;
const TIMEOUT_MS = 5_000;

interface Job {
  state: 'waiting' | 'held' | 'handled' | 'dead';
  holder: Worker | undefined;
  heldSinceMs: number;
  deliveryCount: number;
}

interface Tally {
  handled: number;
  dead: number;
  redelivered: number;
  refused: number;
  late: number;
}

class Simulation {
  readonly time = new VirtualTime(1_700_000_000_000);
  readonly jobs = new Map<string, Job>();
  readonly mount: WorkMount;
  readonly tally: Tally;
  /** By epoch: a queue that was forgotten begins anew. */
  readonly #lastFirst = new Map<string, number>();
  readonly #random: SeededRandom;
  readonly #workers: readonly Worker[];
  readonly #maxDeliveryCount: number;

  constructor(seed: number, tally: Tally) {
    this.#random = new SeededRandom(seed);
    this.tally = tally;
    this.#maxDeliveryCount = this.#random.pick([3, 1_000_000]);
    const rules = new WorkRules();
    rules.add('/work/**', {
      acknowledgeTimeoutMs: TIMEOUT_MS,
      maxDeliveryCount: this.#maxDeliveryCount,
      deadLetter: '/topic/dead',
      maxMessageCount: 20,
    });
    this.mount = new WorkMount({
      time: this.time,
      random: new SeededRandom(seed + 1),
      deadlines: new DeadlineWheel(this.time, 250),
      turns: new TurnBudget(this.time),
      retained: new RetainedBudget(),
      metrics: new MemoryMetrics(),
      log: SILENT_LOG,
      rules,
      maxWorkBytes: 1_000_000,
      maxWorkQueueCount: 10,
      sendDeadLetter: async (_destination, message) => this.#died(message),
    });
    const count = 1 + this.#random.below(5);
    this.#workers = Array.from({ length: count }, () => new Worker(this));
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEP_COUNT; step++) {
      await this.#step(this.#random.pick(this.#workers));
      this.time.advance(this.#random.pick([0, 0, 10, 500, 3_000]));
    }
    await this.#finish();
  }

  /** Called for everything that is handed over, at that instant. */
  delivered(worker: Worker, publication: Publication): void {
    const { epoch, offset = -1 } = publication;
    const job = this.jobOf(publication);
    const nowMs = this.time.monotonicMs();
    assert.ok(job.state === 'waiting' || job.state === 'held', `delivered when ${job.state}`);
    const isOver = nowMs - job.heldSinceMs >= TIMEOUT_MS;
    assert.ok(job.state === 'waiting' || isOver, 'with two consumers at a time');
    job.deliveryCount += 1;
    assert.ok(job.deliveryCount <= this.#maxDeliveryCount, 'delivered too often');
    if (job.deliveryCount === 1) {
      assert.equal(publication.header('redelivered'), undefined);
      assert.ok(offset > (this.#lastFirst.get(`${epoch}`) ?? 0), 'first deliveries out of order');
      this.#lastFirst.set(`${epoch}`, offset);
    } else {
      this.tally.redelivered += 1;
      assert.equal(publication.header('redelivered'), 'true');
      assert.equal(publication.header('delivery-count'), String(job.deliveryCount));
    }
    Object.assign(job, { state: 'held', holder: worker, heldSinceMs: nowMs });
  }

  jobOf(message: Message): Job {
    const job = this.jobs.get(message.text());
    assert.ok(job !== undefined, 'nobody sent it');
    return job;
  }

  async #step(worker: Worker): Promise<void> {
    const queue = this.#random.pick(QUEUES);
    const random = this.#random;
    switch (random.below(12)) {
      case 0:
        return worker.close();
      case 1:
        worker.canTake = false;
        return undefined;
      case 2:
        return worker.readOn();
      case 3:
        return worker.open(queue, 1 + random.below(4));
      case 4:
      case 5:
        return worker.settle(random.below(4), 'reject');
      case 6:
      case 7:
      case 8:
        return worker.settle(random.below(4), 'acknowledge');
      default:
        for (let count = random.below(4); count > 0; count--) await this.#send(queue);
    }
  }

  async #send(destination: string): Promise<void> {
    const message = Message.fromJson(`job ${this.jobs.size}`);
    const job: Job = { state: 'waiting', holder: undefined, heldSinceMs: 0, deliveryCount: 0 };
    this.jobs.set(message.text(), job);
    const more = { message, key: undefined, messageId: undefined };
    await this.mount.send({ ...operationOf(destination), ...more }).catch((error: unknown) => {
      assert.ok(error instanceof RequestError && error.code === 'work/full');
      this.tally.refused += 1;
      this.jobs.delete(message.text());
    });
  }

  #died(message: Message): void {
    const job = this.jobOf(message);
    assert.equal(job.deliveryCount, this.#maxDeliveryCount);
    assert.ok(job.state === 'held' || job.state === 'waiting', `a dead letter when ${job.state}`);
    job.state = 'dead';
    this.tally.dead += 1;
  }

  /** Everybody works until nothing is left. */
  async #finish(): Promise<void> {
    for (const worker of this.#workers) worker.close();
    const [worker] = this.#workers;
    assert.ok(worker !== undefined);
    for (const queue of QUEUES) await worker.open(queue, 3);
    worker.readOn();
    this.time.advance(0);
    for (let round = 0; worker.heldCount > 0; round++) {
      assert.ok(round < 1_000, 'it never ends');
      worker.settle(0, 'acknowledge');
      this.time.advance(0);
    }
    await Promise.resolve();
    for (const [name, { state }] of this.jobs) {
      assert.ok(state === 'handled' || state === 'dead', `${name} is ${state}`);
    }
    worker.close();
    assert.deepEqual([this.mount.keptBytes, this.mount.queueCount], [0, 0]);
  }
}

interface Opened extends DeliverySink {
  readonly window: AcknowledgementWindow;
}

/** Pulls as a session does, from one queue or two. */
class Worker {
  canTake = true;
  readonly #simulation: Simulation;
  readonly #opened = new Map<string, Opened>();
  /** What it has not settled, in the order of delivery. */
  #held: { readonly publication: Publication; readonly opened: Opened }[] = [];

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  async open(queue: string, maxUnacknowledgedCount: number): Promise<void> {
    if (this.#opened.has(queue)) return;
    const ready = (): void => this.#pull(queue);
    const none = { pattern: undefined, cursor: undefined, policy: undefined };
    const operation = { ...operationOf(queue), ...none, maxUnacknowledgedCount };
    const { source } = await this.#simulation.mount.subscribe(operation, { ready });
    const window = new AcknowledgementWindow(source, { ready }, maxUnacknowledgedCount);
    this.#opened.set(queue, { window, ready });
    ready();
  }

  readOn(): void {
    this.canTake = true;
    for (const opened of this.#opened.values()) opened.ready();
  }

  settle(index: number, word: 'acknowledge' | 'reject'): void {
    const [held] = this.#held.splice(index, 1);
    if (held === undefined) return;
    const { publication, opened } = held;
    const { mount, tally, time } = this.#simulation;
    const job = this.#simulation.jobOf(publication);
    const isCurrent = job.holder === this && job.state === 'held';
    const isOver = time.monotonicMs() - job.heldSinceMs >= TIMEOUT_MS;
    const isOthers = job.state === 'held' && job.holder !== this && !isOver;
    if (isCurrent && !isOver) {
      Object.assign(job, { state: 'waiting', holder: undefined });
    }
    const id = String(publication.offset);
    const keptBytes = mount.keptBytes;
    const { window } = opened;
    if (word === 'acknowledge') {
      const isKnown = window.acknowledged(id, 'one');
      // A late word counts while nobody else has the message, if its place in the window was not needed.
      const isDone = mount.keptBytes < keptBytes;
      assert.ok(isDone || isOver || !isCurrent, 'an acknowledgement in time did not count');
      assert.ok(!isDone || (isKnown && !isOthers), "somebody else's message was acknowledged");
      if (isDone) job.state = 'handled';
      tally[isCurrent && !isOver ? 'handled' : 'late'] += 1;
    } else {
      window.rejected(id, 'one');
      assert.equal(mount.keptBytes, keptBytes);
    }
  }

  close(): void {
    for (const { publication } of this.#held) {
      const job = this.#simulation.jobOf(publication);
      if (job.holder === this && job.state === 'held') {
        Object.assign(job, { state: 'waiting', holder: undefined });
      }
    }
    this.#held = [];
    for (const { window } of this.#opened.values()) window.close();
    this.#opened.clear();
  }

  #pull(queue: string): void {
    const opened = this.#opened.get(queue);
    while (opened !== undefined && this.canTake) {
      const delivery = opened.window.pull(1_000);
      if (delivery?.kind !== 'publications') return;
      for (const publication of delivery.batch.publications) {
        this.#simulation.delivered(this, publication);
        // The same message again, after its time-out: what was begun before is not to be settled twice.
        const { offset, destination } = publication;
        this.#held = this.#held.filter(
          ({ publication: one }) => one.offset !== offset || one.destination !== destination,
        );
        this.#held.push({ publication, opened });
        opened.window.delivered(String(offset), publication);
      }
      if (delivery.isLast === true) return;
    }
  }
}

function operationOf(destination: string) {
  const scope = { text: destination, isExact: true };
  return {
    caller: SERVER_CALLER,
    destination,
    path: destination.slice('/work'.length),
    grant: new Grant({ generation: 0, permits: () => true }, ANONYMOUS, 'send', scope),
  };
}

test(`[K2] [K3] [K4] [K6] ${SEED_COUNT} random runs: every message is handled, by one consumer at a time`, async () => {
  const tally: Tally = { handled: 0, dead: 0, redelivered: 0, refused: 0, late: 0 };
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    await new Simulation(seed, tally).run().catch((cause: unknown) => {
      throw new Error(`seed ${seed}: ${String((cause as Error).stack)}`, { cause });
    });
  }
  // The runs went where they were meant to go.
  for (const [what, count] of Object.entries(tally)) assert.ok(count > 100, `${what}: ${count}`);
});
