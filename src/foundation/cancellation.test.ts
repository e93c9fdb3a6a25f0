/** Proves cancellation: once, in order, and no listener can keep it from the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancellation } from './index.js';

test('listeners run once, in order; one that was withdrawn does not, one that comes late runs at once', () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  cancellation.onCancelled(() => heard.push('first'));
  const withdraw = cancellation.onCancelled(() => heard.push('withdrawn'));
  cancellation.onCancelled(() => heard.push('second'));
  withdraw();
  cancellation.cancel();
  cancellation.cancel();
  cancellation.onCancelled(() => heard.push('late'));
  assert.deepEqual(heard, ['first', 'second', 'late']);
  assert.equal(cancellation.isCancelled, true);
});

test('a listener that throws keeps none of the others from running, and its exception is not lost', () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  cancellation.onCancelled(() => {
    throw new Error('broken');
  });
  cancellation.onCancelled(() => {
    throw new Error('broken too');
  });
  cancellation.onCancelled(() => heard.push('reached'));
  assert.throws(() => cancellation.cancel(), /^Error: broken$/);
  assert.deepEqual([heard, cancellation.isCancelled], [['reached'], true]);
});

test('a listener that is given twice is there twice, and each is withdrawn by itself, once', () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  const twice = (): number => heard.push('twice');
  const withdrawFirst = cancellation.onCancelled(twice);
  cancellation.onCancelled(() => heard.push('between'));
  const withdrawLast = cancellation.onCancelled(twice);
  withdrawFirst();
  withdrawFirst();
  cancellation.onCancelled(() => heard.push('last'));
  cancellation.cancel();
  withdrawLast();
  assert.deepEqual(heard, ['between', 'twice', 'last']);
});

test('what is withdrawn in any order leaves the others in theirs', () => {
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
    [2, 0, 3, 1],
  ]) {
    for (let count = 0; count <= order.length; count++) {
      const cancellation = new Cancellation();
      const heard: number[] = [];
      const withdrawals = order.map((_, index) =>
        cancellation.onCancelled(() => heard.push(index)),
      );
      for (const index of order.slice(0, count)) withdrawals[index]?.();
      cancellation.onCancelled(() => heard.push(9));
      cancellation.cancel();
      const left = [0, 1, 2, 3].filter((index) => !order.slice(0, count).includes(index));
      assert.deepEqual(heard, [...left, 9], `${count} of ${order.join()}`);
    }
  }
});

test('a listener that withdraws another, or listens once more, while all are being told', () => {
  const cancellation = new Cancellation();
  const heard: string[] = [];
  cancellation.onCancelled(() => {
    heard.push('first');
    withdraw();
    cancellation.onCancelled(() => heard.push('at once'));
  });
  const withdraw = cancellation.onCancelled(() => heard.push('withdrawn'));
  cancellation.onCancelled(() => heard.push('last'));
  cancellation.cancel();
  assert.deepEqual(heard, ['first', 'at once', 'last']);
});

test('a hundred thousand listeners are withdrawn, in any order, without a look at the others', () => {
  const cancellation = new Cancellation();
  const withdrawals = Array.from({ length: 100_000 }, () => cancellation.onCancelled(() => {}));
  for (const withdraw of withdrawals.toReversed()) withdraw();
  for (let count = 0; count < 100_000; count++) cancellation.onCancelled(() => {})();
  let heard = 0;
  cancellation.onCancelled(() => (heard += 1));
  cancellation.cancel();
  assert.equal(heard, 1);
});
