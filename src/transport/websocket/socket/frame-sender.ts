/** Owns the way out of one connection: frames are coalesced, and what the socket cannot take waits in the connection's own outbox. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Octets } from '../../../foundation/index.js';
import {
  FIN_BIT,
  OPCODE_CLOSE,
  OPCODE_PONG,
  OPCODE_TEXT,
  frameHeaderBytes,
  writeFrameHeader,
} from '../../../protocol/websocket/index.js';
import type { EngineLoop, Flushable, MaskSource } from './engine-loop.js';
import { SLAB_BYTES, type SlabOwner } from './frame-slab.js';
import { copyFew } from './own-octets.js';

/** From here on a payload is written beside its header instead of being copied behind it. */
export const LARGE_PAYLOAD_BYTES = 16_384;

/** Chunks of one write: beyond 1,024 the kernel takes only the first ones at once. */
const MAX_CHUNKS_PER_WRITE = 512;

/** Counts that are only compared begin anew here, so that they stay small integers. */
const MAX_COUNT = 0x3fff_ffff;

const NOTHING = Buffer.alloc(0);

/** The outbox of all who have nothing in it; never changed. */
const NONE: readonly Octets[] = [];

export type SendCallback = (error?: Error | null) => void;

/** Who is told that nothing is buffered any more. */
export interface SenderOwner {
  drained(): void;
}

/** Order is that of the calls: outbox first, then what stands in the loop's slab. */
export class FrameSender implements Flushable, SlabOwner {
  readonly #socket: Duplex;
  readonly #loop: EngineLoop;
  readonly #masks: MaskSource;
  readonly #owner: SenderOwner;
  /** TLS and foreign streams never take octets at once, so their writes carry a callback. */
  readonly #isAsynchronous: boolean;
  #outbox: readonly Octets[] = NONE;
  #outboxBytes = 0;
  /** How much more what stands in the outbox and the slab is than what the application sent. */
  #overheadBytes = 0;
  #callbacks: SendCallback[] | undefined = undefined;
  /** The newest Ping's payload, whose Pong waits until the socket can take it. */
  #owedPong: Octets | undefined = undefined;
  #reservedAt = 0;
  #isBlocked = false;
  #isScheduled = false;
  #isEnding = false;
  /** Something was buffered since the owner was last told that nothing is. */
  #owesDrained = false;
  /** Frames of messages that were queued; it wraps, so compare it only. */
  sentCount = 0;
  /** While input is parsed, everything waits for the end of the batch (semantics O2). */
  isInReadBatch = false;

  /** Whether frames are masked: a client's are and a server's are not (RFC 6455 §5.1). */
  isMasking: boolean;

  constructor(
    socket: Duplex,
    loop: EngineLoop,
    isMasking: boolean,
    owner: SenderOwner,
    masks: MaskSource = loop.masks,
  ) {
    this.#socket = socket;
    this.#loop = loop;
    this.#masks = masks;
    this.isMasking = isMasking;
    this.#owner = owner;
    this.#isAsynchronous = !(socket instanceof Socket) || socket instanceof TLSSocket;
  }

  /** Octets that the kernel has not taken. */
  get bufferedBytes(): number {
    return this.#outboxBytes + this.#loop.slab.lengthFor(this) + this.#socket.writableLength;
  }

  /** As `bufferedBytes`, but of what the stream has not been given yet only what the application sent. */
  get bufferedPayloadBytes(): number {
    return this.bufferedBytes - this.#overheadBytes;
  }

  /** What was just queued is larger than what the application sent, or smaller when it was compressed. */
  addOverhead(byteCount: number): void {
    this.#overheadBytes += byteCount;
  }

  /** Queues a frame of text. */
  text(text: string, isFinal: boolean, callback?: SendCallback): void {
    const firstOctet = OPCODE_TEXT | (isFinal ? FIN_BIT : 0);
    this.textAs(firstOctet, text, callback);
  }

