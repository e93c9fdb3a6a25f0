/** Proves that a copy of a few octets is those octets, at every length and offset. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyFew } from './own-octets.js';

test('a few octets are copied where they belong, and nothing beside them changes', () => {
  const source = Uint8Array.from({ length: 90 }, (_, index) => index + 1);
  for (let length = 0; length <= 66; length++) {
    for (const [at, start] of [
      [0, 0],
      [3, 0],
      [0, 5],
      [9, 14],
    ] as const) {
      const target = new Uint8Array(at + length + 9);
      copyFew(target, at, source, start, start + length);
      const expected = new Uint8Array(target.length);
      expected.set(source.subarray(start, start + length), at);
      assert.deepEqual(target, expected, `${length} octets from ${start} to ${at}`);
    }
  }
});
