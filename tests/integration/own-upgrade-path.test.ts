/** Proves that a server of its own takes plain upgrades past node:http, whatever else is built around its HTTP server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from 'tideway';

test('plain upgrades go past node:http: nothing else has taken that place', async (t) => {
  const warnings: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (message: string) => void warnings.push(message),
    error() {},
  };
  const server = createServer({ log });
  t.after(() => server.close());
  await server.listen({ port: 0 });
  assert.deepEqual(warnings, []);
});
