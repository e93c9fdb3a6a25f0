/** Owns the payload of a Close frame, and the judgement of what an application wants to say in one. */
import { types } from 'node:util';
import type { Octets } from '../../../foundation/index.js';
import { MAX_CONTROL_PAYLOAD_BYTES, isCloseCodeOnWire } from '../../../protocol/websocket/index.js';

const NOTHING = Buffer.alloc(0);
const MAX_REASON_BYTES = MAX_CONTROL_PAYLOAD_BYTES - 2;

/** The payload of a Close frame. Throws a TypeError or a RangeError for what must not stand in one. */
export function checkedClosePayload(
  code: number | undefined,
  reason: string | Uint8Array | undefined,
): Buffer {
  // RFC 6455 §5.5.1: a reason stands behind a code, never alone; as with `ws`, without a code it is left out.
  if (code === undefined) return NOTHING;
  if (typeof code !== 'number' || !isCloseCodeOnWire(code)) {
    throw new TypeError('First argument must be a valid error code number');
  }
  if (reason === undefined || reason.length === 0) return closePayload(code, NOTHING);
  if (typeof reason !== 'string' && !types.isUint8Array(reason)) {
    throw new TypeError('Second argument must be a string or a Uint8Array');
  }
  const octets = typeof reason === 'string' ? Buffer.from(reason) : reason;
  if (octets.length > MAX_REASON_BYTES) {
    throw new RangeError('The message must not be greater than 123 bytes');
  }
  return closePayload(code, octets);
}

/** The payload of a Close frame: the code and the UTF-8 of the reason (RFC 6455 §5.5.1). */
export function closePayload(closeCode: number, reason: Octets): Buffer {
  const payload = Buffer.allocUnsafe(2 + reason.length);
  payload.writeUInt16BE(closeCode, 0);
  payload.set(reason, 2);
  return payload;
}
