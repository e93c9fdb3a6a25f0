/** Hardening test 6: text that is not UTF-8, cut at every octet into frames and into writes, and in reasons. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { casesOf, mustPass } from './hardening.js';

test('[hardening 6] invalid UTF-8, cut at every octet into frames and writes, and in a reason: 1007', async (context) => {
  const cases = casesOf(
    '§8.1 invalid',
    '§8.1 cut short',
    '§8.1 fails at once',
    '§5.5.1 invalid',
    '§5.5.1 cut short',
  );
  assert.ok(cases.every(({ expected }) => expected === 1007));
  await mustPass(context, cases, 5000);
});
