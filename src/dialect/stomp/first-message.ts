/** Owns telling STOMP from other languages by the first message of a connection. */
import type { Octets } from '../../foundation/index.js';

const isLineEnd = (octet: number | undefined): boolean => octet === 0x0a || octet === 0x0d;

/**
 * A C or an S after any line ends, as CONNECT and STOMP begin: their line may be split over messages, and no other
 * language begins so. Undefined for line ends alone: a heartbeat says nothing yet.
 */
export function isStompFirstMessage(message: string | Octets): boolean | undefined {
  const { length } = message;
  const at = (index: number): number | undefined =>
    typeof message === 'string' ? message.charCodeAt(index) : message[index];
  let start = 0;
  while (start < length && isLineEnd(at(start))) start += 1;
  if (start === length) return undefined;
  return at(start) === 0x43 || at(start) === 0x53;
}
