/** Owns how much may wait for a peer that does not read: which message is still let in, and how many were not. */
import {
  FIN_BIT,
  OPCODE_CONTINUATION,
  OUTBOUND_OVERFLOW,
  type Violation,
} from '../../../protocol/websocket/index.js';
import { WebSocketError } from '../limits/errors.js';
import type { FrameSender, SendCallback } from './frame-sender.js';
import type { ConnectionLimits } from '../limits/limits.js';

type Verdict = 'send' | 'drop' | 'disconnect';

export class OutboundLimit {
  /** Messages that were dropped, a fragmented one once. */
  droppedMessageCount = 0;
  readonly #limits: ConnectionLimits;
  readonly #sender: FrameSender;
  /** The message whose fragments come was dropped at its first. */
  #isDroppingMessage = false;

  constructor(limits: ConnectionLimits, sender: FrameSender) {
    this.#limits = limits;
    this.#sender = sender;
  }

  /** Whether a frame of a message may be queued; if not, the callback is told why, and the connection may end. */
  admits(
    firstOctet: number,
    callback: SendCallback | undefined,
    connection: { expired(limit: Violation): void },
  ): boolean {
    const verdict = this.#judge(firstOctet);
    if (verdict === 'send') return true;
    if (callback !== undefined) process.nextTick(callback, new WebSocketError(OUTBOUND_OVERFLOW));
    if (verdict === 'disconnect') connection.expired(OUTBOUND_OVERFLOW);
    return false;
  }

  /** What becomes of a frame of a message, of which this is the first octet. */
  #judge(firstOctet: number): Verdict {
    const isFinal = (firstOctet & FIN_BIT) !== 0;
    const isContinuation = (firstOctet & 0x0f) === OPCODE_CONTINUATION;
    if (isContinuation && this.#isDroppingMessage) {
      this.#isDroppingMessage = !isFinal;
      return 'drop';
    }
    if (!this.#isFull()) return 'send';
    // Of a message that has begun nothing can be left out (RFC 6455 §5.4).
    if (isContinuation || this.#limits.onOverflow === 'disconnect') return 'disconnect';
    this.#isDroppingMessage = !isFinal;
    this.droppedMessageCount += 1;
    return 'drop';
  }

  #isFull(): boolean {
    const { maxOutboundBytes } = this.#limits;
    if (this.#sender.bufferedBytes <= maxOutboundBytes) return false;
    // What merely waits for the end of the tick is not held against the peer.
    this.#sender.flush();
    return this.#sender.bufferedBytes > maxOutboundBytes;
  }
}
