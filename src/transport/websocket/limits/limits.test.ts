/** Proves that the table of limits says what the engine and the server do by default, and that options reach the limits. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  DEFAULT_CONNECTION_LIMITS,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  resolveLimits,
} from './limits.js';

const PAGE = new URL('../../../../docs/reference/limits.md', import.meta.url);

interface Row {
  readonly value: string;
  readonly closeCode: string;
  readonly code: string;
}

function rows(): Map<string, Row> {
  const lines = readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return new Map(
    lines.map((line) => {
      const cells = line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
      const [, name = '', , , value = '', , closeCode = '', code = ''] = cells;
      return [name, { value, closeCode, code }] as const;
    }),
  );
}

test('the table of limits has a row for each, with its default, and no other', () => {
  const expected = {
    ...DEFAULT_CONNECTION_LIMITS,
    handshakeTimeoutMs: DEFAULT_HANDSHAKE_TIMEOUT_MS,
  };
  const listed = [...rows()].map(([name, { value }]) => [name, value] as const);
  assert.deepEqual(
    Object.fromEntries(listed),
    Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, String(value)])),
  );
});

test('the codes of the table are those of the violations', async () => {
  const violations = (await import('../../../protocol/websocket/violation.js')) as object;
  const byLimit = new Map<string, { code: string; closeCode: number }>();
  for (const one of Object.values(violations) as {
    limit?: string;
    code: string;
    closeCode: number;
  }[]) {
    if (one.limit !== undefined) byLimit.set(one.limit, one);
  }
  // A sum of all connections is an option of the server, and has no row here.
  byLimit.delete('maxTotalUnfinishedBytes');
  const withCode = [...rows()].filter(([, { code }]) => code !== '');
  assert.deepEqual(new Set(withCode.map(([name]) => name)), new Set(byLimit.keys()));
  for (const [name, { code, closeCode }] of withCode) {
    assert.equal(code, byLimit.get(name)?.code, name);
    const expected = byLimit.get(name)?.closeCode;
    assert.equal(closeCode, expected === 1006 ? 'none' : String(expected), name);
  }
});

test('options are limits under our name and under that of ws', () => {
  assert.deepEqual(resolveLimits({}), DEFAULT_CONNECTION_LIMITS);
  const { maxMessageBytes, maxFragmentCount, closeTimeoutMs } = resolveLimits({
    maxPayload: 0,
    maxFragments: 5,
    closeTimeout: 7,
  });
  assert.deepEqual([maxMessageBytes, maxFragmentCount, closeTimeoutMs], [Infinity, 5, 7]);
  assert.equal(resolveLimits({ maxPayload: 5, maxMessageBytes: 6 }).maxMessageBytes, 6);
  assert.equal(resolveLimits({ idleTimeoutMs: undefined }).idleTimeoutMs, 0);
});
