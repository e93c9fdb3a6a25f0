/** Proves that a program bundled into one file runs without the package beside it, and that `require` gives the engine everywhere. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const manifest = { name: 'application', version: '9.9.9', type: 'module' };

/** A server that says over STOMP who it is, and ends. */
const SERVER = `
import { createServer } from 'tideway';
import WebSocket from 'tideway/websocket';
const server = createServer();
const { port } = await server.listen({ port: 0 });
const socket = new WebSocket('ws://127.0.0.1:' + port + '/ws', 'v12.stomp');
socket.on('open', () => socket.send('CONNECT\\naccept-version:1.2\\nhost:x\\n\\n\\0'));
socket.on('message', async (data) => {
  console.log(/^server:.*/m.exec(String(data))[0]);
  socket.terminate();
  await server.close();
});`;

/** An echo by require, and by both kinds of import. */
const ECHO = `
const WebSocket = require('tideway/websocket');
const server = new WebSocket.Server({ port: 0 }, () => {
  const socket = new WebSocket('ws://127.0.0.1:' + server.address().port);
  socket.on('message', (data) => {
    console.log(String(data), socket instanceof WebSocket.WebSocket);
    socket.close();
    server.close();
  });
});
server.on('connection', (socket) => socket.send('hello'));`;
const BOTH = `
import WebSocket from 'tideway/websocket';
import required from './required.cjs';
console.log(required === WebSocket);`;

function folderBelow(t: TestContext, place: string): string {
  const folder = mkdtempSync(join(place, 'bundled-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
  return stdout.trim();
}

/** The program as one file in a folder from which nothing of the package is found. */
async function bundled(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  format: 'cjs' | 'esm',
): Promise<string> {
  // Below the repository, where the name of the package is found.
  const sources = folderBelow(t, join(root, 'build'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(sources, name), text);
  const output = join(folderBelow(t, tmpdir()), 'application');
  mkdirSync(output);
  writeFileSync(join(output, 'package.json'), JSON.stringify(manifest));
  const [entry = ''] = Object.keys(files);
  const bundle = await rolldown({ input: join(sources, entry), platform: 'node' });
  const file = join(output, format === 'cjs' ? 'program.cjs' : 'program.mjs');
  await bundle.write({ file, format });
  await bundle.close();
  return file;
}

test('a bundled server starts, and names its own version and not the application’s', async (t) => {
  const file = await bundled(t, { 'server.mjs': SERVER }, 'esm');
  const { default: ours } = (await import('tideway/package.json', { with: { type: 'json' } })) as {
    default: { version: string };
  };
  assert.equal(await run(file), `server:tideway/${ours.version}`);
});

for (const format of ['cjs', 'esm'] as const) {
  test(`require gives the class in a bundle: ${format}`, async (t) => {
    const file = await bundled(t, { 'echo.cjs': ECHO }, format);
    assert.equal(await run(file), 'hello true');
  });

  test(`in a bundle require and import give one class: ${format}`, async (t) => {
    const required = `module.exports = require('tideway/websocket');`;
    const file = await bundled(t, { 'both.mjs': BOTH, 'required.cjs': required }, format);
    assert.equal(await run(file), 'true');
  });
}

test('require gives the class where modules cannot be required, as in Jest', async (t) => {
  const folder = folderBelow(t, join(root, 'build'));
  writeFileSync(join(folder, 'echo.cjs'), ECHO);
  assert.equal(
    await run('--no-experimental-require-module', join(folder, 'echo.cjs')),
    'hello true',
  );
});
