/** Owns making messages of what handlers answer: where that is impossible, it is the handler that failed. */
import { octetsOf, RequestError } from '../../foundation/index.js';
import { messageOf, type Message } from '../../message/index.js';

/** No RequestError: those reach the asker, who has done nothing wrong. */
export class UnsendableValueError extends Error {
  override readonly name: string = 'UnsendableValueError';
}

/** The asker is told, and may ask for less; the log is told too. */
export class TooLargeValueError extends RequestError {
  override readonly name: string = 'TooLargeValueError';

  constructor(maxBytes: number) {
    super(
      'message/too-large',
      `the value of the handler has more than ${maxBytes} octets (maxMessageBytes)`,
    );
  }
}

/** Makes messages of values that are at most so large. */
export class ValueMessages {
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws an UnsendableValueError or a TooLargeValueError. */
  of(value: unknown): Message {
    const octets = sendable(() => octetsOf(value));
    // Before it is copied.
    if (octets !== undefined) this.#check(octets);
    const message = sendable(() => messageOf(value));
    this.#check(message.body);
    return message;
  }

  #check({ length }: { readonly length: number }): void {
    if (length > this.#maxBytes) throw new TooLargeValueError(this.#maxBytes);
  }
}

function sendable<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new UnsendableValueError('the value of a handler cannot be sent', { cause });
  }
}
