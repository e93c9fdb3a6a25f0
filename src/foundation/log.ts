/** Owns the shape of a log; who is given none is silent, but for a server. */

export type LogFields = Readonly<Record<string, unknown>>;

/** Any logger with these four methods fits, pino and console among them after binding. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const SILENT_LOG: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
