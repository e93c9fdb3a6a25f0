/** Proves the log of a server that was given none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stderrLog } from './stderr-log.js';

test('warnings and errors are readable lines, the error with its stack; the rest is left out', () => {
  const lines: string[] = [];
  const log = stderrLog((line) => lines.push(line));
  log.debug('no');
  log.info('no');
  log.warn('nobody may', { destination: '/a\nb', count: 2, left: undefined });
  log.error('a handler failed', { destination: '/app/a', error: new RangeError('no stock') });
  log.error('alone');
  assert.equal(lines.length, 3);
  assert.equal(lines[0], "tideway: warning: nobody may (destination: '/a\\nb', count: 2)");
  assert.match(
    lines[1] ?? '',
    /^tideway: error: a handler failed \(destination: '\/app\/a'\)\nRangeError: no stock\n {4}at /,
  );
  assert.equal(lines[2], 'tideway: error: alone');
});
