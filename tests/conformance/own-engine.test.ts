/** Proves that the engine stands on this repository and on Node alone. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What the sources of a folder import, other than files of this repository; tests aside. */
function importsOf(folder: string): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => foreignImports(readFileSync(join(root, folder, file), 'utf8')));
}

function foreignImports(source: string): string[] {
  const specifiers = source.matchAll(
    /(?:^|[;\n])\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]|(?:^|[;\n])\s*import\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g,
  );
  return [...specifiers]
    .map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
    .filter((specifier) => !specifier.startsWith('.'));
}

test('the check itself sees every form of import', () => {
  const source = [
    "import a from 'one';",
    "import 'two';",
    'export * from "three";',
    "const b = await import('four');",
    'import {',
    '  c,',
    "} from 'five';",
    "import d from './own.js';",
  ].join('\n');
  assert.deepEqual(foreignImports(source).sort(), ['five', 'four', 'one', 'three', 'two']);
});

test('the codec imports nothing from outside, the engine only Node, the client nothing', () => {
  assert.deepEqual(importsOf('src/protocol/websocket'), []);
  assert.deepEqual(importsOf('src/client'), []);
  const engine = importsOf('src/transport');
  assert.ok(engine.length > 0);
  assert.deepEqual(
    engine.filter((specifier) => !specifier.startsWith('node:')),
    [],
  );
});
