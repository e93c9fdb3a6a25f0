/** Owns the errors of the engine, with the stable codes that users of `ws` know. */
import { type Violation, isFrameViolation } from '../../protocol/websocket/index.js';

/** A peer broke the protocol or a limit; the connection is closing because of it. A RangeError, as in `ws`. */
export class WebSocketError extends RangeError {
  override readonly name: string = 'WebSocketError';
  /** `WS_ERR_…`, stable across versions. */
  readonly code: string;
  /** What was sent in the Close frame. */
  readonly closeCode: number;

  constructor(violation: Violation) {
    super(
      isFrameViolation(violation)
        ? `Invalid WebSocket frame: ${violation.message}`
        : violation.message,
    );
    this.code = violation.code;
    this.closeCode = violation.closeCode;
  }
}
