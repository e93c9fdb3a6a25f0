/** The peer's side of permessage-deflate (RFC 7692 §7.2): messages compressed as a case wants them, and what comes back inflated. */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { BINARY, CONTINUATION, FIN, TEXT, type Frame, type ReadFrame } from './frames.js';
import { partsOf } from './case.js';

export const RSV1 = 0x40;
const TAIL = Buffer.of(0, 0, 0xff, 0xff);

/** What was agreed for one direction. */
export interface Direction {
  readonly windowBits: number;
  readonly keepsContext: boolean;
}

/** Compresses the messages of one direction, one after the other. */
export class Compressor {
  readonly #direction: Direction;
  #window: Buffer = Buffer.alloc(0);

  constructor(direction: Direction) {
    this.#direction = direction;
  }

  /** The octets of one message. */
  compress(payload: Buffer): Buffer {
    const { windowBits, keepsContext } = this.#direction;
    const compressed = deflateRawSync(payload, {
      // zlib has no raw window of 8 bits; with 9 it refers back less far than 256 octets.
      windowBits: Math.max(9, windowBits),
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(this.#window.length > 0 ? { dictionary: this.#window } : {}),
    });
    if (keepsContext) this.#window = lastOf(this.#window, payload, 2 ** windowBits);
    if (payload.length === 0) return Buffer.of(0);
    return compressed.subarray(0, compressed.length - TAIL.length);
  }

  /** The frames of one message, in fragments of a size when one is given. */
  frames(opcode: typeof TEXT | typeof BINARY, payload: Buffer, fragmentBytes?: number): Frame[] {
    const compressed = this.compress(payload);
    const parts = fragmentBytes === undefined ? [compressed] : partsOf(compressed, fragmentBytes);
    return compressedFrames(opcode, parts);
  }
}

/** Parts of compressed octets as frames: RFC 7692 §6.1: RSV1 in the first only. */
export function compressedFrames(opcode: number, parts: readonly Buffer[]): Frame[] {
  return parts.map((payload, index) => ({
    first: (index === 0 ? RSV1 | opcode : CONTINUATION) | (index === parts.length - 1 ? FIN : 0),
    payload,
  }));
}

/** Inflates what an endpoint wrote, with no larger a window than was agreed. */
export class Decompressor {
  readonly #direction: Direction;
  #window: Buffer = Buffer.alloc(0);
  #message: ReadFrame[] = [];

  constructor(direction: Direction) {
    this.#direction = direction;
  }

  /** A frame as it is, or the message that it completes; nothing while a compressed message is not whole. */
  take(frame: ReadFrame): ReadFrame | undefined {
    const isControl = (frame.first & 0x08) !== 0;
    const isCompressed = (frame.first & RSV1) !== 0 || this.#message.length > 0;
    if (isControl || !isCompressed) return frame;
    this.#message.push(frame);
    if ((frame.first & FIN) === 0) return undefined;
    const [first] = this.#message;
    const octets = Buffer.concat(this.#message.map(({ payload }) => payload));
    this.#message = [];
    return { ...frame, first: first!.first | FIN, payload: this.#inflate(octets) };
  }

  #inflate(octets: Buffer): Buffer {
    const { windowBits, keepsContext } = this.#direction;
    const payload = inflateRawSync(Buffer.concat([octets, TAIL]), {
      windowBits,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(this.#window.length > 0 ? { dictionary: this.#window } : {}),
    });
    if (keepsContext) this.#window = lastOf(this.#window, payload, 2 ** windowBits);
    return payload;
  }
}

function lastOf(before: Buffer, added: Buffer, byteLength: number): Buffer {
  const all = Buffer.concat([before, added]);
  return all.subarray(Math.max(0, all.length - byteLength));
}
