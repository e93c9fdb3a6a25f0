/** Proves the order of handlers and its bound. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestError } from '../foundation/index.js';
import { HandlerLine } from './index.js';

/** A task that ends when it is told to. */
function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => {};
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open: () => open() };
}

test('[O3] tasks run one after another, in the order in which they came', async () => {
  const line = new HandlerLine(10);
  const log: string[] = [];
  const gates = [gate(), gate(), gate()];
  const runs = gates.map(({ promise }, index) =>
    line.run(async () => {
      log.push(`begin ${index}`);
      await promise;
      log.push(`end ${index}`);
      return index;
    }),
  );
  for (const { open } of gates.toReversed()) open();
  assert.deepEqual(await Promise.all(runs), [0, 1, 2]);
  assert.deepEqual(log, ['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
});

test('[O3] the first task begins at once, without waiting for a turn', () => {
  const line = new HandlerLine(1);
  let hasBegun = false;
  void line.run(async () => {
    hasBegun = true;
  });
  assert.ok(hasBegun);
});

test('[O3] a task that fails lets the next one begin', async () => {
  const line = new HandlerLine(10);
  const failed = line.run(() => Promise.reject(new Error('no')));
  const next = line.run(() => Promise.resolve('next'));
  await assert.rejects(failed, /no/);
  assert.equal(await next, 'next');
});

test('[O3] a task that leaves the line lets one other begin, not two', async () => {
  const line = new HandlerLine(10);
  const log: string[] = [];
  const [long, second] = [gate(), gate()];
  const runs = [
    line.run(async (leave) => {
      log.push('stream');
      leave();
      await long.promise;
      log.push('stream ends');
    }),
    line.run(async () => {
      log.push('second');
      long.open();
      await second.promise;
      log.push('second ends');
    }),
    line.run(async () => {
      log.push('third');
    }),
  ];
  await runs[0];
  assert.deepEqual(log, ['stream', 'second', 'stream ends'], 'its end is not a turn of the line');
  second.open();
  await Promise.all(runs);
  assert.deepEqual(log.slice(3), ['second ends', 'third']);
});

test('[O3] one more than may wait is refused with app/busy, and the line goes on', async () => {
  const line = new HandlerLine(2);
  const { promise, open } = gate();
  const runs = [line.run(() => promise), line.run(async () => {}), line.run(async () => {})];
  await assert.rejects(
    line.run(async () => {}),
    (error) => error instanceof RequestError && error.code === 'app/busy' && error.number === 501,
  );
  open();
  await Promise.all(runs);
  assert.equal(await line.run(() => Promise.resolve(1)), 1);
});

test('[O3] a task that has left the line counts beside it until it settles; without room there it cannot leave', async () => {
  let refusedCount = 0;
  const line = new HandlerLine(1, () => (refusedCount += 1));
  const { promise, open } = gate();
  const busy = (error: unknown) => error instanceof RequestError && error.code === 'app/busy';
  const stream = line.run(async (leave) => {
    leave();
    leave();
    await promise;
  });
  await assert.rejects(
    line.runBeside(async () => {}),
    busy,
  );
  await assert.rejects(
    line.run(async (leave) => leave()),
    busy,
  );
  assert.equal(refusedCount, 2);
  open();
  await stream;
  assert.equal(await line.runBeside(() => Promise.resolve(1)), 1);
  assert.equal(await line.run(async (leave) => (leave(), 2)), 2);
});

test('[O3] a task that has to wait says so, one that begins or is refused does not', async () => {
  const line = new HandlerLine(1);
  const { promise, open } = gate();
  const heard: string[] = [];
  const run = (name: string): Promise<void> =>
    line.run(
      () => {
        heard.push(`${name} begins`);
        return promise;
      },
      () => heard.push(`${name} waits`),
    );
  const runs = [run('first'), run('second')];
  await assert.rejects(run('third'), { code: 'app/busy' });
  assert.deepEqual(heard, ['first begins', 'second waits']);
  open();
  await Promise.all(runs);
  assert.deepEqual(heard, ['first begins', 'second waits', 'second begins']);
});

test('[B1] the next task begins when there is room for it, and those that come meanwhile stay behind it', async () => {
  const due: (() => void)[] = [];
  const line = new HandlerLine(
    10,
    () => {},
    (next) => void due.push(next),
  );
  const log: number[] = [];
  const run = (index: number): Promise<void> => line.run(async () => void log.push(index));
  const runs = [run(1), run(2)];
  await runs[0];
  runs.push(run(3));
  assert.deepEqual([log, due.length], [[1], 1]);
  due.shift()?.();
  await runs[1];
  due.shift()?.();
  await runs[2];
  assert.deepEqual([log, due.length], [[1, 2, 3], 0]);
});
