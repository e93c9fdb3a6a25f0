/** Proves what would be published: the right files, entries that exist, and entries that need nothing else. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { jsonOf, root, shippedSources, textOf, withoutComments } from './repository.js';

/** A file, or one for each condition. */
type Target = string | { readonly [condition: string]: Target };

interface Manifest {
  readonly exports: Readonly<Record<string, Target>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = jsonOf('package.json') as Manifest;

async function packedFiles(): Promise<string[]> {
  // The build has run: that `npm pack` builds again would take the files away from the tests beside this one.
  const { stdout } = await promisify(execFile)(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts'],
    { cwd: root, encoding: 'utf8', env: { ...process.env, npm_config_update_notifier: 'false' } },
  );
  return pathsOf(JSON.parse(stdout));
}

/** npm 12 answers an object by package name, the ones before it a list. */
function pathsOf(answer: unknown): string[] {
  const [packed] = Object.values(answer as Record<string, { files: { path: string }[] }>);
  return packed?.files.map(({ path }) => path) ?? [];
}

test('what is packed is the package, its sources and nothing else', async () => {
  const files = await packedFiles();
  const unwanted = files.filter((path) =>
    /\.test\.|\.tsbuildinfo|^dist\/showcase|^(?:tests|web|examples|scripts|build|docs)\//.test(
      path,
    ),
  );
  assert.deepEqual(unwanted, []);
  const outside = files.filter((path) => !/^(?:dist|src|ws-shim)\//.test(path)).sort();
  assert.deepEqual(
    outside,
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'].filter((path) => files.includes(path)),
  );
  for (const path of [
    'LICENSE',
    'README.md',
    'src/server/index.ts',
    'dist/server/index.js',
    'dist/server/index.d.ts',
  ]) {
    assert.ok(files.includes(path), path);
  }
  const entries = [...targets(), ...Object.values(manifest.bin)].map((path) =>
    path.replace('./', ''),
  );
  for (const path of entries) assert.ok(files.includes(path), `${path} is published`);
});

/** Every file that `exports` leads to. */
function targets(): string[] {
  const below = (entry: Target): string[] =>
    typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(below);
  return [...new Set(Object.values(manifest.exports).flatMap(below))];
}

test('every entry leads to a file, with its types first', () => {
  for (const path of targets()) assert.ok(existsSync(join(root, path)), path);
  for (const entry of Object.values(manifest.exports)) {
    if (typeof entry === 'string') continue;
    const conditions = Object.keys(entry);
    assert.equal(conditions[0], 'types');
    assert.equal(conditions.at(-1), 'default');
  }
});

for (const lib of ['es2022,dom', 'es2022']) {
  test(`the declarations of every entry compile for who checks libraries too: ${lib}`, async (t) => {
    const folder = mkdtempSync(join(root, 'build', 'entries-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json');
    const file = join(folder, 'entries.mts');
    writeFileSync(
      file,
      entries.map((entry) => `export type {} from 'tideway${entry.slice(1)}';\n`).join(''),
    );
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const flags = '--noEmit --ignoreConfig --strict --target es2022 --module node20 --types node';
    const { said } = await promisify(execFile)(
      process.execPath,
      [compiler, ...flags.split(' '), '--lib', lib, '--skipLibCheck', 'false', file],
      { cwd: root, encoding: 'utf8' },
    ).then(
      () => ({ said: '' }),
      ({ stdout }: { stdout: string }) => ({ said: stdout }),
    );
    assert.equal(said, '');
  });
}

test('the program has its first line, and starts', async () => {
  const path = join(root, manifest.bin['tideway'] ?? '');
  assert.ok(readFileSync(path, 'utf8').startsWith('#!/usr/bin/env node\n'));
  const { stdout } = await promisify(execFile)(process.execPath, [path, '--help']);
  assert.match(stdout, /serve/);
});

/** What bundlers take for `require`: a door of one line in CommonJS, which shares the module that `import` gives. */
const DOOR_OF_BUNDLERS =
  'pkg.exports["./websocket"].require.module should be ESM, but the code is written in CJS.';

test('publint has nothing to say that is not meant so', async () => {
  const { messages } = await publint({ pkgDir: root, strict: true, pack: false });
  const said = messages.map((message) => formatMessage(message, manifest, { color: false }));
  // The shim is copied out of the package before anybody resolves it; what `npm start` runs from is not published.
  const ofOthers = /\/(?:ws-shim|\.start\/\w+)\/package\.json has an "exports" field/;
  assert.deepEqual(
    said.filter((message) => message === undefined || !ofOthers.test(message)),
    [DOOR_OF_BUNDLERS],
  );
});

/** What an entry reaches: its own files, and the names of everything else. */
function reachedFrom(entry: string): { files: Set<string>; names: Set<string> } {
  const files = new Set<string>();
  const names = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const code = readFileSync(file, 'utf8');
    for (const [, from, bare, dynamic] of code.matchAll(
      /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm,
    )) {
      const target = from ?? bare ?? dynamic ?? '';
      if (target.startsWith('.')) visit(resolve(dirname(file), target));
      else names.add(target);
    }
  };
  visit(join(root, entry));
  return { files, names };
}

function conditions(name: string): Readonly<Record<string, string>> {
  const entry = manifest.exports[name];
  assert.ok(typeof entry === 'object', name);
  const files = Object.entries(entry).filter(([, target]) => typeof target === 'string');
  return Object.fromEntries(files) as Readonly<Record<string, string>>;
}

test('tideway/websocket needs nothing but Node', () => {
  const { files, names } = reachedFrom(conditions('./websocket')['default'] ?? '');
  assert.ok(files.size > 10);
  assert.ok(names.has('node:http'));
  assert.deepEqual(
    [...names].filter((name) => !name.startsWith('node:')),
    [],
  );
  const layers = new Set([...files].map((file) => file.slice(root.length).split('/')[1]));
  assert.deepEqual(layers, new Set(['foundation', 'protocol', 'transport']));
});

test('tideway/client needs nothing at all in a browser, and nothing but Node there', () => {
  const { browser = '', default: anywhere = '', node = '' } = conditions('./client');
  for (const entry of [browser, anywhere]) {
    const { files, names } = reachedFrom(entry);
    assert.ok(files.size > 10);
    assert.deepEqual([...names], []);
  }
  const { names } = reachedFrom(node);
  assert.deepEqual(
    [...names].filter((name) => !name.startsWith('node:')),
    [],
  );
});

test('tideway/mount and tideway/testing need nothing but the package', () => {
  for (const entry of ['./mount', './testing']) {
    assert.deepEqual([...reachedFrom(conditions(entry)['default'] ?? '').names], [], entry);
  }
});

test('every version is exact, and every package with an install script is judged by name', () => {
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  assert.deepEqual(
    versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
  const { packages } = jsonOf('package-lock.json') as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const withScript = Object.entries(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => path.split('node_modules/').at(-1) ?? path);
  assert.deepEqual(
    withScript.filter((name) => !(name in manifest.allowScripts)),
    [],
  );
  assert.match(textOf('.npmrc'), /^save-exact=true$/m);
});

test('nothing that ships looks for files beside itself: a bundle has none', () => {
  // The program itself is in no bundle.
  const found = shippedSources().filter(
    (file) =>
      file !== 'src/cli/load-module.ts' &&
      /\bimport\.meta\b|\bcreateRequire\b|\b__dirname\b/.test(withoutComments(textOf(file))),
  );
  assert.deepEqual(found, []);
});

test('the version in the sources is that of the package', () => {
  const { version } = jsonOf('package.json') as { version: string };
  assert.ok(textOf('src/foundation/version.ts').includes(`PACKAGE_VERSION = '${version}'`));
});
