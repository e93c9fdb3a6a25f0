/** Proves the limits of a server: defaults where nothing is given, an error that names what is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS, limitsOf } from './options.js';

test('a limit that is left out, or undefined, has its default; another is taken', () => {
  const given = { maxMessageBytes: 10, maxOutboundBytes: undefined } as { maxMessageBytes: number };
  assert.deepEqual(limitsOf(given), { ...DEFAULT_LIMITS, maxMessageBytes: 10 });
  assert.deepEqual(limitsOf(), DEFAULT_LIMITS);
});

test('a limit that is not known, or would be none, is refused by name', () => {
  for (const value of [NaN, -1, '5', null]) {
    const given = { maxMessageBytes: value as number };
    assert.throws(() => limitsOf(given), /^RangeError: limits\.maxMessageBytes must be a number/);
  }
  const text = { maxMessageBytes: '5' as unknown as number };
  assert.throws(() => limitsOf(text), /from 0 up; it is "5"$/);
  const mistyped = { maxMesageBytes: 5 } as object;
  assert.throws(
    () => limitsOf(mistyped),
    /^RangeError: limits\.maxMesageBytes is no limit; known: max/,
  );
  assert.throws(() => limitsOf({ toString: 5 } as object), RangeError);
});
