/** Owns bounds on time and memory: `npm run acceptance` judges them, `npm test` does not, because a busy machine breaks them. */
import assert from 'node:assert/strict';

/** Fails where a measured time, ratio of times or number of octets is out of its bound; in `npm test` it does nothing. */
export function checkBound(isWithin: boolean, words: string): void {
  if (process.env['TIDEWAY_ACCEPTANCE'] !== undefined) assert.ok(isWithin, words);
}
