/** Owns the compressed form of messages for many receivers: made once, kept where it is smaller, without any receiver's window. */
import { deflateRawSync, type ZlibOptions } from 'node:zlib';
import type { Octets } from '../foundation/index.js';
import {
  MAX_WINDOW_BITS,
  OPCODE_BINARY,
  OPCODE_TEXT,
  RSV1_BIT,
  encodeFrames,
  type FramePayload,
} from '../protocol/websocket/index.js';
import type { SharedBatch, SharedMessage } from '../session/index.js';
import { deflateOptions } from './websocket/compression/message-deflater.js';

/** Larger messages go out plain to many: compressing them would hold up the loop for more than a few milliseconds. */
export const MAX_SHARED_DEFLATE_BYTES = 131_072;

/** The window that a receiver must have agreed to for frames that are compressed for many. */
export const SHARED_WINDOW_BITS: number = MAX_WINDOW_BITS;

const NOTHING = Buffer.alloc(0);

/** How a door compresses what its connections share. */
export interface SharedCompression {
  readonly thresholdBytes: number;
  readonly deflateOptions: ZlibOptions;
}

/** One frame for many, compressed if that makes it smaller. */
export function compressedFrameOf(message: SharedMessage, how: SharedCompression): Octets {
  return (message.compressedFrame ??= encodeFrames([payloadOf(message, how)]));
}

/** Frames in a row for many, each compressed if that makes it smaller. */
export function compressedFramesOf(batch: SharedBatch, how: SharedCompression): Octets {
  return (batch.compressedFrames ??= encodeCompressed(batch, how));
}

function encodeCompressed(batch: SharedBatch, how: SharedCompression): Octets {
  const payloads = batch.messages.map((message) => payloadOf(message, how));
  // Frames of which none became smaller are the plain ones, once for both.
  const areCompressed = payloads.some(({ opcode }) => (opcode & RSV1_BIT) !== 0);
  return areCompressed ? encodeFrames(payloads) : (batch.plainFrames ??= encodeFrames(payloads));
}

function payloadOf(message: SharedMessage, how: SharedCompression): FramePayload {
  const { octets, isBinary } = message;
  const opcode = isBinary ? OPCODE_BINARY : OPCODE_TEXT;
  const plain: FramePayload = { opcode, octets };
  if (octets.length < how.thresholdBytes || octets.length > MAX_SHARED_DEFLATE_BYTES) return plain;
  const flushed = deflateRawSync(
    octets,
    deflateOptions(how.deflateOptions, SHARED_WINDOW_BITS, octets.length, NOTHING),
  );
  // RFC 7692 §7.2.1: without the last four octets of the flush.
  const compressed = flushed.subarray(0, flushed.length - 4);
  return compressed.length < octets.length
    ? { opcode: opcode | RSV1_BIT, octets: compressed }
    : plain;
}
