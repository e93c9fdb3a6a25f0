/** Proves that the formatter and the linter have nothing to say. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { root } from './repository.js';

/** Runs a tool with the Node that runs the test; answers its status and all that it said. */
async function run(tool: string, args: readonly string[]): Promise<[status: number, said: string]> {
  const child = spawn(process.execPath, [join(root, 'node_modules', tool), ...args], {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number>((resolve) =>
    child.once('close', (code) => resolve(code ?? -1)),
  );
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return [status, out + err];
}

test('every file is formatted', async () => {
  const [status, said] = await run('prettier/bin/prettier.cjs', [
    '--check',
    '--log-level',
    'warn',
    '.',
  ]);
  assert.equal(status, 0, said);
});

test('no rule of the linter is broken, those with types included', async () => {
  const [status, said] = await run('oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']);
  assert.equal(status, 0, said);
  assert.match(said, /on \d{3,} files/, 'the linter saw the sources');
});
