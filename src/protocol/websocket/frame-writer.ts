/** Owns the writing of frames (RFC 6455 §5.2): headers and masks into a buffer that is given, whole frames for many receivers. */
import type { Octets } from '../../foundation/index.js';
import { FIN_BIT, MASK_BIT } from './opcode.js';

/** Octets of the header before a payload of this length. */
export function frameHeaderBytes(payloadBytes: number, isMasked: boolean): number {
  const maskBytes = isMasked ? 4 : 0;
  if (payloadBytes < 126) return 2 + maskBytes;
  return (payloadBytes < 65_536 ? 4 : 10) + maskBytes;
}

/**
 * Writes a header at `at` and answers the offset behind it. `firstOctet` is FIN, the RSV bits and the opcode.
 * With a `mask` the key is written too; the payload itself is the caller's to mask.
 */
export function writeFrameHeader(
  target: Octets,
  at: number,
  firstOctet: number,
  payloadBytes: number,
  mask?: number,
): number {
  target[at] = firstOctet;
  const maskBit = mask === undefined ? 0 : MASK_BIT;
  let next = at + 2;
  // RFC 6455 §5.2: the minimal number of octets MUST be used to encode the length.
  if (payloadBytes < 126) target[at + 1] = maskBit | payloadBytes;
  else if (payloadBytes < 65_536) {
    target[at + 1] = maskBit | 126;
    target[next++] = payloadBytes >>> 8;
    target[next++] = payloadBytes & 0xff;
  } else {
    target[at + 1] = maskBit | 127;
    writeUint32(target, next, Math.floor(payloadBytes / 2 ** 32));
    writeUint32(target, next + 4, payloadBytes % 2 ** 32);
    next += 8;
  }
  if (mask === undefined) return next;
  target[next++] = mask & 0xff;
  target[next++] = (mask >>> 8) & 0xff;
  target[next++] = (mask >>> 16) & 0xff;
  target[next++] = mask >>> 24;
  return next;
}

function writeUint32(target: Octets, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = (value >>> 16) & 0xff;
  target[at + 2] = (value >>> 8) & 0xff;
  target[at + 3] = value & 0xff;
}

/** What a frame to be shared is made of. */
export interface FramePayload {
  readonly opcode: number;
  readonly octets: Octets;
}

/** Unmasked final frames in a row, in one buffer: what a server encodes once for many receivers. */
export function encodeFrames(payloads: readonly FramePayload[]): Octets {
  let length = 0;
  for (const { octets } of payloads) {
    length += frameHeaderBytes(octets.length, false) + octets.length;
  }
  const frames = new Uint8Array(length);
  let at = 0;
  for (const { opcode, octets } of payloads) {
    at = writeFrameHeader(frames, at, FIN_BIT | opcode, octets.length);
    frames.set(octets, at);
    at += octets.length;
  }
  return frames;
}

/** One unmasked final frame. */
export function encodeFrame(opcode: number, octets: Octets): Octets {
  return encodeFrames([{ opcode, octets }]);
}
