/** Owns the per-pattern settings of topics. */
import { DestinationPattern } from '../../message/index.js';
import { DEFAULT_LIVE_RING_BYTES } from '../../streams/index.js';

/** Settings of the topics inside a pattern. What is left out has its default. */
export interface TopicRule {
  /** Publications kept for recovery; the oldest are forgotten beyond it. Default 0. */
  readonly historySize?: number;
  /** How long they are kept. Default Infinity: the size alone bounds them. */
  readonly historyTtlMs?: number;
  /** Octets of them, bookkeeping included; the oldest are forgotten beyond it. Default 16,777,216. */
  readonly historyBytes?: number;
  /**
   * Octets of live publications that readers share, bookkeeping included. A reader that falls behind by more ends
   * with `session/slow-consumer`. Default 1,048,576.
   */
  readonly liveRingBytes?: number;
}

export type TopicSettings = Required<TopicRule>;

const DEFAULTS: TopicSettings = {
  historySize: 0,
  historyTtlMs: Infinity,
  historyBytes: 16_777_216,
  liveRingBytes: DEFAULT_LIVE_RING_BYTES,
};

const MAX_REMEMBERED_SETTINGS = 10_000;

/** The first rule that matches a topic holds; name the narrower patterns first. */
export class TopicRules {
  readonly #rules: { readonly pattern: DestinationPattern; readonly settings: TopicSettings }[] =
    [];
  readonly #remembered = new Map<string, TopicSettings>();

  /** Throws `destination/invalid` for a pattern that is none, RangeError for a setting that is not known or out of range. */
  add(pattern: string, rule: TopicRule): void {
    for (const [name, value] of Object.entries(rule)) {
      if (!Object.hasOwn(DEFAULTS, name)) {
        const known = Object.keys(DEFAULTS).join(', ');
        throw new RangeError(`topic rule ${pattern}: ${name} is no setting; known: ${known}`);
      }
      if (typeof value !== 'number' || !(value >= 0)) {
        throw new RangeError(`topic rule ${pattern}: ${name} must be a number from 0 up`);
      }
    }
    const settings = { ...DEFAULTS, ...rule };
    this.#rules.push({ pattern: DestinationPattern.parse(pattern), settings });
    this.#remembered.clear();
  }

  settingsOf(destination: string): TopicSettings {
    const known = this.#remembered.get(destination);
    if (known !== undefined) return known;
    const rule = this.#rules.find(({ pattern }) => pattern.matches(destination));
    const settings = rule?.settings ?? DEFAULTS;
    if (this.#remembered.size >= MAX_REMEMBERED_SETTINGS) this.#remembered.clear();
    this.#remembered.set(destination, settings);
    return settings;
  }
}
