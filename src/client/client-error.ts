/** Owns the failure of one operation of the client, whether the server refused it or it never got an answer. */
import { TidewayError, type ErrorCode } from '../foundation/index.js';

export interface ClientErrorOptions extends ErrorOptions {
  readonly number?: number | undefined;
  readonly isOutcomeUnknown?: boolean;
}

/**
 * What `send`, `request`, `authenticate` and `connect` reject with, and what `onError` is told.
 * `code` is stable (docs/reference/client.md has the client's own, docs/reference/errors.md the server's).
 */
export class ClientError extends TidewayError {
  override readonly name: string = 'ClientError';
  /** The server's number: below 500 the caller's fault, from 500 on "try again". Undefined when the client made the error. */
  readonly number: number | undefined;
  /** Whether the server may have done what was asked: it was sent, and no answer came. Never repeated by the client. */
  readonly isOutcomeUnknown: boolean;

  constructor(code: ErrorCode, message: string, options?: ClientErrorOptions) {
    super(code, message, options);
    this.number = options?.number;
    this.isOutcomeUnknown = options?.isOutcomeUnknown === true;
  }
}
