import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from './virtual-time.js';

test('timers run in the order of their instants, and see that instant on both clocks', () => {
  const time = new VirtualTime(1_000_000);
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name}@${time.monotonicMs()}/${time.nowMs()}`);
  time.after(20, note('late'));
  time.after(10, note('first'));
  time.after(10, note('second'));
  time.advance(19);
  assert.deepEqual(seen, ['first@10/1000010', 'second@10/1000010']);
  time.advance(1);
  assert.equal(seen[2], 'late@20/1000020');
  assert.equal(time.pendingTimerCount, 0);
});

test('a timer set by a timer runs in the same advance when it comes due in it', () => {
  const time = new VirtualTime();
  const seenAtMs: number[] = [];
  const again = (): void => {
    seenAtMs.push(time.monotonicMs());
    time.after(10, again);
  };
  time.after(10, again);
  time.advance(35);
  assert.deepEqual(seenAtMs, [10, 20, 30]);
  assert.equal(time.monotonicMs(), 35);
});

test('a cancelled timer does not run, and cancelling twice is harmless', () => {
  const time = new VirtualTime();
  const cancel = time.after(5, () => assert.fail('it was cancelled'));
  cancel();
  cancel();
  time.advance(10);
  assert.equal(time.pendingTimerCount, 0);
});

test('ticks run before turns, and both before the next timer', () => {
  const time = new VirtualTime();
  const seen: string[] = [];
  time.after(0, () => {
    time.afterTurn(() => {
      seen.push('turn');
      time.afterTick(() => seen.push('tick of the turn'));
      time.afterTurn(() => seen.push('second turn'));
    });
    time.afterTick(() => seen.push('tick'));
  });
  time.after(0, () => seen.push('next timer'));
  time.advance(0);
  assert.deepEqual(seen, ['tick', 'turn', 'tick of the turn', 'second turn', 'next timer']);
});

test('setting the wall clock moves neither the monotonic clock nor a timer', () => {
  const time = new VirtualTime(5000);
  let ran = 0;
  time.after(10, () => (ran += 1));
  time.setNowMs(1);
  assert.equal(time.nowMs(), 1);
  time.advance(9);
  assert.equal(ran, 0);
  time.advance(1);
  assert.equal(ran, 1);
  assert.equal(time.nowMs(), 11);
});
