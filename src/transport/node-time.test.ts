import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { nodeTime } from './index.js';

test('a delay that no timer can hold waits as long as one can, and does not fire at once', async (context) => {
  const warnings: string[] = [];
  const warned = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', warned);
  context.after(() => process.off('warning', warned));
  const cancels = [2 ** 31, 1e300, Infinity].map((delayMs) => nodeTime().after(delayMs, () => {}));
  await turn();
  for (const cancel of cancels) cancel();
  // Node says when it makes 1 ms of a delay.
  assert.deepEqual(warnings, []);
});
