/** Owns frames that are masked once and sent again and again: sending a few more is a slice of one buffer. */
import { randomBytes } from 'node:crypto';
import {
  FIN_BIT,
  Masker,
  frameHeaderBytes,
  readMask,
  writeFrameHeader,
} from '../../protocol/websocket/index.js';

const USUAL_FRAME_COUNT = 256;
const USUAL_BELT_BYTES = 4 * 1_048_576;

/** Equal messages in a row, each masked with a key of its own. */
export class FrameBelt {
  readonly #frames: Buffer;
  readonly #frameBytes: number;
  readonly #frameCount: number;
  #at = 0;

  /** `minFrameCount` is the most that `take` will be asked for. */
  constructor(opcode: number, payload: Uint8Array, minFrameCount: number) {
    const headerBytes = frameHeaderBytes(payload.length, true);
    this.#frameBytes = headerBytes + payload.length;
    const affordable = Math.floor(USUAL_BELT_BYTES / this.#frameBytes);
    this.#frameCount = Math.max(minFrameCount, Math.min(USUAL_FRAME_COUNT, affordable));
    this.#frames = Buffer.allocUnsafeSlow(this.#frameBytes * this.#frameCount);
    const masker = new Masker();
    const keys = randomBytes(4 * this.#frameCount);
    for (let index = 0; index < this.#frameCount; index++) {
      const mask = readMask(keys, 4 * index);
      const at = index * this.#frameBytes;
      const start = writeFrameHeader(this.#frames, at, FIN_BIT | opcode, payload.length, mask);
      this.#frames.set(payload, start);
      masker.apply(this.#frames, start, start + payload.length, mask);
    }
  }

  /** The octets of the next few frames. They stay as they are. */
  take(frameCount: number): Buffer {
    if (this.#at + frameCount > this.#frameCount) this.#at = 0;
    const start = this.#at * this.#frameBytes;
    this.#at += frameCount;
    return this.#frames.subarray(start, start + frameCount * this.#frameBytes);
  }
}
