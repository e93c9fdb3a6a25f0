/** Owns telling STOMP from other languages by the first message of a connection. */
import type { Octets } from '../../foundation/index.js';

/**
 * A C or an S after any line ends, as CONNECT and STOMP begin: their line may be split over messages, and no other
 * language begins so.
 */
export function isStompFirstMessage(message: string | Octets): boolean {
  if (typeof message === 'string') return /^[\r\n]*[CS]/.test(message);
  let start = 0;
  while (message[start] === 0x0a || message[start] === 0x0d) start += 1;
  return message[start] === 0x43 || message[start] === 0x53;
}
