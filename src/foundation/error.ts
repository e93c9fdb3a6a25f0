/** Owns the two families of failure (semantics E1) and their base: a stable code beside words for people. */
import { DISCONNECTS, REQUEST_ERRORS, type DisconnectCode } from './error-table.js';

/** `area/what`, stable across versions; the words beside it are for people and may change. */
export type ErrorCode = `${string}/${string}`;

/** Base class: what was wrong and where, what to do about it, and a code to compare. */
export class TidewayError extends Error {
  override readonly name: string = 'TidewayError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Numbers of request errors from here on mean "try again" (semantics E1). */
const FIRST_NUMBER_TO_TRY_AGAIN = 500;

/** The number of a request error that an application made up itself. */
export const APPLICATION_ERROR_NUMBER = 499;

/**
 * The answer to one operation; the connection lives on.
 * Numbers 100 to 499 are the caller's fault, 500 to 599 mean "try again" (semantics E1).
 * A handler may throw one with a code of its own, such as `orders/sold-out`: it reaches the caller as
 * thrown, with the number 499 unless another is given.
 */
export class RequestError extends TidewayError {
  override readonly name: string = 'RequestError';
  readonly number: number;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { number?: number }) {
    super(code, message, options);
    const known: Readonly<Record<string, number>> = REQUEST_ERRORS;
    this.number = options?.number ?? known[code] ?? APPLICATION_ERROR_NUMBER;
  }

  /** Whether it is nobody's fault who asked, and the same may succeed later: its number is 500 or more. */
  get mayTryAgain(): boolean {
    return this.number >= FIRST_NUMBER_TO_TRY_AGAIN;
  }
}

/**
 * The end of a connection, with the WebSocket close code that says whether to come back:
 * 4000 to 4499 come back, 4500 to 4999 do not (semantics E1).
 */
export class Disconnect extends TidewayError {
  override readonly name: string = 'Disconnect';
  readonly closeCode: number;
  declare readonly code: DisconnectCode;

  constructor(code: DisconnectCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.closeCode = DISCONNECTS[code];
  }

  /** Whether the client should reconnect. */
  get mayReconnect(): boolean {
    return closeCodeMayReconnect(this.closeCode);
  }
}

/** Whether a close code of ours, or of RFC 6455, means "come back". */
export function closeCodeMayReconnect(closeCode: number): boolean {
  return closeCode < 4500;
}
