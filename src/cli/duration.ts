/** Owns times on a command line: `500ms`, `30s`, `5m`, `1h`, `7d`. */
import { InvalidArgumentError } from 'commander';
import { MAX_TIMER_MS } from '../foundation/index.js';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The same for what a timer waits. Throws commander's InvalidArgumentError. */
export function waitOption(text: string): number {
  const durationMs = durationOption(text);
  if (durationMs <= MAX_TIMER_MS) return durationMs;
  throw new InvalidArgumentError('At most 24d.');
}

/** Milliseconds. Throws commander's InvalidArgumentError. */
export function durationOption(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const durationMs = Number(digits) * (UNIT_MS[unit] ?? 0);
  if (durationMs > 0) return durationMs;
  throw new InvalidArgumentError('A time is a number and a unit: 500ms, 30s, 5m, 1h or 7d.');
}
