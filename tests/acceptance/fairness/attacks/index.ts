/** Owns the list of all attacks, in the order in which they are run. */
import type { Attack } from './attack.js';
import { CROWD_ATTACKS } from './crowd-attacks.js';
import { NATIVE_ATTACKS } from './native-attacks.js';
import { STOMP_ATTACKS } from './stomp-attacks.js';
import { WAITING_ATTACKS } from './waiting-attacks.js';

export type { Attack } from './attack.js';

/** What everything else is compared with. */
const BASELINE: Attack = {
  name: 'none',
  what: 'no attack',
  isScaled: false,
  go: () => new Promise((resolve) => setTimeout(resolve, 100)),
};

export const ATTACKS: readonly Attack[] = [
  BASELINE,
  ...STOMP_ATTACKS,
  ...NATIVE_ATTACKS,
  ...CROWD_ATTACKS,
  ...WAITING_ATTACKS,
];
