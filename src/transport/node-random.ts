/** Owns randomness as Node has it: from the operating system, cryptographic. */
import { randomFillSync } from 'node:crypto';
import type { Random } from '../foundation/index.js';

export function nodeRandom(): Random {
  return { fill: (target) => void randomFillSync(target) };
}
