/** Owns the frames that several connections send in one tick: encoded once, put together once, never changed afterwards. */
import type { Octets } from '../../../foundation/index.js';
import { frameHeaderBytes, writeFrameHeader } from '../../../protocol/websocket/index.js';

/** One per loop, for frames of servers: a client masks each frame on its own. */
export class SharedFrames {
  #data: string | Octets | undefined = undefined;
  #firstOctet = 0;
  #frame: Buffer | undefined = undefined;
  #payload: Buffer | undefined = undefined;
  #parts: readonly Octets[] = [];
  #whole: Octets | undefined = undefined;

  /**
   * The frame of what was asked for the last time too: whoever sends the same again sends it to many. Octets that
   * have changed since are something else. Otherwise undefined.
   */
  frameOf(firstOctet: number, data: string | Octets): Octets | undefined {
    if (this.#data !== data || this.#firstOctet !== firstOctet) {
      this.#data = data;
      this.#firstOctet = firstOctet;
      this.#frame = undefined;
      return undefined;
    }
    const isKnown =
      this.#frame !== undefined && (typeof data === 'string' || this.#payload!.equals(data));
    if (!isKnown) this.#encode(firstOctet, data);
    return this.#frame;
  }

  /** All parts in one buffer: the last one, if it was made of the same. */
  whole(parts: readonly Octets[], byteLength: number): Octets {
    if (this.#whole === undefined || !areSame(parts, this.#parts)) {
      this.#whole = Buffer.concat(parts, byteLength);
      this.#parts = parts;
    }
    return this.#whole;
  }

  /** The tick is over: what comes next is something else. */
  forget(): void {
    this.#data = undefined;
    this.#frame = undefined;
    this.#payload = undefined;
    this.#parts = [];
    this.#whole = undefined;
  }

  #encode(firstOctet: number, data: string | Octets): void {
    const byteLength = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    const frame = Buffer.allocUnsafeSlow(frameHeaderBytes(byteLength, false) + byteLength);
    const start = writeFrameHeader(frame, 0, firstOctet, byteLength);
    if (typeof data === 'string') frame.write(data, start);
    else frame.set(data, start);
    this.#frame = frame;
    this.#payload = frame.subarray(start);
  }
}

function areSame(parts: readonly Octets[], others: readonly Octets[]): boolean {
  if (parts.length !== others.length) return false;
  for (let index = 0; index < parts.length; index++) {
    if (parts[index] !== others[index]) return false;
  }
  return true;
}
