/** Owns the counting of frames without looking at their payload: what makes the load generator cheaper than a client. */
import type { Octets } from '../../foundation/index.js';
import {
  FIN_BIT,
  MASK_BIT,
  MAX_CONTROL_PAYLOAD_BYTES,
  MAX_HEADER_BYTES,
  OPCODE_CLOSE,
  OPCODE_PING,
} from '../../protocol/websocket/index.js';

/** Who is told of what is no data. */
export interface ScannerEvents {
  pingReceived(payload: Octets): void;
  /** A Close frame came; 1005 when it has no code. */
  closeReceived(closeCode: number): void;
}

const NO_STATUS = 1005;

/** One connection's frames. It trusts the server: what it counts was checked once, before the run. */
export class FrameScanner {
  readonly #events: ScannerEvents;
  /** The head of a frame that a chunk's end cut off, or the payload of a control frame. */
  readonly #kept: Octets = new Uint8Array(MAX_CONTROL_PAYLOAD_BYTES + 1);
  #keptLength = 0;
  #firstOctet = 0;
  /** Payload octets of the frame that have not come. */
  #owed = 0;
  #isInsideFrame = false;
  /** Octets of payload of data messages, seen so far. */
  payloadBytes = 0;
  /** The first octet of the last data frame: FIN, the RSV bits and the opcode. */
  lastDataOctet = 0;

  constructor(events: ScannerEvents) {
    this.#events = events;
  }

  /** Takes what came; answers how many messages ended in it. */
  scan(chunk: Octets, length: number): number {
    let at = 0;
    let messageCount = 0;
    while (at < length) {
      if (!this.#isInsideFrame) {
        at = this.#takeHeader(chunk, at, length);
        if (!this.#isInsideFrame) break;
      }
      const taken = Math.min(this.#owed, length - at);
      if (this.#isControl) this.#keep(chunk, at, at + taken);
      at += taken;
      this.#owed -= taken;
      if (this.#owed > 0) break;
      this.#isInsideFrame = false;
      if (this.#isControl) this.#endControl();
      else {
        this.lastDataOctet = this.#firstOctet;
        if ((this.#firstOctet & FIN_BIT) !== 0) messageCount += 1;
      }
    }
    return messageCount;
  }

  get #isControl(): boolean {
    return (this.#firstOctet & 0x0f) >= OPCODE_CLOSE;
  }

  /** Reads a header, or keeps its head when the rest has not come. */
  #takeHeader(chunk: Octets, start: number, end: number): number {
    if (this.#keptLength === 0 && end - start >= MAX_HEADER_BYTES) {
      return start + this.#readHeader(chunk, start);
    }
    let at = start;
    while (at < end) {
      this.#kept[this.#keptLength++] = chunk[at++]!;
      if (this.#keptLength < 2 || this.#keptLength < headerBytes(this.#kept[1]!)) continue;
      this.#readHeader(this.#kept, 0);
      this.#keptLength = 0;
      return at;
    }
    return at;
  }

  /** Answers the length of the header. */
  #readHeader(octets: Octets, at: number): number {
    const second = octets[at + 1]!;
    this.#firstOctet = octets[at]!;
    this.#owed = payloadLength(octets, at, second & 0x7f);
    this.#isInsideFrame = true;
    if (!this.#isControl) this.payloadBytes += this.#owed;
    return headerBytes(second);
  }

  #keep(chunk: Octets, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      if (this.#keptLength < MAX_CONTROL_PAYLOAD_BYTES) {
        this.#kept[this.#keptLength++] = chunk[at]!;
      }
    }
  }

  #endControl(): void {
    const payload = this.#kept.slice(0, this.#keptLength);
    this.#keptLength = 0;
    const opcode = this.#firstOctet & 0x0f;
    if (opcode === OPCODE_PING) this.#events.pingReceived(payload);
    else if (opcode === OPCODE_CLOSE) {
      const hasCode = payload.length >= 2;
      this.#events.closeReceived(hasCode ? (payload[0]! << 8) | payload[1]! : NO_STATUS);
    }
  }
}

/** Servers do not mask, but an echo of raw octets sends masked frames back. */
function headerBytes(second: number): number {
  const length = second & 0x7f;
  const maskBytes = (second & MASK_BIT) !== 0 ? 4 : 0;
  return maskBytes + (length < 126 ? 2 : length === 126 ? 4 : 10);
}

function payloadLength(octets: Octets, at: number, length: number): number {
  if (length < 126) return length;
  const bytes = length === 126 ? 2 : 8;
  let value = 0;
  for (let index = 0; index < bytes; index++) value = value * 256 + octets[at + 2 + index]!;
  return value;
}
