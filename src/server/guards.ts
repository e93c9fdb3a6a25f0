/** Owns the log and the metrics as all rooms of a server get them: nothing that the application's own do wrong comes through. */
import {
  GuardedLog,
  GuardedMetrics,
  MemoryMetrics,
  SILENT_LOG,
  type Log,
  type Metrics,
  type Time,
} from '../foundation/index.js';
import { LineOutput } from '../transport/index.js';
import type { ServerOptions } from './options.js';
import { stderrLog } from './stderr-log.js';

export interface Guards {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where everything is counted: what the application gave, as it gave it. */
  readonly givenMetrics: Metrics;
  /** Says what was left out of the log until now. */
  readonly flush: () => void;
}

export function guardsOf({ log, metrics }: ServerOptions, time: Time): Guards {
  const givenMetrics = metrics ?? new MemoryMetrics();
  const failed = (error: unknown): void =>
    guardedLog.error('the option metrics failed; only the first failure is told', { error });
  // Our own neither throw nor wait.
  const guardedMetrics = metrics === undefined ? givenMetrics : new GuardedMetrics(metrics, failed);
  const givenLog = log === false ? SILENT_LOG : (log ?? defaultLog(guardedMetrics));
  const guardedLog = new GuardedLog(givenLog, guardedMetrics, time);
  return {
    log: guardedLog,
    metrics: guardedMetrics,
    givenMetrics,
    flush: () => guardedLog.flush(),
  };
}

function defaultLog(metrics: Metrics): Log {
  const output = new LineOutput(2, {
    dropped: () => metrics.count('log_lines_dropped'),
    lostLine: (count) => `tideway: warning: ${count} lines were lost: stderr did not take them`,
  });
  return stderrLog((line) => output.write(line));
}