  /** Queues a frame whose payload is the UTF-8 of a text. */
  textAs(firstOctet: number, text: string, callback?: SendCallback): void {
    this.sentCount = (this.sentCount + 1) & MAX_COUNT;
    if (this.#isShared(firstOctet, text)) {
      this.#queued(callback);
      return;
    }
    const payloadBytes = Buffer.byteLength(text);
    if (payloadBytes >= LARGE_PAYLOAD_BYTES) {
      this.frame(firstOctet, Buffer.from(text), callback);
      return;
    }
    // RFC 6455 §5.1 and §6.1, item 5: a client MUST mask all frames, a server MUST NOT mask any.
    const mask = this.isMasking ? this.#masks.next() : undefined;
    const headerBytes = frameHeaderBytes(payloadBytes, this.isMasking);
    const target = this.#reserve(headerBytes + payloadBytes);
    this.#overheadBytes += headerBytes;
    const start = writeFrameHeader(target, this.#reservedAt, firstOctet, payloadBytes, mask);
    target.write(text, start, payloadBytes, 'utf8');
    if (mask !== undefined) this.#mask(target, start, mask, payloadBytes);
    this.#queued(callback);
  }

  /** Queues a frame of a message; where compression was agreed, `compresses` asks for it. */
  message(
    firstOctet: number,
    data: string | Octets,
    _compresses: boolean,
    callback?: SendCallback,
  ): void {
    if (typeof data === 'string') this.textAs(firstOctet, data, callback);
    else this.frame(firstOctet, data, callback);
  }

  /** Queues a frame. A large payload must not be changed until it is written. */
  frame(firstOctet: number, payload: Octets, callback?: SendCallback): void {
    if ((firstOctet & OPCODE_CLOSE) === 0) this.sentCount = (this.sentCount + 1) & MAX_COUNT;
    if (this.#isShared(firstOctet, payload)) {
      this.#queued(callback);
      return;
    }
    // RFC 6455 §5.3: a fresh key for every frame.
    const mask = this.isMasking ? this.#masks.next() : undefined;
    const headerBytes = frameHeaderBytes(payload.length, this.isMasking);
    if (payload.length < LARGE_PAYLOAD_BYTES) {
      const target = this.#reserve(headerBytes + payload.length);
      const start = writeFrameHeader(target, this.#reservedAt, firstOctet, payload.length, mask);
      copyInto(target, start, payload);
      if (mask !== undefined) this.#mask(target, start, mask, payload.length);
    } else {
      const header = Buffer.allocUnsafe(headerBytes);
      writeFrameHeader(header, 0, firstOctet, payload.length, mask);
      this.#enqueue(header);
      this.#enqueue(mask === undefined ? payload : this.#maskedCopy(payload, mask));
    }
    // A control frame is nothing that the application sent as data.
    this.#overheadBytes +=
      (firstOctet & OPCODE_CLOSE) === 0 ? headerBytes : headerBytes + payload.length;
    this.#queued(callback);
  }

  /** Whether others send the same in this tick, so that their frame was queued. */
  #isShared(firstOctet: number, data: string | Octets): boolean {
    // What is sent to many is sent outside of the read batch of all but one.
    if (this.isMasking || this.isInReadBatch || data.length >= LARGE_PAYLOAD_BYTES) return false;
    const frame = this.#loop.sharedFrames.frameOf(firstOctet, data);
    if (frame === undefined) return false;
    this.#enqueue(frame);
    this.#overheadBytes += headerBytesOf(frame);
    return true;
  }

  /** Queues frames that were encoded once for many. */
  encoded(frames: Octets, callback?: SendCallback): void {
    if (this.isInReadBatch && frames.length < LARGE_PAYLOAD_BYTES) {
      copyInto(this.#reserve(frames.length), this.#reservedAt, frames);
    } else this.#enqueue(frames);
    this.#overheadBytes += headerBytesOf(frames);
    this.#queued(callback);
  }

  /** Writes frames that were encoded once for many, and all that is queued before them, at once. */
  writeEncoded(frames: Octets): void {
    this.sentCount = (this.sentCount + 1) & MAX_COUNT;
    const isIdle =
      !this.#isBlocked && this.#outbox.length === 0 && this.#loop.slab.lengthFor(this) === 0;
    if (isIdle) {
      if (this.#socket.destroyed) return;
      // The shared octets go to the kernel as they are: no copy, no frame work.
      this.#write(frames);
      this.#waitIfPending();
    } else {
      this.#enqueue(frames);
      this.#writeQueued();
    }
  }

  /** Answers a Ping; of several unanswered ones only the newest counts (RFC 6455 §5.5.3). */
  pong(payload: Octets): void {
    if (this.#isBlocked) this.#owedPong = Uint8Array.prototype.slice.call(payload);
    else this.frame(FIN_BIT | OPCODE_PONG, payload);
  }

  /** Writes all that is queued, unless an earlier write is still under way, and tells when nothing is left. */
  flush(): void {
    this.#isScheduled = false;
    this.#writeQueued();
    this.#tellIfDrained();
  }

  #writeQueued(): void {
    if (this.#isBlocked) return;
    const slab = this.#loop.slab;
    const slabBytes = slab.lengthFor(this);
    if (this.#socket.destroyed) {
      if (slabBytes > 0) slab.clear();
      return;
    }
    this.#overheadBytes = 0;
    if (this.#outbox.length > 0 || (this.#isAsynchronous && slabBytes > 0)) {
      if (slabBytes > 0) this.leaveSlab();
      this.#writeOutbox();
    } else if (slabBytes > 0) {
      this.#write(slab.buffer.subarray(0, slabBytes));
      // Nothing left in the stream means that the kernel has copied it all.
      if (this.#socket.writableLength === 0) slab.clear();
      else slab.surrender();
    }
    this.#waitIfPending();
  }

  #tellIfDrained(): void {
    if (!this.#owesDrained || this.#isEnding || this.bufferedBytes > 0) return;
    this.#owesDrained = false;
    this.#owner.drained();
  }

  /** Flushes and ends our side of the TCP connection; nothing may be queued after it. */
  end(): void {
    this.#isEnding = true;
    this.flush();
    this.#endIfFlushed();
  }

  /** Forgets everything: the socket is gone. */
  abandon(error: Error): void {
    if (this.#loop.slab.lengthFor(this) > 0) this.#loop.slab.clear();
    this.#outbox = NONE;
    this.#outboxBytes = 0;
    this.#overheadBytes = 0;
    this.#owedPong = undefined;
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    for (const callback of callbacks ?? []) callback(error);
  }

  leaveSlab(): void {
    const slab = this.#loop.slab;
    const frames = Buffer.allocUnsafe(slab.length);
    frames.set(slab.buffer.subarray(0, slab.length));
    slab.clear();
    this.#push(frames);
  }

  /** Room for one small frame at `#reservedAt` of the answer, in the slab when it will be written soon. */
  #reserve(byteLength: number): Buffer {
    const slab = this.#loop.slab;
    if (!this.#mayUseSlab()) return this.#reserveOwn(byteLength);
    slab.claim(this);
    if (!slab.fits(byteLength)) {
      this.#writeQueued();
      if (!this.#mayUseSlab() || !slab.fits(byteLength)) return this.#reserveOwn(byteLength);
      slab.claim(this);
    }
    this.#reservedAt = slab.length;
    slab.length += byteLength;
    return slab.buffer;
  }

  #mayUseSlab(): boolean {
    if (this.#isBlocked) return false;
    // One who sends to many would move the frames of each out for the next; a read batch is worth it.
    return this.isInReadBatch || !this.#loop.slab.isTakenFrom(this);
  }

  #reserveOwn(byteLength: number): Buffer {
    const buffer = Buffer.allocUnsafe(byteLength);
    this.#enqueue(buffer);
    this.#reservedAt = 0;
    return buffer;
  }

  #mask(target: Octets, start: number, mask: number, byteLength: number): void {
    this.#loop.masker.apply(target, start, start + byteLength, mask);
  }

  /** The payload is the application's, so it is not masked in place. */
  #maskedCopy(payload: Octets, mask: number): Octets {
    const copy = Buffer.allocUnsafeSlow(payload.length);
    copy.set(payload);
    this.#mask(copy, 0, mask, copy.length);
    this.#loop.masker.release();
    return copy;
  }

  #enqueue(octets: Octets): void {
    if (this.#loop.slab.lengthFor(this) > 0) this.leaveSlab();
    this.#push(octets);
  }

  #push(octets: Octets): void {
    if (this.#outbox === NONE) this.#outbox = [octets];
    // Any other one was made here, a line above or when a write was cut.
    else (this.#outbox as Octets[]).push(octets);
    this.#outboxBytes += octets.length;
  }

  #queued(callback: SendCallback | undefined): void {
    if (callback !== undefined) (this.#callbacks ??= []).push(callback);
    this.#owesDrained = true;
    if (this.isInReadBatch || this.#isScheduled) return;
    this.#isScheduled = true;
    this.#loop.flushAfterTick(this);
  }

  #writeOutbox(): void {
    const outbox = this.#outbox;
    const byteLength = this.#outboxBytes;
    this.#outbox = NONE;
    this.#outboxBytes = 0;
    if (outbox.length === 1) this.#write(outbox[0]!);
    else if (byteLength < LARGE_PAYLOAD_BYTES) {
      this.#write(this.#loop.sharedFrames.whole(outbox, byteLength));
    } else this.#writeMany(mergeSmall(outbox));
  }

  #writeMany(chunks: Octets[]): void {
    if (chunks.length > MAX_CHUNKS_PER_WRITE) {
      this.#outbox = chunks.splice(MAX_CHUNKS_PER_WRITE);
      this.#outboxBytes = totalLength(this.#outbox);
    }
    const last = chunks.pop()!;
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(chunk);
    this.#write(last);
    this.#socket.uncork();
  }

  /** Hands octets to the stream; callbacks that wait for everything so far go with them. */
  #write(octets: Octets): void {
    const callbacks = this.#outbox.length === 0 ? this.#callbacks : undefined;
    if (callbacks === undefined && !this.#isAsynchronous) {
      this.#socket.write(octets);
      return;
    }
    this.#callbacks = undefined;
    this.#isBlocked = true;
    this.#owesDrained = true;
    this.#socket.write(octets, (error) => {
      for (const callback of callbacks ?? []) callback(error ?? undefined);
      this.#unblock();
    });
  }

  /** Learns when the stream has handed everything to the kernel, if it has not yet. */
  #waitIfPending(): void {
    if (this.#isBlocked || this.#socket.writableLength === 0) return;
    this.#isBlocked = true;
    this.#owesDrained = true;
    this.#socket.write(NOTHING, () => this.#unblock());
  }

  #unblock(): void {
    this.#isBlocked = false;
    if (this.#socket.destroyed) return;
    if (this.#owedPong !== undefined && !this.#isEnding) {
      const payload = this.#owedPong;
      this.#owedPong = undefined;
      this.frame(FIN_BIT | OPCODE_PONG, payload);
    }
    this.flush();
    if (this.#isEnding) this.#endIfFlushed();
  }

  #endIfFlushed(): void {
    if (this.#outbox.length === 0 && !this.#socket.writableEnded) this.#socket.end();
  }
}

/** Up to this a loop is faster than the call that copies. */
const MAX_LOOP_BYTES = 64;

function copyInto(target: Octets, at: number, source: Octets): void {
  if (source.length > MAX_LOOP_BYTES) target.set(source, at);
  else copyFew(target, at, source, 0, source.length);
}

/** Octets before the payload of an unmasked frame. */
function headerBytesOf(frame: Octets): number {
  const shortLength = frame[1]! & 0x7f;
  return shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10;
}

function totalLength(chunks: readonly Octets[]): number {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length;
}

/** Joins runs of small chunks, because each chunk of a write costs the kernel more than its copy does us. */
function mergeSmall(chunks: readonly Octets[]): Octets[] {
  const merged: Octets[] = [];
  let run: Octets[] = [];
  let runBytes = 0;
  const endRun = (): void => {
    if (run.length === 1) merged.push(run[0]!);
    else if (run.length > 1) merged.push(Buffer.concat(run, runBytes));
    run = [];
    runBytes = 0;
  };
  for (const chunk of chunks) {
    if (chunk.length >= LARGE_PAYLOAD_BYTES || runBytes + chunk.length > SLAB_BYTES) endRun();
    if (chunk.length >= LARGE_PAYLOAD_BYTES) merged.push(chunk);
    else {
      run.push(chunk);
      runBytes += chunk.length;
    }
  }
  endRun();
  return merged;
}
