/** Owns what a server that closes waits for before it sends anybody away: what was acknowledged reaches its readers (semantics B5). */
import type { Log, TurnBudget } from '../foundation/index.js';
import type { InputFlowBudget } from '../session/index.js';
import type { Streams } from '../streams/index.js';

/** How long it waits for what is done by itself, such as telling readers, and how often it looks. */
const SETTLE_MS = 500;
const LOOK_MS = 5;
/** How often it looks whether the last handler has ended. */
const HANDLER_LOOK_MS = 25;

/**
 * Resolves when readers were told of all that there is and nothing is under way any more, or when that takes too long: half a second,
 * or `drainTimeoutMs` where that is more and operations are still under way, such as handlers at work. Answers false when some still are.
 */
export async function settled(
  drainTimeoutMs: number,
  streams: Streams,
  turns: TurnBudget,
  inputFlow: InputFlowBudget,
): Promise<boolean> {
  const isAtWork = (): boolean => inputFlow.bytes > 0;
  const isSettled = (): boolean => streams.isSettled && turns.waitingCount === 0 && !isAtWork();
  let waitedMs = 0;
  // On the process's own timer, which keeps it alive: a server whose time a test moves has to close too.
  const wait = async (ms: number): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    waitedMs += ms;
  };
  while (waitedMs < SETTLE_MS && !isSettled()) await wait(LOOK_MS);
  while (waitedMs < drainTimeoutMs && isAtWork()) await wait(HANDLER_LOOK_MS);
  return !isAtWork();
}

/** The same, and whoever reads the log is told that something was given up. */
export async function drained(
  drainTimeoutMs: number,
  log: Log,
  ...underWay: readonly [Streams, TurnBudget, InputFlowBudget]
): Promise<void> {
  if (await settled(drainTimeoutMs, ...underWay)) return;
  log.warn('operations at work were given up: drainTimeoutMs');
}
