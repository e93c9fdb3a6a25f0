/** Proves the wheel: never early, late by at most one granularity, and nothing left behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom, VirtualTime } from '../testing/index.js';
import { Deadline, DeadlineWheel } from './index.js';

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

test('a wheel behaves as a list of instants, for any settings, moves and clears', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { time, wheel } = rig();
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
});
