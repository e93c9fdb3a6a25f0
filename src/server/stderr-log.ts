/** Owns the log of a server that was given none: warnings and errors as readable lines on stderr. */
import { inspect } from 'node:util';
import type { Log, LogFields } from '../foundation/index.js';

const DEPTH = 4;

/** What `log` is by default, with lines that `write` takes. */
export function stderrLog(write: (line: string) => void): Log {
  const at = (level: string) => (message: string, fields?: LogFields) => {
    write(`tideway: ${level}: ${message}${fieldsText(fields)}`);
  };
  return { debug: () => {}, info: () => {}, warn: at('warning'), error: at('error') };
}

/** ` (destination: '/app/a')`, then the error with its stack on lines of its own. */
function fieldsText({ error, ...fields }: LogFields = {}): string {
  // Inspected one by one: what a client wrote cannot begin a line, and no getter or proxy can throw.
  const words = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${inspect(value, { depth: DEPTH, breakLength: Infinity })}`);
  const place = words.length === 0 ? '' : ` (${words.join(', ')})`;
  return error === undefined ? place : `${place}\n${inspect(error, { depth: DEPTH })}`;
}
