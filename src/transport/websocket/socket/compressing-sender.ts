/** Owns the way out of a connection that has agreed on compression: frames keep their order while some are being compressed. */
import type { Duplex } from 'node:stream';
import type { Octets } from '../../../foundation/index.js';
import {
  FIN_BIT,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  RSV1_BIT,
} from '../../../protocol/websocket/index.js';
import type { AgreedCompression } from '../compression/compression-options.js';
import type { EngineLoop, MaskSource } from './engine-loop.js';
import { FrameSender, type SendCallback, type SenderOwner } from './frame-sender.js';
import { LARGE_DEFLATE_BYTES, MessageDeflater } from '../compression/message-deflater.js';

/** A frame that waits for its turn. */
interface WaitingFrame {
  /** undefined when `payload` is frames that are encoded already. */
  firstOctet: number | undefined;
  /** undefined while it is being compressed. */
  payload: Octets | undefined;
  /** What it counts for until it is handed on. */
  readonly byteLength: number;
  /** As it was asked for when it was sent. */
  readonly isMasking: boolean;
  readonly callback: SendCallback | undefined;
}

export class CompressingSender extends FrameSender {
  readonly #agreed: AgreedCompression;
  #deflater: MessageDeflater | undefined = undefined;
  /** The message whose fragments are being sent is compressed. */
  #isMessageCompressed = false;
  /** Its first element is always one that is being compressed. */
  #waiting: WaitingFrame[] = [];
  #waitingBytes = 0;
  #endsAfterWaiting = false;
  #isAbandoned = false;

  constructor(
    socket: Duplex,
    loop: EngineLoop,
    isMasking: boolean,
    owner: SenderOwner,
    agreed: AgreedCompression,
    masks?: MaskSource,
  ) {
    super(socket, loop, isMasking, owner, masks);
    this.#agreed = agreed;
  }

  override get bufferedBytes(): number {
    return super.bufferedBytes + this.#waitingBytes;
  }

  override message(
    firstOctet: number,
    data: string | Octets,
    compresses: boolean,
    callback?: SendCallback,
  ): void {
    if (!this.#compresses(firstOctet, data, compresses)) {
      super.message(firstOctet, data, false, callback);
      return;
    }
    const payload = typeof data === 'string' ? Buffer.from(data) : data;
    const isLast = (firstOctet & FIN_BIT) !== 0;
    const isFirst = (firstOctet & 0x0f) !== OPCODE_CONTINUATION;
    // RFC 7692 §6.1: RSV1 stands in the first frame of the message only.
    const markedOctet = isFirst ? firstOctet | RSV1_BIT : firstOctet;
    const deflater = this.#requireDeflater();
    // RFC 7692 §6: each message may go either way; with a window that is kept, the peer's must follow ours.
    const canBePlain = isFirst && isLast && !deflater.keepsContext;
    if (payload.length >= LARGE_DEFLATE_BYTES) {
      const waiting = this.#wait(markedOctet, undefined, payload.length, callback);
      const isWanted = (): boolean => !this.#isAbandoned;
      deflater.deflateLater(payload, isLast, isWanted, (compressed) => {
        const isPlain = canBePlain && compressed.length >= payload.length;
        if (isPlain) waiting.firstOctet = firstOctet;
        waiting.payload = isPlain ? payload : compressed;
        this.#sendReady();
      });
      return;
    }
    const compressed = deflater.deflateNow(payload, isLast);
    if (canBePlain && compressed.length >= payload.length) {
      this.frame(firstOctet, payload, callback);
    } else if (this.#waiting.length > 0) {
      this.#wait(markedOctet, compressed, payload.length, callback);
    } else {
      super.frame(markedOctet, compressed, callback);
      this.addOverhead(compressed.length - payload.length);
    }
  }

  /** Whether a frame is one of a compressed message; decided when the message begins. */
  #compresses(firstOctet: number, data: string | Octets, isAsked: boolean): boolean {
    if ((firstOctet & 0x0f) === OPCODE_CONTINUATION) return this.#isMessageCompressed;
    this.#isMessageCompressed = isAsked && this.#isWorthIt(data);
    return this.#isMessageCompressed;
  }

  #isWorthIt(data: string | Octets): boolean {
    const { outgoing, settings } = this.#agreed;
    // As in `ws`: with a window that is kept even a short message gains.
    if (outgoing.keepsContext) return true;
    const threshold = settings.thresholdBytes;
    if (data.length >= threshold) return true;
    return typeof data === 'string' && data.length * 3 >= threshold
      ? Buffer.byteLength(data) >= threshold
      : false;
  }

  #requireDeflater(): MessageDeflater {
    const { settings, outgoing } = this.#agreed;
    return (this.#deflater ??= new MessageDeflater(settings, outgoing));
  }

  override textAs(firstOctet: number, text: string, callback?: SendCallback): void {
    if (this.#waiting.length === 0) super.textAs(firstOctet, text, callback);
    else this.frame(firstOctet, Buffer.from(text), callback);
  }

  override frame(firstOctet: number, payload: Octets, callback?: SendCallback): void {
    // RFC 6455 §5.5: a Ping or Pong may overtake a message; a Close frame ends what was said before it.
    if (this.#waiting.length === 0 || (firstOctet & 0x0f) > OPCODE_CLOSE) {
      super.frame(firstOctet, payload, callback);
    } else this.#wait(firstOctet, payload, payload.length, callback);
  }

  override encoded(frames: Octets): void {
    if (this.#waiting.length === 0) super.encoded(frames);
    else this.#wait(undefined, frames, frames.length, undefined);
  }

  override writeEncoded(frames: Octets): void {
    if (this.#waiting.length === 0) super.writeEncoded(frames);
    else this.#wait(undefined, frames, frames.length, undefined);
  }

  override end(): void {
    if (this.#waiting.length === 0) super.end();
    else this.#endsAfterWaiting = true;
  }

  override abandon(error: Error): void {
    const waiting = this.#waiting;
    this.#isAbandoned = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#endsAfterWaiting = false;
    // The words of `ws`, whatever stage of it was reached.
    const reason = new Error('The socket was closed while data was being compressed', {
      cause: error,
    });
    super.abandon(reason);
    for (const { callback } of waiting) callback?.(reason);
  }

  #wait(
    firstOctet: number | undefined,
    payload: Octets | undefined,
    byteLength: number,
    callback: SendCallback | undefined,
  ): WaitingFrame {
    const { isMasking } = this;
    const frame: WaitingFrame = { firstOctet, payload, byteLength, isMasking, callback };
    this.#waiting.push(frame);
    this.#waitingBytes += byteLength;
    return frame;
  }

  /** Hands on all that is ready, up to the next frame that is not. */
  #sendReady(): void {
    let count = 0;
    const usuallyMasks = this.isMasking;
    for (const { firstOctet, payload, byteLength, isMasking, callback } of this.#waiting) {
      if (payload === undefined) break;
      count += 1;
      this.#waitingBytes -= byteLength;
      this.isMasking = isMasking;
      if (firstOctet === undefined) super.encoded(payload, callback);
      else super.frame(firstOctet, payload, callback);
    }
    this.isMasking = usuallyMasks;
    this.#waiting.splice(0, count);
    if (this.#endsAfterWaiting && this.#waiting.length === 0) {
      this.#endsAfterWaiting = false;
      super.end();
    }
  }
}
