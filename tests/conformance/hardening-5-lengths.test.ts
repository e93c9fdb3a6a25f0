/** Hardening test 5: lengths in more octets than they need. */
import { test } from 'node:test';
import { casesOf, mustPass } from './hardening.js';

test('[hardening 5] a length that is not in the fewest octets: 1002, strictly', async (context) => {
  await mustPass(context, casesOf('§5.2 length'), 5000);
});
