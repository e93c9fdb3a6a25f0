/** Proves that an iterator which fails in its end does no harm. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancellation } from '../../foundation/index.js';
import { nextOf } from './values.js';

test('an iterator that throws when it is ended leaves no rejection behind, and its taker hears of the cancellation', async (context) => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', listener);
  context.after(() => process.off('unhandledRejection', listener));
  const cancellation = new Cancellation();
  cancellation.cancel();
  const iterator: AsyncIterator<unknown> = {
    next: () => Promise.reject(new Error('next')),
    return: () => {
      throw new Error('return');
    },
  };
  await assert.rejects(nextOf(iterator, cancellation), { code: 'request/cancelled' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
});
