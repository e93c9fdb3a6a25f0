/** Owns making a message of what a handler answered: where that is impossible, it is the handler that failed. */
import { messageOf, type Message } from '../../message/index.js';

/** No RequestError: those reach the asker, who has done nothing wrong. */
export class UnsendableValueError extends Error {
  override readonly name: string = 'UnsendableValueError';
}

export function messageOfValue(value: unknown): Message {
  try {
    return messageOf(value);
  } catch (cause) {
    throw new UnsendableValueError('the value of a handler cannot be sent', { cause });
  }
}
