/** Owns the errors of the engine, with the stable codes that users of `ws` know. */
import { constants } from 'node:zlib';
import type { Violation } from '../../../protocol/websocket/index.js';

/** A peer broke the protocol or a limit; the connection is closing because of it. A RangeError, as in `ws`. */
export class WebSocketError extends RangeError {
  override readonly name: string = 'WebSocketError';
  /** `WS_ERR_…`, stable across versions. */
  readonly code: string;
  /** What was sent in the Close frame; 1006 when none was. */
  readonly closeCode: number;

  /** The name of the limit that was reached, if it was one: `maxMessageBytes`, `idleTimeoutMs` … */
  readonly limit: string | undefined;

  /** The number of zlib's error, where `code` is one of zlib's. */
  declare readonly errno?: number;

  constructor(violation: Violation) {
    const { message, isAboutConnection = false } = violation;
    super(isAboutConnection ? message : `Invalid WebSocket frame: ${message}`);
    this.code = violation.code;
    this.closeCode = violation.closeCode;
    this.limit = violation.limit;
    const errno: unknown = (constants as Record<string, unknown>)[violation.code];
    if (typeof errno === 'number') this.errno = errno;
  }
}
