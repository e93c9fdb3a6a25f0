/** Owns what becomes of a hook whose answer nobody wants: what it throws is told, a promise that rejects is not left alone. */
import { isThenable } from './foreign-values.js';

/** Runs a hook of the application; `failed` is told what it throws, now or later. */
export function runHook(hook: () => unknown, failed: (error: unknown) => void): void {
  try {
    catchAnswer(hook(), failed);
  } catch (error) {
    failed(error);
  }
}

/** What a hook answered that was not to answer anything. Throws what a getter of it throws. */
export function catchAnswer(answer: unknown, failed: (error: unknown) => void): void {
  if (isThenable(answer)) Promise.resolve(answer).catch(failed);
}
