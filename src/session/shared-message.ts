/** Owns encodings that many receivers share: octets of one message, or of several in a row, and the wire forms made from them once. */
import type { Octets } from '../foundation/index.js';

/**
 * One encoded message. Immutable but for its slots: a transport fills the slot of its wire form on first use,
 * and every later receiver shares those octets.
 */
export class SharedMessage {
  readonly octets: Octets;
  readonly isBinary: boolean;
  /** An unmasked, uncompressed WebSocket frame. */
  plainFrame: Octets | undefined = undefined;
  /** A frame compressed without context takeover. */
  compressedFrame: Octets | undefined = undefined;
  /** A server-sent event. */
  serverSentEvent: Octets | undefined = undefined;

  constructor(octets: Octets, isBinary: boolean) {
    this.octets = octets;
    this.isBinary = isBinary;
  }
}

/** Messages that leave in a row, with the same slots for the whole of them. */
export class SharedBatch {
  readonly messages: readonly SharedMessage[];
  plainFrames: Octets | undefined = undefined;
  compressedFrames: Octets | undefined = undefined;
  serverSentEvents: Octets | undefined = undefined;
  /** How many were given it: what waits of it for all of them stands in memory once. */
  readerCount: number = 0;

  constructor(messages: readonly SharedMessage[]) {
    this.messages = messages;
  }

  /**
   * Octets that keeping it costs: the encoded ones, once more for the wire form that a transport makes of them, and the
   * objects around them.
   */
  get retainedBytes(): number {
    let bytes = this.messages.length * MESSAGE_OVERHEAD_BYTES;
    for (const { octets } of this.messages) bytes += 2 * octets.length;
    return bytes;
  }
}

/** Measured on Node 24: the object, its typed array and the header of its wire form. */
const MESSAGE_OVERHEAD_BYTES = 240;
