/** Proves the folder `ws-shim`: what a package that depends on `ws` finds there, by every way of asking. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'tideway/websocket';

const require = createRequire(import.meta.url);
const shim = new URL('../../../ws-shim/', import.meta.url);

test('import, require and the name of the export give one engine', async () => {
  assert.equal(require('tideway/ws-shim'), WebSocket);
  assert.equal(require('../../../ws-shim'), WebSocket);
  const module = (await import('tideway/ws-shim' as string)) as Record<string, unknown>;
  assert.equal(module['default'], WebSocket);
  assert.equal(module['WebSocketServer'], WebSocketServer);
});

test('it has the conditions of ws, and a version that asks of ws 8 are met by', () => {
  const ours = JSON.parse(readFileSync(new URL('package.json', shim), 'utf8')) as Manifest;
  const theirs = JSON.parse(
    readFileSync(new URL('../node_modules/ws/package.json', shim), 'utf8'),
  ) as Manifest;
  assert.equal(ours.name, theirs.name);
  assert.equal(ours.version, theirs.version);
  const conditions = Object.keys(ours.exports['.']);
  assert.deepEqual(conditions, ['types', 'browser', 'import', 'default']);
  for (const name of ['browser', 'import']) assert.ok(name in theirs.exports['.'], name);
  assert.throws(require('../../../ws-shim/browser.cjs') as () => void, /browser/);
});

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: { readonly '.': Readonly<Record<string, unknown>> };
}
