/** Proves what connections share: keys that are never used twice, one flush for a tick, and the host's time and randomness. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeRandom } from '../../node-random.js';
import { nodeTime } from '../../node-time.js';
import { EngineLoop, MaskPool } from './engine-loop.js';

test('§5.3: every masking key is drawn once, in the order of the random octets', () => {
  let drawn = 0;
  const sizes: number[] = [];
  const pool = new MaskPool({
    fill: (target) => {
      sizes.push(target.length);
      for (let at = 0; at < target.length; at += 4) {
        new DataView(target.buffer).setUint32(at, drawn++, true);
      }
    },
  });
  for (let expected = 0; expected < 10_000; expected++) assert.equal(pool.next(), expected);
  assert.equal(sizes[0], 256);
  assert.equal(Math.max(...sizes), 8192);
});

test('whoever asks for a flush in a tick is flushed once at its end', async () => {
  const loop = new EngineLoop();
  const flushed: string[] = [];
  loop.flushAfterTick({ flush: () => void flushed.push('a') });
  loop.flushAfterTick({ flush: () => void flushed.push('b') });
  assert.deepEqual(flushed, []);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(flushed, ['a', 'b']);
});

test("the host's time runs callbacks after the tick, after the turn and after a delay that can be cancelled", async () => {
  const time = nodeTime();
  const order: string[] = [];
  const cancel = time.after(1, () => order.push('cancelled'));
  cancel();
  const delayed = new Promise<void>((resolve) => {
    // The delay alone does not keep the process alive, so something else does.
    const alive = setInterval(() => {}, 1000);
    time.after(5, () => {
      clearInterval(alive);
      order.push('delay');
      resolve();
    });
  });
  const turned = new Promise<void>((resolve) => {
    time.afterTurn(() => {
      order.push('turn');
      resolve();
    });
  });
  time.afterTick(() => order.push('tick'));
  const earliestMs = Date.now();
  const nowMs = time.nowMs();
  assert.ok(nowMs >= earliestMs && nowMs <= Date.now());
  const startMs = time.monotonicMs();
  await Promise.all([delayed, turned]);
  assert.ok(time.monotonicMs() > startMs);
  assert.deepEqual(
    order.filter((entry) => entry !== 'delay'),
    ['tick', 'turn'],
  );
});

test("the host's randomness fills all of what it is given", () => {
  const octets = new Uint8Array(1000);
  nodeRandom().fill(octets);
  assert.ok(new Set(octets).size > 100);
});
