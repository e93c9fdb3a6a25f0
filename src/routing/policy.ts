/** Owns refusing policies that a mount does not have. */
import { RequestError } from '../foundation/index.js';
import { quoted } from '../message/index.js';
import type { SubscribeOperation } from './mount.js';

/**
 * For a mount that delivers everything (semantics P1): throws `subscription/policy-refused` when another policy than `all` is
 * asked for. Refused rather than ignored.
 */
export function refuseOtherPolicies({ policy }: Pick<SubscribeOperation, 'policy'>): void {
  if (policy === undefined || policy === 'all') return;
  throw new RequestError(
    'subscription/policy-refused',
    `the policy ${quoted(policy)} is not available here; use "all"`,
  );
}
