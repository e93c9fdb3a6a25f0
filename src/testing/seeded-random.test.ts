import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from './seeded-random.js';

test('the same seed gives the same octets, another seed gives others', () => {
  const octetsOf = (seed: number): Uint8Array => {
    const octets = new Uint8Array(37);
    new SeededRandom(seed).fill(octets);
    return octets;
  };
  assert.deepEqual(octetsOf(7), octetsOf(7));
  assert.notDeepEqual(octetsOf(7), octetsOf(8));
  assert.deepEqual([...octetsOf(1).subarray(0, 4)], [0xa0, 0x87, 0xea, 0xf3]);
});

test('fractions lie in [0, 1) and spread evenly', () => {
  const random = new SeededRandom(42);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let round = 0; round < 10_000; round++) {
    const fraction = random.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
    const place = Math.floor(fraction * 10);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(Math.abs(count - 1000) < 150, String(counts));
});

test('below and pick stay inside their bounds and reach all of them', () => {
  const random = new SeededRandom(3);
  const numbers = new Set(Array.from({ length: 200 }, () => random.below(5)));
  assert.deepEqual(
    [...numbers].sort((a, b) => a - b),
    [0, 1, 2, 3, 4],
  );
  const picked = new Set(Array.from({ length: 200 }, () => random.pick(['a', 'b', 'c'])));
  assert.deepEqual([...picked].sort(), ['a', 'b', 'c']);
});
