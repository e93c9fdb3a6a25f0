/** Proves the wheel: never early, late by at most one granularity, and nothing left behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { Deadline, DeadlineWheel, MAX_SLICE_UNITS, TurnBudget } from './index.js';

const GRANULARITY_MS = 250;

function rig(): { time: VirtualTime; wheel: DeadlineWheel; due: string[] } {
  const time = new VirtualTime();
  return { time, wheel: new DeadlineWheel(time, GRANULARITY_MS), due: [] };
}

test('a deadline comes due once, never early and at most one granularity late', () => {
  fc.assert(
    fc.property(fc.nat(2_000), fc.nat(5_000), fc.nat(2_000), (phaseMs, delayMs, otherMs) => {
      const { time, wheel } = rig();
      time.advance(phaseMs);
      // Another deadline gives the timer a phase of its own.
      wheel.set(new Deadline(() => {}), otherMs);
      time.advance(otherMs % 97);
      const setAtMs = time.monotonicMs();
      const instants: number[] = [];
      wheel.set(new Deadline(() => instants.push(time.monotonicMs())), delayMs);
      time.advance(20_000);
      assert.equal(instants.length, 1);
      const lateMs = instants[0]! - setAtMs - delayMs;
      assert.ok(lateMs >= 0, `${-lateMs} ms early`);
      assert.ok(lateMs <= GRANULARITY_MS, `${lateMs} ms late`);
      assert.equal(time.pendingTimerCount, 0);
    }),
    { numRuns: 200 },
  );
});

test('moving a deadline later or earlier holds, and clearing it ends it', () => {
  const { time, wheel, due } = rig();
  const moved = new Deadline(() => due.push('moved'));
  wheel.set(moved, 1_000);
  wheel.set(moved, 5_000);
  time.advance(4_999);
  assert.deepEqual(due, []);
  wheel.set(moved, 100);
  time.advance(350);
  assert.deepEqual(due, ['moved']);
  wheel.set(moved, 100);
  wheel.clear(moved);
  time.advance(5_000);
  assert.deepEqual(due, ['moved']);
  assert.equal(time.pendingTimerCount, 0);
});

test('a deadline that another one of the same instant clears neither comes due nor stays filed', () => {
  const { time, wheel, due } = rig();
  const second = new Deadline(() => due.push('second'));
  const first = new Deadline(() => {
    due.push('first');
    wheel.clear(second);
  });
  wheel.set(first, 1_000);
  wheel.set(second, 1_000);
  time.advance(10_000);
  assert.deepEqual(due, ['first']);
  assert.equal(time.pendingTimerCount, 0, 'an empty wheel keeps no timer');
});

test('a deadline may set itself and others again while it comes due', () => {
  const { time, wheel, due } = rig();
  const other = new Deadline(() => due.push('other'));
  const repeating = new Deadline(() => {
    due.push('repeating');
    wheel.clear(other);
    wheel.set(other, 600);
    if (due.length < 4) wheel.set(repeating, 500);
  });
  wheel.set(repeating, 500);
  wheel.set(other, 500);
  time.advance(1_000);
  assert.deepEqual(due, ['repeating', 'repeating']);
  time.advance(10_000);
  assert.deepEqual(due, ['repeating', 'repeating', 'repeating', 'repeating', 'other']);
  assert.equal(time.pendingTimerCount, 0);
});

test('a deadline at Infinity, or years away, never comes due early and can be cleared', () => {
  const { time, wheel, due } = rig();
  const never = new Deadline(() => due.push('never'));
  const years = new Deadline(() => due.push('years'));
  wheel.set(never, Infinity);
  assert.equal(time.pendingTimerCount, 0);
  wheel.set(years, 2 ** 45);
  time.advance(3_000);
  wheel.clear(years);
  time.advance(1_000);
  assert.deepEqual(due, []);
  assert.equal(time.pendingTimerCount, 0);
});

test('a stopped wheel has no timer and lets nothing come due', () => {
  const { time, wheel, due } = rig();
  wheel.set(new Deadline(() => due.push('late')), 100);
  wheel.stop();
  assert.equal(time.pendingTimerCount, 0);
  time.advance(5_000);
  assert.deepEqual(due, []);
});

test('a listener that throws costs nobody else a deadline, and is reported', () => {
  const time = new VirtualTime();
  const errors: unknown[] = [];
  const wheel = new DeadlineWheel(time, GRANULARITY_MS, {
    onError: (error) => errors.push(error),
  });
  const due: string[] = [];
  const failing = new Deadline(() => {
    throw new Error('of a listener');
  });
  wheel.set(failing, 1_000);
  for (const name of ['same', 'bucket']) wheel.set(new Deadline(() => due.push(name)), 1_000);
  wheel.set(new Deadline(() => due.push('later')), 5_000);
  time.advance(1_500);
  assert.deepEqual(due, ['same', 'bucket']);
  time.advance(5_000);
  assert.deepEqual(due, ['same', 'bucket', 'later']);
  assert.deepEqual(errors, [new Error('of a listener')]);
  // It may be set again like any other.
  wheel.set(failing, 100);
  time.advance(1_000);
  assert.equal(errors.length, 2);
  assert.equal(time.pendingTimerCount, 0);
});

test('without anybody to tell, what a listener throws is thrown when the others have come due', () => {
  const { time, wheel, due } = rig();
  wheel.set(
    new Deadline(() => {
      throw new Error('of a listener');
    }),
    100,
  );
  wheel.set(new Deadline(() => due.push('other')), 100);
  assert.throws(() => time.advance(1_000), /of a listener/);
  assert.deepEqual(due, ['other']);
});

test('many that are due at once take several turns, in their order, and may be cleared or moved between', () => {
  const time = new VirtualTime();
  const turns = new TurnBudget(time);
  const wheel = new DeadlineWheel(time, GRANULARITY_MS, { turns });
  const due: number[] = [];
  const count = MAX_SLICE_UNITS * 3;
  const dueInTurn = new Map<number, number>();
  const deadlines = Array.from({ length: count }, (_, index) => new Deadline(() => comeDue(index)));
  const comeDue = (index: number): void => {
    due.push(index);
    dueInTurn.set(turns.number, (dueInTurn.get(turns.number) ?? 0) + 1);
    // The first disturbs what the next slices were to look at.
    if (due.length > 1) return;
    wheel.clear(deadlines[count - 1]!);
    wheel.set(deadlines[count - 2]!, 10_000);
    wheel.clear(deadlines[count - 3]!);
    wheel.set(deadlines[count - 3]!, 10_000);
    wheel.set(deadlines[0]!, 0);
  };
  for (const deadline of deadlines) wheel.set(deadline, 1_000);
  time.advance(3_000);
  const untouched = Array.from({ length: count - 3 }, (_, index) => index);
  assert.deepEqual(due, [...untouched, 0]);
  assert.ok(Math.max(...dueInTurn.values()) <= MAX_SLICE_UNITS, 'one turn took too many');
  time.advance(20_000);
  assert.deepEqual(new Set(due.slice(count - 2)), new Set([count - 2, count - 3]));
  assert.equal(time.pendingTimerCount, 0);
});

test('a wheel that is stopped in the middle of a sweep lets nothing more come due', () => {
  const time = new VirtualTime();
  const wheel = new DeadlineWheel(time, GRANULARITY_MS, { turns: new TurnBudget(time) });
  let count = 0;
  for (let index = 0; index < MAX_SLICE_UNITS * 2; index++) {
    wheel.set(
      new Deadline(() => {
        count += 1;
        if (count === 10) wheel.stop();
      }),
      100,
    );
  }
  time.advance(5_000);
  assert.equal(count, 10);
  assert.equal(time.pendingTimerCount, 0);
});

for (const withTurns of [false, true]) {
  const how = withTurns ? 'in slices' : 'in one go';
  test(`a wheel behaves as a list of instants, for any settings, moves and clears: ${how}`, () => {
    for (let seed = 1; seed <= 40; seed++) behavesAsList(seed, withTurns);
  });
}

/** Makes every single one wait for a turn of its own. */
class Miser extends TurnBudget {
  override spend(): boolean {
    return false;
  }
}

