/** Hardening test 3: reserved bits, reserved opcodes and control frames that are too long or in parts. */
import { test } from 'node:test';
import { casesOf, mustPass } from './hardening.js';

test('[hardening 3] reserved bits, reserved opcodes, control frames of more than 125 octets or without FIN: 1002', async (context) => {
  await mustPass(context, casesOf('§5.2 reserved', '§5.5 '), 5000);
});
