/** Proves every section of RFC 6455 on the wire, both roles: each case does what the RFC demands and what the golden file says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from './matrix/golden.js';
import { runMatrix } from './matrix/matrix.js';

const HOW = 'if that is intended: npm run conformance -- --update, and look at the difference';

const PATIENCE = { timeout: 180_000 };

test(
  'every case of the matrix does what the RFC demands, and behaves as it did',
  PATIENCE,
  async (t) => {
    const startedAtMs = performance.now();
    const results = await runMatrix();
    t.diagnostic(
      `figure: ${results.length} cases in ${Math.round(performance.now() - startedAtMs)} ms`,
    );
    const golden = readGolden();

    const faults = results.filter(({ fault }) => fault !== undefined);
    assert.deepEqual(
      faults.map(({ name, fault, line }) => `${name}: ${fault} (${line})`),
      [],
    );
    const changed = results
      .filter(({ name, line }) => golden.get(name) !== line)
      .map(({ name, line }) => ({ name, was: golden.get(name) ?? 'no such case', is: line }));
    assert.deepEqual(changed, [], HOW);
    const names = new Set(results.map(({ name }) => name));
    assert.equal(names.size, results.length, 'two cases have one name');
    assert.deepEqual(
      [...golden.keys()].filter((name) => !names.has(name)),
      [],
      `these cases are gone; ${HOW}`,
    );
  },
);
