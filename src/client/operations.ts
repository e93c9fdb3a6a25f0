/** Owns operations that wait for an answer or for a connection: what was sent is never sent again. */
import { encodeUtf8, type Cancel, type ErrorCode } from '../foundation/index.js';
import { ClientError } from './client-error.js';
import { encodeMessage, type OutgoingFields, type OutgoingMessage } from './client-message.js';
import { numberOf, type ClientSettings } from './client-options.js';
import { errorOf, type ServerMessage } from './server-message.js';
import { afterUnlessEndless } from './system-time.js';
import type { Wire } from './wire.js';

/** Who waits for the answers of one operation. */
export interface AnswerSink {
  /** An answer came; returns whether it was the last. */
  answered(message: ServerMessage): boolean;
  failed(error: unknown): void;
}

export interface OperationOptions {
  /** How long it may go without an answer, in milliseconds; 0 and Infinity: for ever. Default: the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

interface Operation {
  readonly sink: AnswerSink;
  readonly message: OutgoingMessage;
  readonly isRequest: boolean;
  readonly timeoutMs: number;
  isSent: boolean;
  stopTimer: Cancel | undefined;
}

/** Operations by id, in the order in which they were begun; those that were not sent are the queue. */
export class Operations {
  readonly #wire: Wire;
  readonly #settings: ClientSettings;
  readonly #open = new Map<number, Operation>();

  constructor(wire: Wire, settings: ClientSettings) {
    this.#wire = wire;
    this.#settings = settings;
  }

  /** Begins an operation and returns its id. Throws a ClientError when the body or an option is none, or the queue is full. */
  begin(
    fields: OutgoingFields,
    body: unknown,
    sink: AnswerSink,
    options?: OperationOptions,
  ): number {
    const { maxQueuedCount, requestTimeoutMs } = this.#settings;
    const id = this.#wire.nextId();
    const operation: Operation = {
      sink,
      message: encodeMessage({ ...fields, id }, body),
      isRequest: fields.type === 'request',
      timeoutMs: numberOf(options ?? {}, 'timeoutMs', requestTimeoutMs),
      isSent: false,
      stopTimer: undefined,
    };
    // Whoever is not connected has nothing that was sent: all that is open is queued.
    if (!this.#wire.isConnected && this.#open.size >= maxQueuedCount) {
      throw new ClientError(
        'client/queue-full',
        `${maxQueuedCount} operations wait for a connection already (maxQueuedCount)`,
      );
    }
    this.#open.set(id, operation);
    this.#startTimer(id, operation);
    if (this.#wire.isConnected) this.#send(id, operation);
    return id;
  }

  /** Gives an operation up and tells the server so; nothing happens when it is over already. */
  cancel(id: number, reason: unknown): void {
    const operation = this.#open.get(id);
    if (operation === undefined) return;
    if (operation.isRequest && operation.isSent && this.#wire.isConnected) {
      this.#wire.transmit(encodeMessage({ type: 'cancel', id }));
    }
    this.#fail(id, operation, reason);
  }

  /** Sends what waited for a connection. */
  connected(): void {
    for (const [id, operation] of this.#open) this.#send(id, operation);
  }

  /** Fails what was sent on a connection that is gone. */
  interrupted(): void {
    for (const [id, operation] of this.#open) {
      if (operation.isSent) this.#fail(id, operation, connectionLost());
    }
  }

  /** Fails what waits for a connection that will not come. */
  ended(code: ErrorCode, reason: string): void {
    for (const [id, operation] of this.#open) {
      this.#fail(id, operation, new ClientError(code, `not sent: ${reason}`));
    }
  }

  /** Takes `receipt`, `reply`, `end` and `error` by their id. An id that is not open was given up: nobody waits. */
  received(message: ServerMessage): void {
    const { id = -1 } = message;
    const operation = this.#open.get(id);
    if (operation === undefined) return;
    if (message.type === 'error') this.#fail(id, operation, errorOf(message));
    else if (operation.sink.answered(message)) this.#remove(id, operation);
    else this.#startTimer(id, operation);
  }

  #send(id: number, operation: Operation): void {
    const { maxMessageBytes } = this.#wire;
    const { message } = operation;
    // The server would end the connection over it, and with it everybody else's operations.
    if (isLargerThan(maxMessageBytes, message)) {
      const words = `the message has more than the ${maxMessageBytes} octets that the server takes`;
      this.#fail(id, operation, new ClientError('message/too-large', words));
      return;
    }
    operation.isSent = true;
    this.#wire.transmit(message);
  }

  #startTimer(id: number, operation: Operation): void {
    const { timeoutMs } = operation;
    operation.stopTimer?.();
    operation.stopTimer = afterUnlessEndless(this.#settings.time, timeoutMs, () => {
      const words = `no answer within ${timeoutMs} ms`;
      const isOutcomeUnknown = operation.isSent;
      this.cancel(id, new ClientError('client/request-timeout', words, { isOutcomeUnknown }));
    });
  }

  #fail(id: number, operation: Operation, error: unknown): void {
    this.#remove(id, operation);
    operation.sink.failed(error);
  }

  #remove(id: number, operation: Operation): void {
    operation.stopTimer?.();
    this.#open.delete(id);
  }
}

function connectionLost(): ClientError {
  return new ClientError(
    'connection/lost',
    'the connection ended before the answer came; whether the server did it is unknown',
    { isOutcomeUnknown: true },
  );
}

function isLargerThan(maxBytes: number, message: OutgoingMessage): boolean {
  if (typeof message !== 'string') return message.byteLength > maxBytes;
  // No unit of a string takes more than three octets: next to nothing has to be encoded to be measured.
  return 3 * message.length > maxBytes && encodeUtf8(message).length > maxBytes;
}
