/** Hardening test 2: masks the wrong way round. */
import { test } from 'node:test';
import { casesOf, mustPass } from './hardening.js';

test('[hardening 2] an unmasked frame of a client and a masked one of a server: 1002, and the connection is gone', async (context) => {
  await mustPass(context, casesOf('§5.1 mask wrong way round'), 1000);
});
