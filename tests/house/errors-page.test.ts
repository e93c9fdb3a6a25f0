/** Proves that docs/reference/errors.md lists every code with its number, and no other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shippedSources, textOf, withoutComments } from './repository.js';

interface ErrorTable {
  readonly REQUEST_ERRORS: Readonly<Record<string, number>>;
  readonly DISCONNECTS: Readonly<Record<string, number>>;
}
const TABLE = 'src/foundation/error-table.ts';
const { REQUEST_ERRORS, DISCONNECTS } = (await import(
  new URL('../../../dist/foundation/error-table.js', import.meta.url).href
)) as ErrorTable;

const CODE = /'([a-z]+\/[a-z-]+|WS_ERR_[A-Z0-9_]+)'/g;
/** Where a code stands, whatever its area. */
const RAISED =
  /(?:RequestError|ClientError|Disconnect|TidewayError)\(\s*'([^']+)'|\bcode: '([^']+)'/g;

interface Row {
  readonly code: string;
  /** The first number of the second column; undefined where it has none. */
  readonly number: number | undefined;
}

/** The rows of the page's tables that begin with a code. */
function rowsOf(page: string): Row[] {
  return page.split('\n').flatMap((line) => {
    const [, first = '', second = ''] = line.split('|').map((cell) => cell.trim());
    const code = /^`([A-Za-z]+\/[a-z-]+|WS_ERR_\w+)`$/.exec(first)?.[1];
    const number = /^\d+/.exec(second)?.[0];
    if (code === undefined) return [];
    return [{ code, number: number === undefined ? undefined : Number(number) }];
  });
}

const rows = rowsOf(textOf('docs/reference/errors.md'));
const sources = shippedSources()
  .filter((path) => path !== TABLE)
  .map((path) => withoutComments(textOf(path)));
const mentioned = new Set(
  sources.flatMap((text) => [...text.matchAll(CODE)].map(([, code = '']) => code)),
);

test('every code of the table stands on the page with its number', () => {
  const expected = { ...REQUEST_ERRORS, ...DISCONNECTS };
  assert.ok(Object.keys(expected).length > 30);
  const listed = rows.filter(({ code }) => code in expected);
  assert.deepEqual(Object.fromEntries(listed.map(({ code, number }) => [code, number])), expected);
});

test('every violation that the engine knows stands on the page with its close code', async () => {
  const violations = (await import(
    new URL('../../../dist/protocol/websocket/violation.js', import.meta.url).href
  )) as Record<string, { code: string; closeCode: number }>;
  const expected = new Map(
    Object.values(violations).map(({ code, closeCode }) => [code, closeCode]),
  );
  assert.ok(expected.size > 10);
  const listed = rows.filter(({ code }) => code.startsWith('WS_ERR_'));
  assert.deepEqual(
    Object.fromEntries(listed.map(({ code, number }) => [code, number])),
    Object.fromEntries(expected),
  );
});

test('every code that a source raises or mentions stands on the page', () => {
  const areas = new Set(rows.map(({ code }) => code.split('/')[0]));
  const raised = sources.flatMap((text) =>
    [...text.matchAll(RAISED)].map(([, code, field]) => code ?? field ?? ''),
  );
  const ofOurs = [...mentioned].filter((code) => areas.has(code.split('/')[0]));
  const listed = new Set(rows.map(({ code }) => code));
  assert.ok(raised.length > 30 && ofOurs.length > 60);
  assert.deepEqual(
    [...raised, ...ofOurs].filter((code) => !listed.has(code)),
    [],
  );
});

test('the page lists nothing twice, and nothing that no source says', () => {
  const codes = rows.map(({ code }) => code);
  assert.deepEqual(codes, [...new Set(codes)]);
  assert.deepEqual(
    codes.filter((code) => !mentioned.has(code)),
    [],
  );
});

test('numbers say whether to try again and whether to come back (semantics E1)', () => {
  for (const number of Object.values(REQUEST_ERRORS)) assert.ok(number >= 100 && number < 600);
  for (const number of Object.values(DISCONNECTS)) assert.ok(number >= 4000 && number < 5000);
  const numbers = [...Object.values(REQUEST_ERRORS), ...Object.values(DISCONNECTS)];
  assert.equal(new Set(numbers).size, numbers.length);
  const page = textOf('docs/reference/errors.md');
  for (const [code, number] of Object.entries(DISCONNECTS)) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${code}\``)) ?? '';
    assert.equal(row.split('|')[4]?.trim(), number < 4500 ? 'yes' : 'no', code);
  }
});
