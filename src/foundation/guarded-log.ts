/** Owns what stands between a server and its log: its failures reach nobody, and no client can fill it with one kind of line. */
import type { Cancel, Clock, Timers } from './clock.js';
import type { Log, LogFields } from './log.js';
import type { Metrics } from './metrics.js';
import { runHook } from './run-hook.js';

/** Lines with the same message that are written in a second; how many more there were is said afterwards. */
export const MAX_LOG_LINES_A_SECOND = 10;
/** Messages that are told apart; those beyond count as one kind. */
const MAX_KINDS = 256;
const OTHER_KINDS = 'lines of other kinds';
const WINDOW_MS = 1_000;

type Level = keyof Log;

/** Lines of one kind in the current second. */
interface Kind {
  readonly level: Level;
  readonly message: string;
  count: number;
}

/**
 * A log that neither throws nor rejects: failures are counted (`log_failures`), and so are lines that are left out
 * (`log_lines_suppressed`).
 */
export class GuardedLog implements Log {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #time: Clock & Timers;
  readonly #kinds = new Map<string, Kind>();
  #windowEndsAtMs = -Infinity;
  /** Set while there is something to say at the end of the second. */
  #cancel: Cancel | undefined;

  constructor(log: Log, metrics: Metrics, time: Clock & Timers) {
    this.#log = log;
    this.#metrics = metrics;
    this.#time = time;
  }

  debug(message: string, fields?: LogFields): void {
    this.#take('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#take('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#take('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#take('error', message, fields);
  }

  /** Says now what was left out. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const kinds = [...this.#kinds.values()];
    this.#kinds.clear();
    this.#windowEndsAtMs = -Infinity;
    for (const { level, message, count } of kinds) {
      const leftOut = count - MAX_LOG_LINES_A_SECOND;
      if (leftOut > 0) this.#write(level, `${leftOut} more like this: ${message}`, undefined);
    }
  }

  #take(level: Level, message: string, fields: LogFields | undefined): void {
    const nowMs = this.#time.monotonicMs();
    if (nowMs >= this.#windowEndsAtMs) {
      this.flush();
      this.#windowEndsAtMs = nowMs + WINDOW_MS;
    }
    const kind = this.#kindOf(level, message);
    kind.count += 1;
    if (kind.count <= MAX_LOG_LINES_A_SECOND) return this.#write(level, message, fields);
    this.#cancel ??= this.#time.after(this.#windowEndsAtMs - nowMs, () => this.flush());
    this.#metrics.count('log_lines_suppressed');
  }

  #kindOf(level: Level, message: string): Kind {
    const given = `${level} ${message}`;
    const isKnown = this.#kinds.has(given) || this.#kinds.size < MAX_KINDS;
    const name = isKnown ? given : OTHER_KINDS;
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = { level, message: isKnown ? message : OTHER_KINDS, count: 0 };
      this.#kinds.set(name, kind);
    }
    return kind;
  }

  #write(level: Level, message: string, fields: LogFields | undefined): void {
    runHook(
      () => this.#log[level](message, fields),
      () => this.#metrics.count('log_failures'),
    );
  }
}
