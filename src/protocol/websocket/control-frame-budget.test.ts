/** Proves the token bucket of control frames: a burst, then the rate, and never more after a long silence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlFrameBudget } from './control-frame-budget.js';

function spendAll(budget: ControlFrameBudget, nowMs: number): number {
  let count = 0;
  while (budget.spend(nowMs)) count += 1;
  return count;
}

test('twice the rate may come at once, then what the time has earned', () => {
  const budget = new ControlFrameBudget(10, 1_000);
  assert.equal(spendAll(budget, 1_000), 20);
  assert.equal(spendAll(budget, 1_099), 0);
  assert.equal(spendAll(budget, 1_100), 1);
  assert.equal(spendAll(budget, 2_100), 10);
  assert.equal(spendAll(budget, 1_000_000), 20);
});

test('asking often costs nothing of what is earned in parts', () => {
  const budget = new ControlFrameBudget(10, 0);
  spendAll(budget, 0);
  let count = 0;
  for (let nowMs = 1; nowMs <= 10_000; nowMs++) if (budget.spend(nowMs)) count += 1;
  assert.ok(count === 100 || count === 99, `${count}`);
});