function behavesAsList(seed: number, withTurns: boolean): void {
  const time = new VirtualTime();
  const turns = withTurns ? new Miser(time) : undefined;
  const wheel = new DeadlineWheel(time, GRANULARITY_MS, turns === undefined ? {} : { turns });
  const random = new SeededRandom(seed);
  const expected: number[] = Array.from({ length: 12 }, () => Infinity);
  const deadlines = expected.map((_, index) => new Deadline(() => comeDue(index)));
  const comeDue = (index: number): void => {
    const lateMs = time.monotonicMs() - expected[index]!;
    assert.ok(lateMs >= 0 && lateMs <= GRANULARITY_MS, `seed ${seed}: ${lateMs} ms late`);
    expected[index] = Infinity;
    // What comes due disturbs others, as sessions do that end together.
    const other = random.below(deadlines.length);
    if (random.below(2) === 0) change(other);
  };
  const change = (index: number): void => {
    if (random.below(3) === 0) {
      wheel.clear(deadlines[index]!);
      expected[index] = Infinity;
      return;
    }
    const delayMs = random.below(1_500);
    wheel.set(deadlines[index]!, delayMs);
    expected[index] = time.monotonicMs() + delayMs;
  };
  for (let step = 0; step < 200; step++) {
    change(random.below(deadlines.length));
    time.advance(random.below(300));
    for (const dueAtMs of expected) {
      assert.ok(dueAtMs + GRANULARITY_MS >= time.monotonicMs(), `seed ${seed}: one was missed`);
    }
  }
  for (const deadline of deadlines) wheel.clear(deadline);
  time.advance(GRANULARITY_MS);
  assert.equal(time.pendingTimerCount, 0, `seed ${seed}`);
}
