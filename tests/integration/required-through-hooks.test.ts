/** Proves that `require('tideway/websocket')` works where a hook loads what is CommonJS, as tsx and instrumentation do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const build = fileURLToPath(new URL('../../', import.meta.url));

/** Every source of CommonJS comes from the hook: then Node gives the file another `require`. */
const HOOK = `
import { readFile } from 'node:fs/promises';
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (loaded.format === 'commonjs') loaded.source ??= await readFile(new URL(url));
  return loaded;
}`;
const REGISTER = `
import { register } from 'node:module';
register('./hook.mjs', import.meta.url);`;
const PROGRAM = `
const WebSocket = require('tideway/websocket');
const throughShim = require('tideway/ws-shim');
import('tideway/websocket').then((module) =>
  console.log(typeof WebSocket.Server, module.default === WebSocket, throughShim === WebSocket));`;

test('a file that a hook has loaded is given the class that import gives', (context) => {
  const folder = mkdtempSync(join(build, 'hooks-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const files = { 'hook.mjs': HOOK, 'register.mjs': REGISTER, 'program.cjs': PROGRAM };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const args = ['--import', './register.mjs', 'program.cjs'];
  const options = { cwd: folder, encoding: 'utf8', timeout: 30_000 } as const;
  const { stdout, stderr } = spawnSync(process.execPath, args, options);
  assert.equal(stdout, 'function true true\n', stderr);
});
