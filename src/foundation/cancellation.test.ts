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
