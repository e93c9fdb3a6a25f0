import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryMetrics, TurnBudget } from '../foundation/index.js';
import { VirtualTime } from '../testing/index.js';
import { InputFlow, InputFlowBudget } from './input-flow.js';

function rig(maxBytes = 1_000_000, time = new VirtualTime()) {
  const metrics = new MemoryMetrics();
  const turns = new TurnBudget(time);
  const budget = new InputFlowBudget(maxBytes, turns, metrics);
  let shareCount = 0;
  const flow = (limits = { maxOperationCount: 4, maxWaitingBytes: 100_000 }) => {
    const gate = {
      pauses: 0,
      pauseInput: () => void (gate.pauses += 1),
      resumeInput: () => void (gate.pauses -= 1),
    };
    return { gate, flow: new InputFlow(gate, limits, budget, `share ${(shareCount += 1)}`) };
  };
  return { time, turns, metrics, budget, flow };
}

test('a session with too many operations under way is not read until half of them have settled', () => {
  const { flow: make, metrics } = rig();
  const { flow, gate } = make();
  for (let count = 0; count < 3; count++) flow.begin(10);
  assert.equal(gate.pauses, 0);
  flow.begin(10);
  assert.equal(gate.pauses, 1);
  flow.begin(10);
  assert.equal(gate.pauses, 1, 'paused once');
  assert.equal(metrics.value('limit_reached', { limit: 'maxOperationCount' }), 1);
  for (let count = 0; count < 2; count++) flow.end(10);
  assert.equal(gate.pauses, 1);
  flow.end(10);
  assert.equal(gate.pauses, 0);
});

test('so is one whose operations have too many octets', () => {
  const { flow: make } = rig();
  const { flow, gate } = make();
  for (let count = 0; count < 3; count++) flow.begin(40_000);
  assert.equal(gate.pauses, 1);
  flow.end(40_000);
  assert.equal(gate.pauses, 1, 'not before half of what it may have is free');
  flow.end(40_000);
  assert.equal(gate.pauses, 0);
});

test('when the server has too much under way, those that have next to nothing are read all the same', () => {
  const { flow: make, budget, time, turns, metrics } = rig(150_000);
  const [hog, other, late] = [make(), make(), make()];
  hog.flow.begin(90_000);
  other.flow.begin(60_000);
  assert.equal(budget.isSpent, true);
  assert.deepEqual([hog.gate.pauses, other.gate.pauses], [0, 1]);
  late.flow.begin(100);
  assert.equal(late.gate.pauses, 0);
  hog.flow.begin(100);
  assert.equal(hog.gate.pauses, 1);
  assert.equal(metrics.value('limit_reached', { limit: 'maxTotalWaitingBytes' }), 2);
  hog.flow.begin(70_000);
  late.flow.end(100);
  hog.flow.end(90_000);
  time.advance(0);
  assert.equal(other.gate.pauses, 1, 'not before a quarter of the sum is free');
  hog.flow.end(70_000);
  time.advance(0);
  assert.deepEqual([hog.gate.pauses, other.gate.pauses], [0, 0]);
  late.flow.begin(100);
  late.flow.end(100);
  assert.equal(turns.waitingCount, 0, 'nobody waits, so nobody is looked for');
});

test('[B1] sessions that are read again take their turns', () => {
  let nowMs = 0;
  const due: (() => void)[] = [];
  const time = Object.assign(new VirtualTime(), {
    monotonicMs: () => nowMs,
    afterTurn: (callback: () => void) => void due.push(callback),
  });
  const { flow: make } = rig(3_000_000, time);
  const hog = make();
  hog.flow.begin(3_000_000);
  const others = Array.from({ length: 100 }, () => make());
  let resumedCount = 0;
  for (const { flow, gate } of others) {
    gate.resumeInput = () => {
      nowMs += 1;
      resumedCount += 1;
    };
    flow.begin(20_000);
  }
  assert.equal(resumedCount, 0);
  hog.flow.end(3_000_000);
  for (let before = 0; due.length > 0; before = resumedCount) {
    for (const step of due.splice(0)) step();
    assert.ok(resumedCount - before <= 32, `${resumedCount - before} of 1 ms in one turn`);
  }
  assert.equal(resumedCount, 100);
});

test('a session that has ended is read on, and what of it is under way counts until it settles', () => {
  const { flow: make, budget } = rig();
  const { flow, gate } = make();
  for (let count = 0; count < 5; count++) flow.begin(10);
  flow.sessionEnded();
  assert.equal(gate.pauses, 0);
  flow.begin(10);
  assert.equal(gate.pauses, 0);
  assert.equal(budget.bytes, 60);
  for (let count = 0; count < 6; count++) flow.end(10);
  assert.equal(budget.bytes, 0);
});

test('what is kept beside operations is bounded by shares, and holds up no operation', () => {
  const { flow: make, budget } = rig(100_000);
  const [hog, other] = [make(), make()];
  assert.equal(hog.flow.keep(50_000), true);
  assert.equal(hog.flow.keep(1_000), false, 'half of it is left for the others');
  assert.equal(other.flow.keep(20_000), true);
  hog.flow.begin(10);
  assert.deepEqual([hog.gate.pauses, budget.isSpent], [0, false]);
  hog.flow.letGo(50_000);
  other.flow.letGo(20_000);
  assert.equal(budget.kept.total, 0);
});

test('those that wait for the sum are all looked at, though a turn has no room for them', () => {
  const { flow: make, time } = rig(150_000);
  const hog = make();
  hog.flow.begin(90_000);
  const others = Array.from({ length: 40 }, () => make());
  for (const { flow } of others) flow.begin(20_000);
  assert.equal(others.filter(({ gate }) => gate.pauses === 1).length, 38);
  hog.flow.end(90_000);
  for (const { flow } of others.slice(0, 38)) flow.end(20_000);
  time.advance(0);
  assert.ok(others.every(({ gate }) => gate.pauses === 0));
});
