/** Owns the close codes of RFC 6455 §7.4 and which of them may stand in a Close frame. */

export const CLOSE_NORMAL = 1000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_PROTOCOL_ERROR = 1002;
export const CLOSE_UNSUPPORTED_DATA = 1003;
/** Never on the wire: the peer's Close frame had no code. */
export const CLOSE_NO_STATUS = 1005;
/** Never on the wire: the connection ended without a Close frame. */
export const CLOSE_ABNORMAL = 1006;
export const CLOSE_INVALID_PAYLOAD = 1007;
export const CLOSE_POLICY_VIOLATION = 1008;
export const CLOSE_MESSAGE_TOO_BIG = 1009;
export const CLOSE_EXTENSION_MISSING = 1010;
export const CLOSE_INTERNAL_ERROR = 1011;
export const CLOSE_TRY_AGAIN_LATER = 1013;

/**
 * Whether an endpoint may put the code into a Close frame, and so whether one that is received is valid.
 * 1012 to 1014 were registered with IANA after RFC 6455.
 */
export function isCloseCodeOnWire(closeCode: number): boolean {
  if (!Number.isInteger(closeCode)) return false;
  // RFC 6455 §7.4.1: 1004 is reserved; 1005, 1006 and 1015 MUST NOT be set by an endpoint.
  if (closeCode >= 1000 && closeCode <= 1014) {
    return closeCode !== 1004 && closeCode !== CLOSE_NO_STATUS && closeCode !== CLOSE_ABNORMAL;
  }
  // RFC 6455 §7.4.2: 0 to 999 are not used, 1000 to 2999 belong to the protocol, 3000 to 4999 are free.
  return closeCode >= 3000 && closeCode <= 4999;
}
