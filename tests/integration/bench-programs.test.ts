/** Proves that the benchmark runs: every program that needs nothing else installed, and the tables at the end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { root } from './cli-program.js';

const OWN = 'tideway,broker,stomp,floor,floor-fan-out,net-socket';

test('npm run bench measures what is ours and prints its tables', async () => {
  const quick = [
    '--quick',
    '--rounds',
    '1',
    // A busy machine gives the load its turn within four times that.
    '--seconds',
    '0.4',
    '--warm-up',
    '0.05',
    '--connections',
    '50',
  ];
  const chosen = ['echo-64', 'fan-out-64', 'memory', 'broker-ten', 'stomp', '--peers', OWN];
  const args = ['bench/run.mjs', ...quick, ...chosen];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const [said, progress, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  assert.equal(code, 0, progress);
  assert.match(progress, /^echo-64 1\/1 Tideway … [\d.]+ µs per message/m);
  assert.match(progress, /^stomp 1\/1 Tideway STOMP … -?[\d.]+ µs per delivery, [1-9]/m);
  if (!existsSync('/proc/self/stat')) return;
  for (const [title, other] of [
    ['echo 64 B, one in flight, 64 connections', 'floor'],
    ['fan-out 64 B to 1,000, one publication a loop turn', 'floor'],
    ['memory per idle connection, after a forced collection', 'net\\.Socket'],
    ['broker fan-out to 1,000, ten publications a loop turn', 'Tideway'],
  ]) {
    const line = new RegExp(
      `^\\| ${title} \\| ${other} \\| at most .* \\| (?:pass|miss) \\|$`,
      'm',
    );
    assert.match(said, line);
  }
});

test('a case that does not exist is named, with those that do', async () => {
  const child = spawn(process.execPath, [join(root, 'bench/run.mjs'), 'no-such-case']);
  const [complaint, [code]] = await Promise.all([
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  assert.equal(code, 2);
  assert.match(complaint, /no case is called no-such-case[\s\S]*echo-64-deep/);
});
