/** Owns octets that come in parts: one buffer whose room doubles, so that many small parts cost no more than their octets. */
import { NO_OCTETS, type Octets } from '../../foundation/index.js';

const FIRST_ROOM_BYTES = 256;

export class OctetCollector {
  #room: Uint8Array = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Octets that it takes. */
  get roomBytes(): number {
    return this.#room.length;
  }

  /** The caller has checked its bound, `maxBytes`, beyond which no room is taken. */
  append(part: Octets, maxBytes: number): void {
    const needed = this.#length + part.length;
    if (needed > this.#room.length) {
      const doubled = Math.max(needed, this.#room.length * 2, FIRST_ROOM_BYTES);
      const room = new Uint8Array(Math.max(needed, Math.min(doubled, maxBytes)));
      room.set(this.#room.subarray(0, this.#length));
      this.#room = room;
    }
    this.#room.set(part, this.#length);
    this.#length = needed;
  }

  /** All of it, as octets of their own; the collector is empty again and holds no room. */
  take(): Octets {
    if (this.#length === 0) return NO_OCTETS;
    const isFull = this.#length === this.#room.length;
    const octets = isFull ? this.#room : this.#room.slice(0, this.#length);
    this.#room = new Uint8Array(0);
    this.#length = 0;
    return octets;
  }
}
