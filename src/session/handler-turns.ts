/** Owns when the next handler of a session's line begins: at once, or in a turn that has room for it. */
import type { Metrics, TurnBudget } from '../foundation/index.js';
import { HandlerLine } from './handler-line.js';
import type { InputGate } from './input-flow.js';
import type { SessionLimits } from './limits.js';

/** What the run of a handler counts for: as much as makes the turn look at the clock. */
const HANDLER_UNITS = 16;
const LIMIT = 'maxWaitingHandlerCount';

interface HandlerTurns {
  readonly limits: SessionLimits;
  readonly metrics: Metrics;
  readonly turns: TurnBudget;
}

/**
 * Hundreds wait, and each may do as much as it likes before it awaits something that takes time. Where the turn is over they go on in
 * a later one, and the client is not read before: it would fill the line.
 */
export function handlerLineOf(
  { limits, metrics, turns }: HandlerTurns,
  gate: InputGate,
): HandlerLine {
  const goOn = (next: () => void): void => {
    if (turns.spend(HANDLER_UNITS)) return next();
    gate.pauseInput();
    turns.later(() => {
      gate.resumeInput();
      next();
    }, 'backlog');
  };
  return new HandlerLine(
    limits[LIMIT],
    () => metrics.count('limit_reached', { limit: LIMIT }),
    goOn,
  );
}
