/** Owns ports as text. */
import { InvalidArgumentError } from 'commander';

/** The port that a text names; undefined when it names none. */
export function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  return port <= 65_535 ? port : undefined;
}

/** The value of a flag. Throws commander's InvalidArgumentError. */
export function portOption(text: string): number {
  const port = parsePort(text);
  if (port === undefined) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}
