/** Owns telling the native dialect from other languages by the first message of a connection. */
import type { Octets } from '../../foundation/index.js';

/** The brace of a JSON text, or of the header JSON that a binary message begins with. */
export function isNativeFirstMessage(message: string | Octets): boolean {
  return typeof message === 'string' ? message.startsWith('{') : message[0] === 0x7b;
}
