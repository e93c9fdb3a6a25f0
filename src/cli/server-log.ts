/** Owns the log of `serve`: JSON lines on stderr by pino. */
import { hostname } from 'node:os';
import pino from 'pino';
import type { Log, Metrics } from '../server/index.js';
import { LineOutput } from '../transport/index.js';
import type { Config } from './config.js';

/** What every line has. Not `name`, pino's word for it: that is the client's in lines about one. */
const PROGRAM = 'tideway';

/** Nobody waits for its lines, and what stderr cannot take is dropped, counted as `log_lines_dropped`, and told of later. */
export function createServerLog(level: Config['log']['level'], metrics: Metrics): Log {
  const output = new LineOutput(2, {
    dropped: () => metrics.count('log_lines_dropped'),
    lostLine: (count) =>
      JSON.stringify({
        level: pino.levels.values['warn'],
        time: Date.now(),
        program: PROGRAM,
        count,
        msg: 'lines of this log were lost: stderr did not take them',
      }),
  });
  const logger = pino(
    {
      base: { program: PROGRAM, pid: process.pid, hostname: hostname() },
      level,
      serializers: { error: pino.stdSerializers.err },
    },
    { write: (line: string) => output.write(line.trimEnd()) },
  );
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}
