/** Hardening test 7: every close code there can be, those that must not be sent and those that are echoed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFullSize, mustPass } from './hardening.js';
import { close, frame, type Case } from './matrix/case.js';
import { CLOSE, FIN } from './matrix/frames.js';

/** RFC 6455 §7.4 and what IANA registered since. */
function isGood(code: number): boolean {
  if (code >= 1000 && code <= 1014) return ![1004, 1005, 1006].includes(code);
  return code >= 3000 && code <= 4999;
}

const IS_FULL = isFullSize(7);
const BORDERS = [0, 1, 999, 1000, 1003, 1004, 1006, 1007, 1011, 1014, 1015, 1016, 2999, 3000];
const codes = Array.from({ length: 65_536 }, (_, code) => code).filter(
  (code) => IS_FULL || code % 331 === 0 || BORDERS.includes(code) || code === 4999 || code === 5000,
);

const cases: Case[] = codes.map((code) => ({
  id: `code ${code}`,
  frames: [close(code, 'reason')],
  ending: 'nothing',
  expected: isGood(code) ? code : 1002,
}));
cases.push({
  id: 'a body of one octet',
  frames: [frame(FIN | CLOSE, Buffer.of(3))],
  ending: 'nothing',
  expected: 1002,
});

const PATIENCE = { timeout: IS_FULL ? 900_000 : 60_000 };

test(
  `[hardening 7] ${codes.length} close codes: the good ones are echoed, the others fail with 1002`,
  PATIENCE,
  async (context) => {
    assert.ok(codes.some(isGood) && !codes.every(isGood));
    await mustPass(context, cases, 5000);
  },
);
