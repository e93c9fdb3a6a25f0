/** Owns telling STOMP from other languages by the first message of a connection. */
import type { Octets } from '../../foundation/index.js';

/** Octets that are enough to tell: line ends of heart-beats aside, a command and its line end. */
const ENOUGH_BYTES = 10;

/** CONNECT or STOMP after any line ends. */
export function isStompFirstMessage(message: string | Octets): boolean {
  const text = typeof message === 'string' ? message : latinBeginning(message);
  return /^[\r\n]*(?:CONNECT|STOMP)\r?\n/.test(text);
}

function latinBeginning(octets: Octets): string {
  let start = 0;
  while (octets[start] === 0x0a || octets[start] === 0x0d) start += 1;
  return String.fromCharCode(...octets.subarray(start, start + ENOUGH_BYTES));
}
