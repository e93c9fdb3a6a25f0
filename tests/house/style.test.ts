/** Proves the habits of the house that a machine can see: sizes, first lines, names, nothing left over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesBelow, foldersBelow, shippedSources, textOf, withoutComments } from './repository.js';

const MAX_LINE_COUNT = 500;
const USUAL_LINE_COUNT = 300;
const MAX_LINE_LENGTH = 140;

const typeScript = [...filesBelow('src', '.ts'), ...filesBelow('tests', '.ts'), ...webSources()];
const scripts = ['scripts', 'bench']
  .flatMap((folder) => filesBelow(folder, '.mjs'))
  .concat(filesBelow('examples', '.js'));

function webSources(): string[] {
  return [...filesBelow('web', '.ts'), ...filesBelow('web', '.js')];
}

/** Each line that a pattern is found in, with where it stands. */
function linesWith(paths: readonly string[], pattern: RegExp, read = textOf): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line}`] : [])),
  );
}

/** Whether a file is not this one, which says what it looks for. */
const isElsewhere = (path: string): boolean => path !== 'tests/house/style.test.ts';
const codeOf = (path: string): string => withoutComments(textOf(path));

test('the first sentence of every source says what the file owns', () => {
  const found = shippedSources().filter((path) => !beginsWithWhatItOwns(textOf(path)));
  assert.deepEqual(found, []);
});

function beginsWithWhatItOwns(text: string): boolean {
  return /^(?:#![^\n]*\n)?\/\*\*\s+(?:\* )?(?:Owns|The door) [^*]{10,}/.test(text);
}

test('the first sentence of every other file says what it is for', () => {
  const purpose = /^(?:#![^\n]*\n)?(?:\/\*\*|\/\/)\s+(?:\* )?\S+ \S+/;
  const found = [...typeScript, ...scripts]
    // A configuration of a tool and a declaration of somebody else's module say it by their name.
    .filter((path) => !path.endsWith('.d.ts') && !purpose.test(textOf(path)))
    .filter((path) => !path.startsWith('src/') || !path.endsWith('.test.ts'));
  assert.deepEqual(found, []);
});

test(`no source has more than ${MAX_LINE_COUNT} lines`, (t) => {
  const lengths = shippedSources().map((path) => ({
    path,
    count: textOf(path).split('\n').length,
  }));
  for (const { path, count } of lengths) {
    if (count > USUAL_LINE_COUNT) t.diagnostic(`${path} has ${count} lines`);
  }
  assert.deepEqual(
    lengths.filter(({ count }) => count > MAX_LINE_COUNT),
    [],
  );
});

test(`no line of code is longer than ${MAX_LINE_LENGTH} characters`, () => {
  const long = new RegExp(`^.{${MAX_LINE_LENGTH + 1},}$`);
  assert.deepEqual(linesWith([...typeScript, ...scripts], long), []);
});

test('no folder is called after nothing in particular', () => {
  const vague = /(?:^|\/)(?:utils?|common|helpers?|lib|core|misc|shared)$/;
  assert.deepEqual(
    ['src', 'tests', 'web', 'scripts', 'examples']
      .flatMap(foldersBelow)
      .filter((path) => vague.test(path)),
    [],
  );
});

test('files are called in kebab-case', () => {
  const kebab = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*)(?:\.(?:test|config|d))?\.(?:ts|js|mjs)$/;
  assert.deepEqual(
    [...typeScript, ...scripts].filter((path) => !kebab.test(path.split('/').at(-1) ?? '')),
    [],
  );
});

const MARKS = ['TODO', 'FIXME', 'XXX', 'HACK'];

test('nothing is left over: no marks, no debugger, no lone or skipped test, no silenced rule', () => {
  const everything = [...typeScript, ...scripts, ...filesBelow('docs', '.md')];
  const marks = new RegExp(`\\b(?:${MARKS.join('|')})\\b`);
  assert.deepEqual(linesWith(everything.filter(isElsewhere), marks), []);
  assert.deepEqual(
    linesWith(typeScript, /^\s*debugger;|\b(?:test|it|describe)\.(?:only|skip|todo)\(/),
    [],
  );
  // A rule may be silenced for one line with a reason, which stands behind two dashes.
  const silenced =
    /@ts-(?:ignore|nocheck)|prettier-ignore|(?:ox|es)lint-disable(?!-next-line \S+ -- \S)/;
  assert.deepEqual(linesWith(typeScript.filter(isElsewhere), silenced), []);
});

/** The one door that stands in for a package with a default export: docs/decisions/0007. */
const DROP_IN = 'src/transport/websocket/drop-in.ts';

test('no source has a default export or state of its module', () => {
  const sources = shippedSources().filter((path) => path !== DROP_IN);
  assert.deepEqual(linesWith(sources, /^export default\b|\bas default\b/, codeOf), []);
  assert.deepEqual(linesWith(shippedSources(), MODULE_STATE, codeOf), []);
});

/** At the left edge, since Prettier indents what stands inside of something. A named type may be a read-only one. */
const MODULE_STATE = new RegExp(
  [
    /^(?:export )?(?:let|var) /,
    /^(?:export )?const \w+(?:: (?:[\w.]+\[\]|(?:Weak)?(?:Map|Set)<.*>|Record<.*>))? = (?:\[\]|\{\});/,
    /^(?:export )?const \w+(?:: (?:Weak)?(?:Map|Set)<.*>)? = new (?:Weak)?(?:Map|Set)(?:<.*>)?\(\);/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

test('no source asks with `instanceof` what a value of the platform is: it may be of another realm or library', () => {
  const names = 'ArrayBuffer SharedArrayBuffer Uint8Array DataView Buffer Blob Promise Error';
  const more = 'Map Set Date RegExp Object Array Function URL AbortSignal';
  const asked = new RegExp(`\\binstanceof (?:${`${names} ${more}`.replaceAll(' ', '|')})\\b`);
  assert.deepEqual(linesWith(shippedSources(), asked, codeOf), []);
});

test('nothing speaks of the machine that it was written on', () => {
  const settings = [
    'package.json',
    'package-lock.json',
    'scripts/nodes/package-lock.json',
    '.npmrc',
  ];
  const prose = [...filesBelow('', '.md'), ...filesBelow('web', '.html')];
  const files = [...typeScript, ...scripts, ...prose, ...settings, '.ci/run'];
  const machine =
    /\/root\/[a-z]|\/(?:home|Users)\/(?!ada\b)[a-z]|\/work\/(?:main|shared|trees)\b|"resolved": "http:/;
  assert.deepEqual(linesWith(files.filter(isElsewhere), machine), []);
});

/**
 * An upper bound on what was measured, by the units and words that the house gives to times and octets in use. A lower bound of a
 * wait, or of octets that a peer was sent, holds on a busy machine too.
 */
const MACHINE_BOUND = new RegExp(
  `assert\\.ok\\([^;]*(?:${[
    /performance\.now\(\) - \w+/,
    /\b(?:took|lived|lag|slowest|best|worst|p\d+|many|few|duration|elapsed)\w*(?:Of\([^)]*\))?/,
    /\b(?:used|held|grown|growth|kept|peak|resident|heap|rss)\w*/,
    /\buser \+ system/,
  ]
    .map(({ source }) => source)
    .join('|')})(?: [-+/*] \\w+)* <=? `,
);

test('a bound on time or memory is judged by checkBound, which a busy machine cannot break', () => {
  const tests = typeScript.filter(
    (path) => /\.test\.ts$|^tests\/conformance\//.test(path) && isElsewhere(path),
  );
  const measures =
    /performance\.now\(\)|cpuUsage\(|memoryUsage\(|usedBytes\(|monitorEventLoopDelay\(|mustPass/;
  const measuring = tests.filter((path) => measures.test(textOf(path)));
  assert.ok(measuring.length > 5, 'it looks at something');
  assert.deepEqual(linesWith(measuring, MACHINE_BOUND), []);
});

test('it can fail', () => {
  const found = (pattern: RegExp, text: string): number =>
    linesWith(['a'], pattern, () => text).length;
  for (const text of [
    'let count = 0;',
    'export let a = 1;',
    'var b;',
    'const seen = new Map<string, X>();',
    'const list: string[] = [];',
    'export const cache = {};',
  ]) {
    assert.equal(found(MODULE_STATE, text), 1, text);
  }
  for (const text of [
    '  assert.ok(tookMs < 1_000);',
    '    assert.ok(performance.now() - startedAtMs < 1000, name);',
    '  assert.ok(growth / count < MAX_BYTES_PER_CONNECTION, words);',
    '  assert.ok(held > 0 && held < 2 * maxMessageBytes, words);',
    '  assert.ok(durationOf(4_000_000) < 2_000, unit);',
  ]) {
    assert.equal(found(MACHINE_BOUND, text), 1, text);
  }
  for (const text of [
    '  assert.ok(tookMs >= 1_000, words);',
    '  checkBound(tookMs < 1_000, words);',
    '  assert.ok(pings >= 100 && pings < 250, words);',
  ]) {
    assert.equal(found(MACHINE_BOUND, text), 0, text);
  }
  for (const text of [
    '  let count = 0;',
    "const A = ['a'];",
    "const KNOWN = new Set(['a']);",
    'const NOTHING: MessageHeaders = [];',
    'const NOTHING = Buffer.alloc(0);',
  ]) {
    assert.equal(found(MODULE_STATE, text), 0, text);
  }
  assert.equal(beginsWithWhatItOwns('/** Owns the ring: what is kept. */'), true);
  for (const text of [
    '/** Helpers. */',
    "import a from 'a';",
    '// Owns a thing that is important',
    '/** Owns it */',
  ]) {
    assert.equal(beginsWithWhatItOwns(text), false, text);
  }
});
