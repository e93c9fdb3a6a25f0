/** Proves that a layer which is to know no host cannot touch one: the compiler and a look at the sources stand in the way. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  HOST_FREE_LAYERS,
  jsonOf,
  root,
  shippedSources,
  textOf,
  withoutComments,
} from './repository.js';

/** One file each, in a host-free layer; the words are the compiler's. */
const TOUCHING: Readonly<Record<string, readonly [code: string, complaint: RegExp]>> = {
  process: ['export const a: unknown = process.pid;', /Cannot find name 'process'/],
  timer: ['setTimeout(() => {}, 1);\nexport {};', /Cannot find name 'setTimeout'/],
  immediate: ['setImmediate(() => {});\nexport {};', /Cannot find name 'setImmediate'/],
  microtask: ['queueMicrotask(() => {});\nexport {};', /Cannot find name 'queueMicrotask'/],
  buffer: ['export const a: unknown = Buffer.alloc(1);', /Cannot find name 'Buffer'/],
  fetch: ["export const a: unknown = fetch('/');", /Cannot find name 'fetch'/],
  console: ["console.log('a');\nexport {};", /Cannot find name 'console'/],
  crypto: ['export const a: unknown = crypto;', /Cannot find name 'crypto'/],
  performance: ['export const a: unknown = performance.now();', /Cannot find name 'performance'/],
  socket: ["export const a: unknown = new WebSocket('ws://a');", /Cannot find name 'WebSocket'/],
  document: ['export const a: unknown = document;', /Cannot find name 'document'/],
  url: ["export const a: unknown = new URL('ws://a');", /Cannot find name 'URL'/],
  abort: ['export const a: unknown = new AbortController();', /Cannot find name 'AbortController'/],
  node: ["import { connect } from 'node:net';\nexport const a: unknown = connect;", /'node:net'/],
  bare: ["import { connect } from 'net';\nexport const a: unknown = connect;", /'net'/],
};

/** What ECMAScript itself has, but only a host can know: time, chance, and the door to everything else. */
const HIDDEN_HOST = /\bDate\b|\bMath\s*\.\s*random\b|\bglobalThis\b/;

function isHostFree(path: string): boolean {
  return HOST_FREE_LAYERS.some((layer) => path.startsWith(`src/${layer}/`));
}

/** Compiles with the very options of tsconfig.pure.json, as if the files stood in a layer. */
function compile(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-host-free-'));
  try {
    for (const name of ['tsconfig.base.json', 'tsconfig.pure.json', 'types', 'package.json']) {
      cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    mkdirSync(join(folder, 'src/foundation'), { recursive: true });
    for (const [name, code] of Object.entries(files)) {
      writeFileSync(join(folder, 'src/foundation', `${name}.ts`), `${code}\n`);
    }
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(
      process.execPath,
      [compiler, '-p', 'tsconfig.pure.json', '--outDir', 'dist', '--pretty', 'false'],
      { cwd: folder, encoding: 'utf8' },
    );
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the compiler refuses every touch of a host', () => {
  const output = compile(
    Object.fromEntries(Object.entries(TOUCHING).map(([name, [code]]) => [name, code])),
  );
  for (const [name, [, complaint]] of Object.entries(TOUCHING)) {
    const lines = output
      .split('\n')
      .filter((line) => line.startsWith(`src/foundation/${name}.ts(`));
    assert.match(lines.join('\n'), complaint, `${name} was let through:\n${output}`);
  }
});

test('the compiler has nothing against what touches none', () => {
  const code = "export const a: Uint8Array<ArrayBuffer> = new TextEncoder().encode('a');";
  assert.equal(compile({ pure: code }), '');
});

test('every host-free layer is compiled with those options', () => {
  const { include } = jsonOf('tsconfig.pure.json') as { include: string[] };
  const folders = include.filter((path) => path.startsWith('src/'));
  assert.deepEqual(folders.sort(), HOST_FREE_LAYERS.map((layer) => `src/${layer}`).sort());
});

test('no host-free source reads a clock, throws dice or looks for the global object', () => {
  const found = shippedSources()
    .filter(isHostFree)
    .flatMap((path) => hiddenHostIn(path, textOf(path)));
  assert.deepEqual(found, []);
});

function hiddenHostIn(path: string, code: string): string[] {
  return withoutComments(code)
    .split('\n')
    .flatMap((line, index) => {
      const text = line.replace(/'(?:[^'\\]|\\.)*'/g, "''");
      return HIDDEN_HOST.test(text) ? [`${path}:${index + 1}: ${line.trim()}`] : [];
    });
}

test('it can fail', () => {
  for (const code of ['Date.now()', 'new Date()', 'Math.random()', 'globalThis.process']) {
    assert.equal(hiddenHostIn('a.ts', `// a line\nexport const a = ${code};`).length, 1, code);
  }
  for (const code of ["'Date.now()'", '1; // globalThis', 'isUpToDate', 'nowMs()']) {
    assert.deepEqual(hiddenHostIn('a.ts', `export const a = ${code};`), [], code);
  }
});
