import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnBudget, type TurnQueue } from './turn-budget.js';

/** A loop whose turns a test runs by hand; each callback that is due gets its promises settled, as Node does it. */
class Loop {
  nowMs_ = 0;
  #turns: (() => void)[] = [];
  nowMs = (): number => this.nowMs_;
  monotonicMs = (): number => this.nowMs_;
  afterTick = (callback: () => void): void => queueMicrotask(callback);
  afterTurn = (callback: () => void): void => void this.#turns.push(callback);

  get isIdle(): boolean {
    return this.#turns.length === 0;
  }

  async turn(): Promise<void> {
    const due = this.#turns;
    this.#turns = [];
    for (const callback of due) {
      callback();
      await Promise.resolve();
    }
  }

  async untilIdle(): Promise<number> {
    let count = 0;
    for (; !this.isIdle; count++) await this.turn();
    return count;
  }
}

test('a turn has room until its time is over, and the next one has room again', async () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  assert.equal(budget.spend(16), true);
  loop.nowMs_ += 4;
  assert.equal(budget.spend(16), true);
  loop.nowMs_ += 1;
  assert.equal(budget.spend(), true, 'the clock is looked at now and then');
  assert.equal(budget.spend(16), false);
  assert.equal(budget.hasRoom, false);
  const { number } = budget;
  await loop.turn();
  assert.equal(budget.hasRoom, true);
  assert.equal(budget.number, number + 1);
});

test('little work sets no turn in motion', () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  for (let unit = 0; unit < 15; unit++) budget.spend();
  assert.ok(loop.isIdle);
});

test('of what waits, each queue has a step in every turn, and what is prompt has the rest', async () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  const done: string[] = [];
  let isStopped = false;
  const step = (name: string, queue: TurnQueue): (() => void) => {
    const run = (): void => {
      if (isStopped) return;
      done.push(name);
      loop.nowMs_ += 2;
      budget.spend(64);
      budget.later(run, queue);
    };
    return run;
  };
  for (const name of ['a', 'b', 'c']) budget.later(step(name, 'backlog'), 'backlog');
  for (const name of ['x', 'y']) budget.later(step(name, 'arrival'), 'arrival');
  for (const name of ['A', 'B']) budget.later(step(name, 'prompt'), 'prompt');
  for (let turn = 0; turn < 60; turn++) await loop.turn();
  isStopped = true;
  await loop.untilIdle();
  const count = (name: string): number => done.filter((one) => one === name).length;
  const prompt = count('A') + count('B');
  const arrivals = count('x') + count('y');
  const backlog = count('a') + count('b') + count('c');
  const counts = `${prompt} prompt, ${arrivals} arrivals, ${backlog} of the backlog`;
  assert.ok(prompt > arrivals && arrivals > 40 && backlog > 40, counts);
  assert.ok(Math.abs(count('A') - count('B')) <= 1, 'in turns');
  assert.ok(count('a') > 2 && Math.abs(count('a') - count('c')) <= 1, 'in turns');
});

const QUEUES: readonly TurnQueue[] = ['prompt', 'arrival', 'backlog'];

test('queues of small steps that are never empty do not starve another', async () => {
  for (const starved of QUEUES) {
    const loop = new Loop();
    const budget = new TurnBudget(loop);
    let isStopped = false;
    for (const queue of QUEUES.filter((other) => other !== starved)) {
      for (let name = 0; name < 100; name++) {
        const again = (): void => {
          if (!isStopped) budget.later(again, queue);
        };
        budget.later(again, queue);
      }
    }
    let count = 0;
    budget.later(() => void (count += 1), starved);
    for (let turn = 0; turn < 8; turn++) await loop.turn();
    isStopped = true;
    assert.equal(count, 1, starved);
  }
});

test('a queue that the promises of its only step fill again does not starve another', async () => {
  for (const starved of QUEUES) {
    for (const filled of QUEUES.filter((other) => other !== starved)) {
      const loop = new Loop();
      const budget = new TurnBudget(loop);
      let isStopped = false;
      const again = (): void => {
        void Promise.resolve().then(() => isStopped || budget.later(again, filled));
      };
      budget.later(again, filled);
      let count = 0;
      budget.later(() => void (count += 1), starved);
      for (let turn = 0; turn < 8; turn++) await loop.turn();
      isStopped = true;
      assert.equal(count, 1, `${filled} starves ${starved}`);
    }
  }
});

test('who has just come goes after what is prompt, and before what goes on of something large', async () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  const done: TurnQueue[] = [];
  // From within a step, so that all wait when the next round is made up.
  budget.later(() => {
    for (const queue of QUEUES.toReversed()) {
      for (let count = 0; count < 5; count++) budget.later(() => done.push(queue), queue);
    }
  }, 'prompt');
  await loop.untilIdle();
  const last = (queue: TurnQueue): number => done.lastIndexOf(queue);
  assert.ok(last('prompt') < last('arrival') && last('arrival') < last('backlog'), done.join(' '));
});

test('the promises of one step settle before the next one', async () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  const done: string[] = [];
  budget.later(() => void Promise.resolve().then(() => done.push('promise')), 'backlog');
  budget.later(() => done.push('next'), 'backlog');
  await loop.untilIdle();
  assert.deepEqual(done, ['promise', 'next']);
});

test('a step that throws is reported and holds up nobody', async () => {
  const loop = new Loop();
  const reported: unknown[] = [];
  const budget = new TurnBudget(loop, (error) => reported.push(error));
  let isDone = false;
  budget.later(() => {
    throw new Error('planted');
  }, 'backlog');
  budget.later(() => (isDone = true), 'backlog');
  await loop.untilIdle();
  assert.equal(reported.length, 1);
  assert.ok(isDone);
});

test('a step that waits is there once, and can be forgotten', async () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  let count = 0;
  const step = (): void => void (count += 1);
  budget.later(step, 'backlog');
  budget.later(step, 'backlog');
  await loop.untilIdle();
  assert.equal(count, 1);
  for (const queue of QUEUES) {
    budget.later(step, queue);
    budget.forget(step);
    await loop.untilIdle();
    assert.equal(count, 1);
  }
});

test('many things are done in slices', async () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  const done: number[] = [];
  const items = Array.from({ length: 1_000 }, (_, index) => index);
  const all = budget.inSlices(items, (item) => done.push(item));
  assert.equal(done.length, 64);
  await loop.untilIdle();
  await all;
  assert.deepEqual(done, items);
});

test('what was large counts, though it was done before the clock was looked at', () => {
  const loop = new Loop();
  const budget = new TurnBudget(loop);
  assert.equal(budget.spend(1_024), false);
});
