/** Proves the ring: positions rise for ever, the tail is forgotten, nothing else is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ring } from './index.js';

test('a ring answers positions that begin where it was told to begin', () => {
  const ring = new Ring<string>(41);
  assert.equal(ring.push('a'), 41);
  assert.equal(ring.push('b'), 42);
  assert.deepEqual([ring.tail, ring.head, ring.size], [41, 43, 2]);
  assert.equal(ring.shift(), 'a');
  assert.equal(ring.at(41), undefined);
  assert.equal(ring.at(42), 'b');
  assert.equal(ring.at(43), undefined);
});

test('an empty ring gives nothing and keeps its position', () => {
  const ring = new Ring<number>(7);
  assert.equal(ring.shift(), undefined);
  assert.deepEqual([ring.tail, ring.head], [7, 7]);
});

test('positions beyond 32 bits find their items', () => {
  const start = 2 ** 40 - 3;
  const ring = new Ring<number>(start);
  for (let item = 0; item < 100; item++) ring.push(item);
  for (let item = 0; item < 100; item++) assert.equal(ring.at(start + item), item);
});

test('a ring behaves as an array that forgets from its front, for any pushes and shifts', () => {
  const steps = fc.array(fc.boolean(), { maxLength: 300 });
  fc.assert(
    fc.property(fc.nat(1000), steps, (start, pushes) => {
      const ring = new Ring<number>(start);
      const model: number[] = [];
      let tail = start;
      let next = 0;
      for (const isPush of pushes) {
        if (isPush) {
          model.push(next);
          assert.equal(ring.push(next++), tail + model.length - 1);
        } else {
          if (model.length > 0) tail += 1;
          assert.equal(ring.shift(), model.shift());
        }
        assert.equal(ring.tail, tail);
        assert.equal(ring.size, model.length);
        for (const [index, item] of model.entries()) assert.equal(ring.at(tail + index), item);
        assert.equal(ring.at(tail - 1), undefined);
        assert.equal(ring.at(ring.head), undefined);
      }
    }),
    { numRuns: 60 },
  );
});
