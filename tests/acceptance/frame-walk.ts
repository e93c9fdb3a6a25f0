/** Owns a walk over a server's frames from head to head, for who only wants to know of the Close frame among them. */

const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_FRAME_HEAD_BYTES = 10;

/** Looks at the heads alone, so it costs as much as there are frames, not octets. */
export class FrameWalk {
  /** Octets of the handshake's answer or of a frame's head that a chunk has cut. */
  #cut: Buffer = Buffer.alloc(0);
  /** Octets of a payload that are still to come. */
  #leftBytes = 0;
  #isPastHandshake = false;

  /** Whether a Close frame began in this chunk. */
  sawClose(chunk: Buffer): boolean {
    let octets = this.#cut.length === 0 ? chunk : Buffer.concat([this.#cut, chunk]);
    this.#cut = octets.subarray(octets.length);
    if (!this.#isPastHandshake) {
      const end = octets.indexOf(HEAD_END);
      if (end < 0) {
        this.#cut = octets;
        return false;
      }
      this.#isPastHandshake = true;
      octets = octets.subarray(end + HEAD_END.length);
    }
    let at = this.#leftBytes;
    while (at < octets.length) {
      if (octets[at] === 0x88) return true;
      const after = afterHead(octets, at);
      if (after === undefined) {
        this.#cut = Buffer.from(octets.subarray(at, at + MAX_FRAME_HEAD_BYTES));
        at = octets.length;
      } else at = after;
    }
    this.#leftBytes = at - octets.length;
    return false;
  }
}

/** Where the next frame begins; undefined when the head is not whole. */
function afterHead(octets: Buffer, at: number): number | undefined {
  if (octets.length - at < 2) return undefined;
  const length = octets[at + 1]! & 127;
  if (length < 126) return at + 2 + length;
  if (length === 126)
    return octets.length - at < 4 ? undefined : at + 4 + octets.readUInt16BE(at + 2);
  return octets.length - at < 10 ? undefined : at + 10 + Number(octets.readBigUInt64BE(at + 2));
}
