/** Owns asking a frame for a header that it must have. */
import { RequestError } from '../../foundation/index.js';
import type { StompFrame } from '../../protocol/stomp/index.js';

/** Throws `frame/invalid-field` when it is missing. */
export function requiredHeader({ command, headers }: StompFrame, name: string): string {
  const value = headers.get(name);
  if (value !== undefined) return value;
  throw new RequestError('frame/invalid-field', `${command} needs a header "${name}"`);
}
