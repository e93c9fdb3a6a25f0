/** Owns the per-pattern settings of work queues. */
import { checkDestination, DestinationPattern } from '../../message/index.js';

/** Settings of the queues inside a pattern. What is left out has its default. */
export interface WorkRule {
  /**
   * Time for a consumer to acknowledge or reject a message, at most 250 ms late; then it is redelivered. 0: for ever. Default
   * 60,000.
   */
  readonly acknowledgeTimeoutMs?: number;
  /** Deliveries of one message; one that comes back after so many goes to `deadLetter`, or is dropped. Default 20. */
  readonly maxDeliveryCount?: number;
  /** The destination of messages that were delivered too often. Default none: they are dropped and counted. */
  readonly deadLetter?: string;
  /** Octets that a queue keeps, bookkeeping included; a send beyond is refused with `work/full`. Default 67,108,864. */
  readonly maxQueueBytes?: number;
  /** Messages that a queue keeps; one more is refused with `work/full`. Default 100,000. */
  readonly maxMessageCount?: number;
  /** Time that a queue remembers a message id: a repeated one is answered and not kept again. Default 300,000. */
  readonly messageIdWindowMs?: number;
  /** Message ids that a queue remembers; beyond it the oldest are forgotten. They count in `maxWorkBytes`. Default 10,000. */
  readonly maxMessageIdCount?: number;
}

export interface WorkSettings {
  readonly acknowledgeTimeoutMs: number;
  readonly maxDeliveryCount: number;
  readonly deadLetter: string | undefined;
  readonly maxQueueBytes: number;
  readonly maxMessageCount: number;
  readonly messageIdWindowMs: number;
  readonly maxMessageIdCount: number;
}

const DEFAULTS: WorkSettings = {
  acknowledgeTimeoutMs: 60_000,
  maxDeliveryCount: 20,
  deadLetter: undefined,
  maxQueueBytes: 67_108_864,
  maxMessageCount: 100_000,
  messageIdWindowMs: 300_000,
  maxMessageIdCount: 10_000,
};

/** 0 turns the time-out off; of the others it would leave nothing. */
const LEAST: Readonly<Record<string, number>> = { acknowledgeTimeoutMs: 0 };

/** The first rule that matches a queue holds; name the narrower patterns first. */
export class WorkRules {
  readonly #rules: { readonly pattern: DestinationPattern; readonly settings: WorkSettings }[] = [];

  /**
   * Throws `destination/invalid` for a pattern or a dead-letter destination that is none, RangeError for a setting that is
   * not known or out of range.
   */
  add(pattern: string, rule: WorkRule): void {
    for (const [name, value] of Object.entries(rule)) checkSetting(pattern, name, value);
    if (rule.deadLetter !== undefined) checkDestination(rule.deadLetter);
    const settings = { ...DEFAULTS, ...rule };
    this.#rules.push({ pattern: DestinationPattern.parse(pattern), settings });
  }

  settingsOf(destination: string): WorkSettings {
    return this.#rules.find(({ pattern }) => pattern.matches(destination))?.settings ?? DEFAULTS;
  }
}

function checkSetting(pattern: string, name: string, value: unknown): void {
  if (!Object.hasOwn(DEFAULTS, name)) {
    const known = Object.keys(DEFAULTS).join(', ');
    throw new RangeError(`work rule ${pattern}: ${name} is no setting; known: ${known}`);
  }
  if (name === 'deadLetter') {
    if (typeof value === 'string') return;
    throw new RangeError(`work rule ${pattern}: deadLetter must be a destination`);
  }
  const least = LEAST[name] ?? 1;
  if (typeof value === 'number' && value >= least) return;
  throw new RangeError(`work rule ${pattern}: ${name} must be a number from ${least} up`);
}
