/** Owns the promise that the client is small: bundled, minified and compressed as a page would load it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const MAX_GZIPPED_BYTES = 6 * 1024;

const root = fileURLToPath(new URL('../../..', import.meta.url));

async function bundledClient(): Promise<string> {
  const outputs = await build({
    configFile: false,
    logLevel: 'silent',
    root,
    build: {
      write: false,
      // What the condition `browser` of `tideway/client` leads to.
      lib: { entry: `${root}dist/client/index.js`, formats: ['iife'], name: 'tideway' },
    },
  });
  assert.ok(Array.isArray(outputs));
  const chunks = outputs.flatMap(({ output }) => output);
  assert.equal(chunks.length, 1);
  const [chunk] = chunks;
  assert.ok(chunk?.type === 'chunk');
  return chunk.code;
}

test('the client is at most 6 KB gzipped, and one file that needs nothing else', async (context) => {
  const code = await bundledClient();
  assert.match(code, /tideway\.v1/, 'the bundle has the client in it');
  assert.doesNotMatch(code, /\brequire\(|\bimport\b/);
  const gzippedBytes = gzipSync(code, { level: 9 }).length;
  context.diagnostic(`${code.length} octets, ${gzippedBytes} gzipped`);
  assert.ok(gzippedBytes <= MAX_GZIPPED_BYTES, `${gzippedBytes} octets > ${MAX_GZIPPED_BYTES}`);
});
