/** Owns the answer of a hook that has to answer at once: a promise would count as yes, whatever it came to. */
import { isThenable } from './foreign-values.js';

/** Yes or no as JavaScript takes it. Throws a TypeError for a promise; its rejection is nobody's then. */
export function yesOrNo(answer: unknown, hook: string): boolean {
  if (!isThenable(answer)) return Boolean(answer);
  Promise.resolve(answer).catch(() => {});
  throw new TypeError(`${hook} answered a promise; it has to answer at once, true or false`);
}
