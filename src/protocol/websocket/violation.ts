/** Owns what a peer can do wrong: each violation with its close code, its stable code and words. */
import {
  CLOSE_ABNORMAL,
  CLOSE_GOING_AWAY,
  CLOSE_INVALID_PAYLOAD,
  CLOSE_MESSAGE_TOO_BIG,
  CLOSE_POLICY_VIOLATION,
  CLOSE_PROTOCOL_ERROR,
  CLOSE_TRY_AGAIN_LATER,
} from './close-code.js';

/** Why a connection is failed (RFC 6455 §7.1.7). The codes are those that users of `ws` know. */
export interface Violation {
  /** What the Close frame says. */
  readonly closeCode: number;
  /** `WS_ERR_…`: stable across versions. */
  readonly code: string;
  readonly message: string;
  /** The name of the limit that was reached, if it was one. */
  readonly limit?: string;
  /** True when the words do not speak of one frame. */
  readonly isAboutConnection?: boolean;
}

export const RESERVED_BITS_SET: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_UNEXPECTED_RSV_2_3',
  'RSV2 and RSV3 must be clear: no extension was negotiated that uses them',
);
export const RESERVED_BIT_1_SET: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_UNEXPECTED_RSV_1',
  'RSV1 must be clear: no extension was negotiated that uses it',
);
/** RFC 6455 §5.2: opcodes 3 to 7 and 11 to 15 are reserved. Its message is completed with the opcode. */
export const OPCODE_RESERVED: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_OPCODE',
  'invalid opcode',
);
export const CONTINUATION_WITHOUT_START: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_OPCODE',
  'a continuation frame came without a message to continue',
);
export const MESSAGE_INSIDE_MESSAGE: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_OPCODE',
  'a message began before the fragmented one had ended',
);
export const CONTROL_FRAGMENTED: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_EXPECTED_FIN',
  'FIN must be set in a control frame',
);
export const CONTROL_TOO_LONG: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  'a control frame may carry at most 125 octets',
);
export const MASK_MISSING: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_EXPECTED_MASK',
  'MASK must be set',
);
export const MASK_UNEXPECTED: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_UNEXPECTED_MASK',
  'MASK must be clear',
);
export const LENGTH_NOT_MINIMAL: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_LENGTH_ENCODING',
  'the payload length is not encoded in the fewest octets',
);
export const LENGTH_NEGATIVE: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_LENGTH_ENCODING',
  'the most significant bit of a 64-bit payload length must be 0',
);
export const LENGTH_UNSUPPORTED: Violation = violation(
  CLOSE_MESSAGE_TOO_BIG,
  'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
  'payload length > 2^53 - 1',
);
export const CLOSE_PAYLOAD_SHORT: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  'the payload of a Close frame is empty or begins with a two-octet code',
);
export const CLOSE_CODE_INVALID: Violation = violation(
  CLOSE_PROTOCOL_ERROR,
  'WS_ERR_INVALID_CLOSE_CODE',
  'a Close frame carries a code that must not be sent',
);
export const TEXT_NOT_UTF8: Violation = violation(
  CLOSE_INVALID_PAYLOAD,
  'WS_ERR_INVALID_UTF8',
  'a text message is not valid UTF-8',
);
export const REASON_NOT_UTF8: Violation = violation(
  CLOSE_INVALID_PAYLOAD,
  'WS_ERR_INVALID_UTF8',
  'the reason in a Close frame is not valid UTF-8',
);
export const MESSAGE_TOO_BIG: Violation = ofConnection(
  CLOSE_MESSAGE_TOO_BIG,
  'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  'Max payload size exceeded',
  'maxMessageBytes',
);
export const TOO_MANY_FRAGMENTS: Violation = ofConnection(
  CLOSE_POLICY_VIOLATION,
  'WS_ERR_TOO_MANY_BUFFERED_PARTS',
  'Too many message fragments',
  'maxFragmentCount',
);
export const TOO_MANY_CONTROL_FRAMES: Violation = ofConnection(
  CLOSE_POLICY_VIOLATION,
  'WS_ERR_TOO_MANY_CONTROL_FRAMES',
  'Pings and Pongs came faster than maxControlFramesPerSecond',
  'maxControlFramesPerSecond',
);
export const MESSAGE_TIMEOUT: Violation = ofConnection(
  CLOSE_POLICY_VIOLATION,
  'WS_ERR_MESSAGE_TIMEOUT',
  'A message was not complete messageTimeoutMs after its first octet',
  'messageTimeoutMs',
);
export const IDLE_TIMEOUT: Violation = ofConnection(
  CLOSE_GOING_AWAY,
  'WS_ERR_IDLE_TIMEOUT',
  'No message came or went for idleTimeoutMs',
  'idleTimeoutMs',
);
/** No Close frame: there is nobody to read it. */
export const HEARTBEAT_TIMEOUT: Violation = ofConnection(
  CLOSE_ABNORMAL,
  'WS_ERR_HEARTBEAT_TIMEOUT',
  'The peer was silent for heartbeatTimeoutMs after a Ping',
  'heartbeatTimeoutMs',
);
export const OUTBOUND_OVERFLOW: Violation = ofConnection(
  CLOSE_POLICY_VIOLATION,
  'WS_ERR_OUTBOUND_OVERFLOW',
  'More than maxOutboundBytes wait for a peer that does not read them',
  'maxOutboundBytes',
);
/** Others began later and want the room, or more of it is one address's (semantics B6). */
export const INPUT_OVERFLOW: Violation = ofConnection(
  CLOSE_TRY_AGAIN_LATER,
  'WS_ERR_INPUT_OVERFLOW',
  'More than maxTotalUnfinishedBytes of messages that had not ended were there',
  'maxTotalUnfinishedBytes',
);
export const INFLATE_RATIO_TOO_HIGH: Violation = violation(
  CLOSE_MESSAGE_TOO_BIG,
  'WS_ERR_INFLATE_RATIO',
  'a compressed message inflates to more than maxInflateRatio times its size',
);

function violation(closeCode: number, code: string, message: string, limit?: string): Violation {
  return limit === undefined ? { closeCode, code, message } : { closeCode, code, message, limit };
}

function ofConnection(closeCode: number, code: string, message: string, limit: string): Violation {
  return { closeCode, code, message, limit, isAboutConnection: true };
}
