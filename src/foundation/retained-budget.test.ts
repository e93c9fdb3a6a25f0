/** Proves who gets room in what all share, in which order it is made, and that nobody is asked for more than a part. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MemoryMetrics,
  RecencyEntry,
  RecencyList,
  RetainedBudget,
  SERVER_SHARE,
  Shares,
} from './index.js';

test('a share may hold as much as is left free: there is always room for the next', () => {
  const shares = new Shares(1_200);
  const fill = (share: string): number => {
    while (shares.admits(share, 1)) shares.add(share, 1);
    return shares.of(share);
  };
  assert.equal(fill('a'), 600);
  assert.deepEqual([fill('b'), fill('c')], [300, 150]);
  // The last eighth is for those who hold next to nothing.
  assert.deepEqual([fill('d'), fill('e'), fill('a')], [1, 1, 600]);
  shares.add('a', -500);
  assert.ok(fill('d') > 250, 'who had to wait comes to as much');
  assert.ok(shares.total < 1_200);
  shares.add('e', -1);
  shares.add(SERVER_SHARE, 1_200 - shares.total);
  assert.ok(!shares.admits(SERVER_SHARE, 1) && !shares.admits('e', 1), 'full is full');
});

test('a crowd that holds much leaves the last eighth to whoever comes with little', () => {
  const shares = new Shares(100_000);
  for (let session = 0; session < 125; session++) {
    for (let count = 0; count < 1_000 && shares.admits(`s${session}`, 1); count++) {
      shares.add(`s${session}`, 1);
    }
  }
  let servedCount = 0;
  while (servedCount < 400 && shares.admits(`newcomer${servedCount}`, 20)) {
    shares.add(`newcomer${servedCount++}`, 20);
  }
  assert.equal(servedCount, 400);
});

test('the server has no share, and is the last to be asked for what it has', () => {
  const shares = new Shares(1_000);
  assert.ok(shares.admits(SERVER_SHARE, 1_000));
  assert.ok(!shares.admits('a', 501) && shares.admits('a', 500));
  shares.add(SERVER_SHARE, 400);
  shares.add('small', 3);
  shares.add('large', 100);
  assert.deepEqual([...shares.largest()], ['large', 'small', SERVER_SHARE]);
  shares.add(SERVER_SHARE, 200);
  assert.deepEqual([...shares.largest()], [SERVER_SHARE, 'large', 'small']);
  shares.add('large', -100);
  shares.add('small', -3);
  assert.deepEqual([shares.shareCount, shares.total], [1, 600]);
});

test('who holds most is found within a factor of two, whatever was added and taken', () => {
  const shares = new Shares(Infinity);
  const amounts = new Map<string, number>();
  let seed = 1;
  for (let step = 0; step < 20_000; step++) {
    seed = (seed * 48_271) % 2_147_483_647;
    const share = `o${seed % 50}`;
    const before = amounts.get(share) ?? 0;
    const by = seed % 3 === 0 ? -before : (seed % 1_000) + 1;
    shares.add(share, by);
    amounts.set(share, before + by);
    const [first = ''] = shares.largest();
    const most = Math.max(...amounts.values());
    if (most > 0) assert.ok((amounts.get(first) ?? 0) * 2 >= most, `step ${step}`);
  }
});

function rig(maxBytes: number) {
  const metrics = new MemoryMetrics();
  const budget = new RetainedBudget(maxBytes, metrics);
  const asked: string[] = [];
  const held = new Map<string, number>();
  const keep = (share: string, bytes: number): void => {
    held.set(share, (held.get(share) ?? 0) + bytes);
    budget.charge(share, bytes);
  };
  const letGo =
    (stage: string) =>
    (bytes: number, share: string = '') => {
      asked.push(`${stage} ${share}`);
      const freed = Math.min(bytes, held.get(share) ?? 0);
      keep(share, -freed);
      return freed;
    };
  return { metrics, budget, asked, keep, letGo };
}

test('room is made in the stated order: what lingers, then histories of who has most', () => {
  const { budget, metrics, asked, keep, letGo } = rig(1_000);
  let lingeringBytes = 300;
  budget.measure(() => lingeringBytes);
  budget.onShortage('lingering', (bytes) => {
    asked.push('lingering');
    const freed = Math.min(bytes, lingeringBytes);
    lingeringBytes -= freed;
    return freed;
  });
  budget.onShortage('history', letGo('history'));
  keep('a', 100);
  keep('b', 600);
  assert.ok(budget.admits('c', 100));
  assert.deepEqual([asked, lingeringBytes], [['lingering'], 200]);
  keep('c', 100);
  assert.ok(budget.admits('c', 120));
  assert.deepEqual([asked.length, lingeringBytes], [2, 80]);
  keep('c', 100);
  lingeringBytes = 0;
  keep(SERVER_SHARE, 100);
  assert.ok(budget.admits('d', 50));
  assert.deepEqual(asked.slice(2), ['lingering', 'history b']);
  assert.equal(metrics.value('retained_evictions', { stage: 'history' }), 1);
  assert.equal(metrics.value('retained_evicted_bytes', { stage: 'history' }), 50);
});

test('who is beyond its part is asked alone, though others hold more', () => {
  const { budget, asked, keep, letGo } = rig(1_000);
  const lingering = letGo('lingering');
  // Of anybody there is nothing: what there is has somebody it is kept for.
  budget.onShortage('lingering', (bytes, share) =>
    share === undefined ? 0 : lingering(bytes, share),
  );
  budget.onShortage('history', letGo('history'));
  keep('a', 400);
  keep('b', 550);
  assert.ok(budget.admits('a', 100));
  assert.deepEqual([...new Set(asked)], ['lingering a']);
  assert.equal(budget.bytesOf('b'), 550);
});

test('who asks for room has others let go a bounded number of times, however little they free', () => {
  const { budget, keep } = rig(1_000);
  let releaseCount = 0;
  budget.onShortage('history', (_, share) => {
    releaseCount += 1;
    keep(share ?? '', -1);
    return 1;
  });
  keep('a', 990);
  assert.ok(!budget.admits('b', 300));
  assert.equal(releaseCount, 8);
});

test('who is beyond its part lets go of its own, or is refused and counted; others lose nothing', () => {
  const { budget, metrics, asked, keep, letGo } = rig(1_000);
  budget.onShortage('history', letGo('history'));
  budget.onShortage('followed-history', letGo('followed'));
  keep('a', 500);
  assert.ok(budget.admits('a', 10));
  assert.deepEqual(asked, ['history a']);
  const other = rig(1_000);
  other.budget.onShortage('followed-history', other.letGo('followed'));
  other.keep('a', 500);
  assert.ok(!other.budget.admits('a', 10));
  assert.equal(other.asked.length, 0, 'what somebody follows is kept');
  assert.equal(other.metrics.value('limit_reached', { limit: 'maxRetainedBytes' }), 1);
  assert.ok(!other.budget.admits('b', 501), 'more than one can ever have');
  other.keep(SERVER_SHARE, 500);
  assert.ok(other.budget.admits('b', 100), 'below its part there is room');
  assert.deepEqual(other.asked.slice(0, 1), ['followed a']);
  assert.equal(metrics.value('limit_reached', { limit: 'maxRetainedBytes' }), 0);
});

test('the gauge follows what is kept, and comes back to nothing', () => {
  const { budget, metrics } = rig(1_000_000);
  for (let count = 0; count < 1_000; count++) budget.charge('a', 100);
  assert.ok(Math.abs(metrics.value('retained_bytes') - 100_000) < 5_000);
  budget.charge('a', -100_000);
  assert.deepEqual([metrics.value('retained_bytes'), budget.bytes], [0, 0]);
});

test('a list of use has the least recently used first, wherever one is taken out', () => {
  const list = new RecencyList<number>();
  const entries = Array.from({ length: 5 }, (_, index) => new RecencyEntry(index));
  for (const entry of entries) list.touch(entry);
  const order = (): number[] => {
    const found: number[] = [];
    for (let next = list.oldest; next !== undefined; next = next.newer) found.push(next.value);
    return found;
  };
  list.touch(entries[0]!);
  list.touch(entries[0]!);
  list.touch(entries[2]!);
  assert.deepEqual(order(), [1, 3, 4, 0, 2]);
  for (const index of [3, 1, 2, 2]) list.remove(entries[index]!);
  assert.deepEqual(order(), [4, 0]);
  list.touch(entries[3]!);
  assert.deepEqual(order(), [4, 0, 3]);
  for (const entry of entries) list.remove(entry);
  assert.deepEqual([order(), list.isEmpty], [[], true]);
});
