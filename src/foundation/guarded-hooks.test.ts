/** Proves that neither a log nor metrics of an application can end, or flood, whoever uses them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from '../testing/index.js';
import {
  GuardedLog,
  GuardedMetrics,
  MAX_LOG_LINES_A_SECOND,
  MemoryMetrics,
  type Log,
  type LogFields,
  type Metrics,
} from './index.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** A log whose every method is this one. */
function logOf(say: (message: string, fields?: LogFields) => unknown): Log {
  const method = say as (message: string) => void;
  return { debug: method, info: method, warn: method, error: method };
}

function rig(say: (message: string, fields?: LogFields) => unknown) {
  const time = new VirtualTime();
  const metrics = new MemoryMetrics();
  return { time, metrics, log: new GuardedLog(logOf(say), metrics, time) };
}

test('what a log throws, or rejects with, is swallowed and counted', async (t) => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', listener);
  t.after(() => process.off('unhandledRejection', listener));
  const answers: (() => unknown)[] = [
    () => {
      throw new Error('sync');
    },
    () => Promise.reject(new Error('async')),
    () => ({
      // oxlint-disable-next-line unicorn/no-thenable -- such an answer is what it is about
      then: () => {
        throw new Error('then');
      },
    }),
    () => ({
      // oxlint-disable-next-line unicorn/no-thenable -- such an answer is what it is about
      get then() {
        throw new Error('getter');
      },
    }),
  ];
  for (const answer of answers) {
    const { log, metrics } = rig(answer);
    for (const level of LEVELS) log[level]('a line');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(metrics.value('log_failures'), LEVELS.length, String(answer));
  }
  assert.deepEqual(unhandled, []);
});

test('a log keeps its `this`, and gets the fields as they are', () => {
  const said: unknown[] = [];
  class Own implements Log {
    readonly prefix = 'own';
    debug(message: string, fields?: LogFields): void {
      said.push([this.prefix, message, fields]);
    }
    info(): void {}
    warn(): void {}
    error(): void {}
  }
  const fields = { destination: '/topic/a' };
  new GuardedLog(new Own(), new MemoryMetrics(), new VirtualTime()).debug('a line', fields);
  assert.deepEqual(said, [['own', 'a line', fields]]);
});

test('of lines of one kind so many are written a second, and how many more there were', () => {
  const lines: string[] = [];
  const { time, metrics, log } = rig((message) => lines.push(message));
  for (let index = 0; index < 1_000; index++) log.warn('again', { index });
  log.warn('other');
  // The same words at another level are another kind.
  log.error('again');
  const written = Array.from({ length: MAX_LOG_LINES_A_SECOND }, () => 'again');
  assert.deepEqual(lines, [...written, 'other', 'again']);
  time.advance(1_000);
  assert.equal(lines.at(-1), `${1_000 - MAX_LOG_LINES_A_SECOND} more like this: again`);
  assert.equal(metrics.value('log_lines_suppressed'), 1_000 - MAX_LOG_LINES_A_SECOND);
  lines.length = 0;
  log.warn('again');
  assert.deepEqual(lines, ['again'], 'the next second begins anew');
  time.advance(5_000);
  assert.deepEqual(lines, ['again']);
  assert.equal(time.pendingTimerCount, 0);
});

test('kinds are bounded: those beyond share what one may say', () => {
  const lines: string[] = [];
  const { log } = rig((message) => lines.push(message));
  for (let index = 0; index < 10_000; index++) log.warn(`kind ${index}`);
  assert.equal(lines.length, 256 + MAX_LOG_LINES_A_SECOND);
  log.flush();
  const leftOut = 10_000 - 256 - MAX_LOG_LINES_A_SECOND;
  assert.equal(lines.at(-1), `${leftOut} more like this: lines of other kinds`);
});

test('a log that logs is answered, not followed for ever', () => {
  let count = 0;
  const { log } = rig(() => {
    count += 1;
    log.error('the log says something about itself');
  });
  log.error('the log says something about itself');
  assert.equal(count, MAX_LOG_LINES_A_SECOND);
});

test('what metrics throw, or reject with, is swallowed and said once, though the log counts its own failures in them', async (t) => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', listener);
  t.after(() => process.off('unhandledRejection', listener));
  for (const fail of [
    () => {
      throw new Error('broken');
    },
    () => Promise.reject(new Error('broken')),
  ]) {
    const lines: string[] = [];
    const log: Log = logOf((message) => {
      lines.push(message);
      return fail();
    });
    const metrics = new GuardedMetrics({ count: fail, gauge: fail } as unknown as Metrics, () =>
      guarded.error('metrics failed'),
    );
    const guarded = new GuardedLog(log, metrics, new VirtualTime());
    for (let index = 0; index < 100; index++) {
      metrics.count('sessions_started');
      metrics.gauge('retained_bytes', 1);
      guarded.warn('a line');
    }
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(lines.filter((line) => line === 'metrics failed').length, 1);
  }
  assert.deepEqual(unhandled, []);
});
