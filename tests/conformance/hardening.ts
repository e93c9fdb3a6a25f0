/** What the hardening tests of the protocol share: they run a part of the matrix, and say their figure. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { checkBound } from '../acceptance-bound.js';
import type { Case } from './matrix/case.js';
import { allCases, runCases, type Result } from './matrix/matrix.js';

/** Whether `npm run acceptance -- <number>` runs the test at full size. */
export function isFullSize(number: number): boolean {
  return process.env['TIDEWAY_ACCEPTANCE'] === String(number);
}

/** Cases of the matrix whose name begins with one of these. */
export function casesOf(...beginnings: readonly string[]): readonly Case[] {
  const cases = allCases.filter(({ id }) => beginnings.some((text) => id.startsWith(text)));
  assert.ok(cases.length > 0, beginnings.join());
  return cases;
}

/** Runs cases against both roles: none may be at fault, and each connection is gone in time. */
export async function mustPass(
  context: TestContext,
  cases: readonly Case[],
  withinMs: number,
): Promise<readonly Result[]> {
  const results = await runCases(cases);
  const faults = results.filter(({ fault }) => fault !== undefined);
  assert.deepEqual(
    faults.map(({ name, fault }) => `${name}: ${fault}`),
    [],
  );
  const slowest = results.reduce((most, { tookMs }) => Math.max(most, tookMs), 0);
  checkBound(slowest < withinMs, `the slowest connection took ${Math.round(slowest)} ms`);
  context.diagnostic(
    `figure: ${results.length} connections, both roles, the slowest gone after ${Math.round(slowest)} ms`,
  );
  return results;
}
