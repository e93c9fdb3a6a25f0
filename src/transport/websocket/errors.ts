/** Owns the errors of the engine, with the stable codes that users of `ws` know. */
import {
  CLOSE_INVALID_PAYLOAD,
  CLOSE_PROTOCOL_ERROR,
  type Violation,
} from '../../protocol/websocket/index.js';

/** A peer broke the protocol or a limit; the connection is closing because of it. A RangeError, as in `ws`. */
export class WebSocketError extends RangeError {
  override readonly name: string = 'WebSocketError';
  /** `WS_ERR_…`, stable across versions. */
  readonly code: string;
  /** What was sent in the Close frame. */
  readonly closeCode: number;

  constructor(violation: Violation) {
    super(messageOf(violation));
    this.code = violation.code;
    this.closeCode = violation.closeCode;
  }
}

/** A frame may be wrong, or good and more than is taken. */
function messageOf({ closeCode, message }: Violation): string {
  const isWrong = closeCode === CLOSE_PROTOCOL_ERROR || closeCode === CLOSE_INVALID_PAYLOAD;
  return isWrong ? `Invalid WebSocket frame: ${message}` : message;
}
