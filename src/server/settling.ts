/** Owns what a server that closes waits for before it sends anybody away: what was acknowledged reaches its readers (semantics B5). */
import type { TurnBudget } from '../foundation/index.js';
import type { InputFlowBudget } from '../session/index.js';
import type { Streams } from '../streams/index.js';

/** How often it is looked whether what is under way has settled: half a second in all, since an operation may hang. */
const MAX_LOOKS = 100;
const LOOK_MS = 5;

/** Resolves when readers were told of all that there is and nothing is under way any more, or when that takes too long. */
export async function settled(
  streams: Streams,
  turns: TurnBudget,
  inputFlow: InputFlowBudget,
): Promise<void> {
  const isSettled = (): boolean =>
    streams.isSettled && turns.waitingCount === 0 && inputFlow.bytes === 0;
  // On the process's own timer, which keeps it alive: a server whose time a test moves has to close too.
  for (let look = 0; look < MAX_LOOKS && !isSettled(); look++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
