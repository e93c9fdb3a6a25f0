/** Proves the percentiles of the load generator against exact ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatencyHistogram } from './latency-histogram.js';

test('a percentile is at most one bucket above the exact one', () => {
  const latencies = fc.array(fc.double({ min: 0, max: 60_000, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(latencies, fc.constantFrom(0.5, 0.9, 0.99, 0.999, 1), (values, share) => {
      const histogram = new LatencyHistogram();
      for (const value of values) histogram.record(value);
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.ceil(share * sorted.length) - 1]!;
      const found = histogram.percentileMs(share);
      assert.ok(found >= exact - 1e-9, `${found} is below ${exact}`);
      assert.ok(found <= exact * (1 + 1 / 64) + 0.001, `${found} is far above ${exact}`);
      assert.equal(histogram.maxMs, sorted.at(-1));
    }),
  );
});

test('several messages count as several, and nothing is left after a reset', () => {
  const histogram = new LatencyHistogram();
  histogram.record(1, 98);
  histogram.record(50, 2);
  assert.equal(histogram.count, 100);
  assert.ok(histogram.percentileMs(0.5) < 1.02);
  assert.equal(histogram.percentileMs(0.99), 50);
  histogram.reset();
  assert.deepEqual([histogram.count, histogram.maxMs, histogram.percentileMs(0.99)], [0, 0, 0]);
});
