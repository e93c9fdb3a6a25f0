/** Owns the log of `serve`: JSON lines on stderr by pino. */
import pino from 'pino';
import type { Log } from '../server/index.js';
import type { Config } from './config.js';

/** Written at once: what a process says before it dies must not be lost in a buffer. */
export function createServerLog(level: Config['log']['level']): Log {
  const logger = pino(
    { name: 'tideway', level, serializers: { error: pino.stdSerializers.err } },
    pino.destination({ fd: 2, sync: true }),
  );
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}
