/** Hardening test 12: parameters of permessage-deflate that are wrong, RSV1 where it must not be, and data that does not inflate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { casesOf, mustPass } from './hardening.js';
import { ANSWERS, OFFERS } from './matrix/handshake-tables.js';
import { runAnswer, runRequests } from './matrix/handshakes.js';

test('[hardening 12] RSV1 in continuations and control frames: 1002; what does not inflate: 1007', async (context) => {
  const results = await mustPass(
    context,
    casesOf('RFC 7692 §6', 'RFC 7692 §7.2.2', 'RFC 7692 §8'),
    5000,
  );
  for (const { name, line } of results.filter(({ name }) => name.includes('§7.2.2'))) {
    assert.match(line, /wrote close 1007 "";/, name);
  }
});

test('[hardening 12] offers with parameters out of 8 to 15, twice, or unknown: never agreed to', async (context) => {
  const results = await runRequests(OFFERS, true);
  for (const [index, [name, expected]] of OFFERS.entries()) {
    const { line = '', fault } = results[index] ?? {};
    assert.equal(fault, undefined, name);
    if (expected === 'informational') assert.match(line, /answered 400$/, name);
  }
  context.diagnostic(`figure: ${OFFERS.length} offers`);
});

test('[hardening 12] answers with such parameters fail the connection of the client', async (context) => {
  const answers = ANSWERS.filter(([name]) => name.startsWith('RFC 7692'));
  for (const answer of answers) assert.equal((await runAnswer(answer)).fault, undefined, answer[0]);
  context.diagnostic(`figure: ${answers.length} answers`);
});
