/** Owns one end of an open WebSocket connection: socket, parser, sender, closing handshake and deadlines, without an event emitter. */
import { isUtf8 } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { Deadline, type Octets } from '../../foundation/index.js';
import {
  CLOSE_NO_STATUS,
  ClosingHandshake,
  FIN_BIT,
  FrameParser,
  OPCODE_CLOSE,
  OPCODE_PING,
  type FrameSink,
  type Role,
  type Violation,
} from '../../protocol/websocket/index.js';
import { CompressedInput, type CompressedInputOwner } from './compressed-input.js';
import { CompressingSender } from './compressing-sender.js';
import { releaseCompression, type AgreedCompression } from './compression-options.js';
import type { EngineLoop, MaskSource } from './engine-loop.js';
import { WebSocketError } from './errors.js';
import { FrameSender, type SenderOwner } from './frame-sender.js';
import type { ConnectionLimits } from './limits.js';

/** A failed connection is dropped this soon: long enough for the Close frame to arrive. */
const FAIL_LINGER_MS = 500;

const NOTHING = Buffer.alloc(0);

/**
 * Whom an endpoint tells. `octets[start, end)` is the payload; when it is `lent`, it is part of a buffer that
 * is not the receiver's.
 */
export interface EndpointHandler {
  textReceived(octets: Buffer, start: number, end: number, isAscii: boolean): void;
  binaryReceived(octets: Buffer, start: number, end: number): void;
  pingReceived(octets: Buffer): void;
  pongReceived(octets: Buffer): void;
  /** The connection is no longer open: a Close frame came or went, or the link is going. */
  closing(): void;
  /** The peer broke the protocol; `closed` follows. */
  failed(error: WebSocketError): void;
  /** Nothing is buffered any more, after something was. */
  drained(): void;
  /** The socket is gone; called exactly once, last. */
  closed(closeCode: number, reason: Buffer): void;
}

/** How the listeners below find the endpoint of their socket, without a closure for each. */
const kEndpoint: unique symbol = Symbol('endpoint');

type EndpointSocket = Duplex & {
  [kEndpoint]?: Endpoint;
  setTimeout?: (timeoutMs: number) => void;
  setNoDelay?: (noDelay: boolean) => void;
};

/** Whether a socket already carries a WebSocket connection. */
export function hasEndpoint(socket: Duplex): boolean {
  return (socket as EndpointSocket)[kEndpoint] !== undefined;
}

/** What most endpoints do without. */
export interface EndpointExtras {
  readonly compression?: AgreedCompression | undefined;
  /** False: text and close reasons are not checked to be UTF-8 (RFC 6455 §8.1). */
  readonly checksUtf8?: boolean;
  /** Masking keys of a client's own; by default those of the loop. */
  readonly masks?: MaskSource | undefined;
}

export class Endpoint implements FrameSink, SenderOwner, CompressedInputOwner {
  readonly socket: Duplex;
  readonly sender: FrameSender;
  /** Whether a Ping is answered by itself. */
  answersPings = true;
  readonly #loop: EngineLoop;
  readonly #limits: ConnectionLimits;
  readonly #handler: EndpointHandler;
  readonly #parser: FrameParser;
  readonly #closing: ClosingHandshake;
  #reason: Buffer = NOTHING;
  #deadline: Deadline | undefined = undefined;
  #heartbeat: Deadline | undefined = undefined;
  #hasInput = false;
  #isAsked = false;
  #isOpen = true;
  /** The socket has closed; what it had brought is handed out before that is told. */
  #isGone = false;
  #isTold = false;
  readonly #checksUtf8: boolean;
  readonly #compression: AgreedCompression | undefined;
  #compressedInput: CompressedInput | undefined = undefined;
  /** What the owner asked for, beside what a message that is being inflated needs. */
  #isPaused = false;
  #isHeld = false;
  /** A message that was inflated while the owner had paused. */
  #heldDelivery: (() => void) | undefined = undefined;

  constructor(
    role: Role,
    socket: Duplex,
    loop: EngineLoop,
    limits: ConnectionLimits,
    handler: EndpointHandler,
    extras: EndpointExtras = {},
  ) {
    this.socket = socket;
    this.#loop = loop;
    this.#limits = limits;
    this.#handler = handler;
    const isMasking = role === 'client';
    const { compression, checksUtf8 = true, masks } = extras;
    this.#compression = compression;
    this.#checksUtf8 = checksUtf8;
    this.sender =
      compression === undefined
        ? new FrameSender(socket, loop, isMasking, this, masks)
        : new CompressingSender(socket, loop, isMasking, this, compression, masks);
    this.#closing = new ClosingHandshake(role);
    this.#parser = new FrameParser(this, {
      role,
      maxMessageBytes: limits.maxMessageBytes,
      maxFragmentCount: limits.maxFragmentCount,
      acceptsCompressed: compression !== undefined,
      allocate: allocateExact,
      isUtf8,
      checksUtf8,
    });
  }

  /** Whether data may be sent. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Where frames of the message that was just received ended, once `keepsFragmentEnds` was set. */
  get fragmentEnds(): readonly number[] {
    return this.#parser.fragmentEnds ?? [];
  }

  set keepsFragmentEnds(keeps: boolean) {
    this.#parser.fragmentEnds = keeps ? [] : undefined;
  }

  get bufferedBytes(): number {
    return this.sender.bufferedBytes;
  }

  /** Begins to read; `head` is what came together with the handshake. */
  start(head: Buffer): void {
    const socket = this.socket as EndpointSocket;
    socket[kEndpoint] = this;
    // What node:http set up for a request does not hold for what follows it.
    socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    // Before there is a listener: afterwards the stream would emit it at once, before whoever accepts can listen.
    if (head.length > 0) socket.unshift(head);
    socket.on('close', socketClosed);
    socket.on('data', socketData);
    socket.on('end', socketEnded);
    socket.on('error', socketFailed);
    if (this.#limits.heartbeatIntervalMs > 0) this.#startHeartbeat();
    socket.resume();
  }

  /** Whether the octets that the handler was just given are part of a larger buffer. */
  lends(octets: Octets): boolean {
    // What zlib gave may be the head of a larger buffer of its own.
    return this.#parser.lends(octets) || octets.byteLength !== octets.buffer.byteLength;
  }

  /** Starts the closing handshake (RFC 6455 §7.1.2); `payload` is that of the Close frame. */
  close(payload: Octets): void {
    // RFC 6455 §5.5.1 and §7.1.3: nothing is sent after our Close frame, so leaving OPEN comes first.
    if (!this.#closing.sendClose()) return;
    this.#leaveOpen();
    this.sender.frame(FIN_BIT | OPCODE_CLOSE, payload);
    // Nothing comes after it, so there is nothing to wait for.
    if (!this.sender.isInReadBatch) this.sender.flush();
    this.#setDeadline(this.#limits.closeTimeoutMs);
    this.#endIfDone();
  }

  /** Drops the socket without a word. */
  destroy(): void {
    this.#leaveOpen();
    this.#parser.discard();
    this.socket.destroy();
  }

  pause(): void {
    this.#isPaused = true;
    this.#parser.pause();
    this.socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    const deliver = this.#heldDelivery;
    this.#heldDelivery = undefined;
    if (deliver !== undefined) this.releaseInput(deliver);
    else if (!this.#isHeld) {
      this.socket.resume();
      this.#parse(undefined);
    }
  }

  /** @internal */
  received(chunk: Buffer): void {
    this.#hasInput = true;
    this.#parse(chunk);
  }

  #parse(chunk: Buffer | undefined, deliver?: () => void): void {
    const { sender } = this;
    sender.isInReadBatch = true;
    let isDone = false;
    try {
      if (chunk !== undefined) this.#parser.parse(chunk);
      else {
        deliver?.();
        // Whoever was handed the message may have paused.
        if (!this.#isPaused && !this.#isHeld) this.#parser.resume();
      }
      isDone = true;
    } finally {
      sender.isInReadBatch = false;
      // A handler that threw left the parser in the middle of a chunk: nothing after it can be trusted.
      if (isDone) sender.flush();
      else this.destroy();
    }
  }

  /** Writes what is queued and ends our side; the closing handshake is left out. */
  end(): void {
    this.#leaveOpen();
    this.sender.end();
    this.#setDeadline(this.#limits.closeTimeoutMs);
  }

  /** @internal */
  inputEnded(): void {
    // RFC 6455 §7.1.1: the peer has ended its side, with or without a closing handshake.
    this.end();
  }

  /** @internal */
  socketGone(): void {
    this.#leaveOpen();
    this.#isGone = true;
    try {
      this.#takeRest();
    } finally {
      // Input that is held is released later, and comes back here.
      if (!this.#isHeld || this.#parser.isDiscarding) this.#tellClosed();
    }
  }

  /** What had arrived when the socket went is still the application's, even if it had paused. */
  #takeRest(): void {
    if (this.#parser.isDiscarding) return;
    const rest = this.socket.read() as Buffer | null;
    if (rest !== null) this.#parser.parse(rest);
    const deliver = this.#heldDelivery;
    this.#heldDelivery = undefined;
    if (deliver !== undefined) this.#isHeld = false;
    let isFirst = true;
    // A handler may pause once more; nothing comes after this.
    while (!this.#isHeld && (isFirst || this.#parser.isWaiting)) {
      this.#isPaused = false;
      this.#parse(undefined, isFirst ? deliver : undefined);
      isFirst = false;
    }
  }

  #tellClosed(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    if (this.#deadline !== undefined) this.#loop.deadlines.clear(this.#deadline);
    if (this.#heartbeat !== undefined) this.#loop.deadlines.clear(this.#heartbeat);
    this.#parser.discard();
    this.#compressedInput?.close();
    this.#heldDelivery = undefined;
    if (this.#compression !== undefined) releaseCompression(this.#compression);
    this.sender.abandon(new Error('The WebSocket connection ended before the data was written'));
    this.#handler.closed(this.#closing.closeCode, this.#reason);
  }

  onText(octets: Octets, start: number, end: number, isAscii: boolean): void {
    this.#handler.textReceived(octets as Buffer, start, end, isAscii);
  }

  onBinary(octets: Octets, start: number, end: number): void {
    this.#handler.binaryReceived(octets as Buffer, start, end);
  }

  onCompressed(octets: Octets, start: number, end: number, isText: boolean): void {
    this.#compressedInput ??= new CompressedInput(
      this.#compression!,
      this.#limits.maxMessageBytes,
      this,
      this.#checksUtf8,
    );
    // They count octets before inflation, and what is handed on is one piece.
    if (this.#parser.fragmentEnds !== undefined) this.#parser.fragmentEnds = [];
    this.#compressedInput.take(octets, start, end, isText);
  }

  /** @internal */
  inflatedText(text: Buffer, isAscii: boolean): void {
    this.#handler.textReceived(text, 0, text.length, isAscii);
  }

  /** @internal */
  inflatedBinary(octets: Buffer): void {
    this.#handler.binaryReceived(octets, 0, octets.length);
  }

  /** @internal */
  inflateFailed(violation: Violation): void {
    this.#parser.discard();
    this.onViolation(violation);
  }

  /** @internal */
  holdInput(): void {
    this.#isHeld = true;
    this.#parser.pause();
    this.socket.pause();
  }

  /** @internal */
  releaseInput(deliver: () => void): void {
    if (this.#isPaused) {
      this.#heldDelivery = deliver;
      return;
    }
    this.#isHeld = false;
    if (!this.#isGone) this.socket.resume();
    this.#parse(undefined, deliver);
    if (this.#isGone) this.socketGone();
  }

  onPing(octets: Octets, start: number, end: number): void {
    const payload = copyOf(octets, start, end);
    // RFC 6455 §5.5.2: a Pong MUST be sent in response, unless a Close frame was received.
    if (this.#isOpen && this.answersPings) this.sender.pong(payload);
    this.#handler.pingReceived(payload);
  }

  onPong(octets: Octets, start: number, end: number): void {
    this.#handler.pongReceived(copyOf(octets, start, end));
  }

  onClose(closeCode: number, octets: Octets, start: number, end: number): void {
    this.#reason = copyOf(octets, start, end);
    const echoed = this.#closing.closeReceived(closeCode);
    this.#leaveOpen();
    if (echoed !== undefined) {
      this.close(echoed === CLOSE_NO_STATUS ? NOTHING : closePayload(echoed, this.#reason));
    }
    this.#keepReading();
    this.#endIfDone();
  }

  onViolation(violation: Violation): void {
    const owesClose = this.#closing.fail();
    this.#leaveOpen();
    // RFC 6455 §7.1.7: a Close frame with the reason SHOULD go out before the connection ends.
    if (owesClose) {
      this.sender.frame(FIN_BIT | OPCODE_CLOSE, closePayload(violation.closeCode, NOTHING));
    }
    this.#keepReading();
    this.#endIfDone();
    this.#setDeadline(Math.min(FAIL_LINGER_MS, this.#limits.closeTimeoutMs));
    this.#handler.failed(new WebSocketError(violation));
  }

  drained(): void {
    if (this.#isOpen) this.#handler.drained();
  }

  #leaveOpen(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#handler.closing();
  }

  #endIfDone(): void {
    if (this.#closing.endsConnection) this.sender.end();
  }

  /** The end of the peer's stream is seen only by reading up to it. */
  #keepReading(): void {
    this.socket.resume();
  }

  #setDeadline(delayMs: number): void {
    this.#deadline ??= new Deadline(() => this.socket.destroy());
    this.#loop.deadlines.set(this.#deadline, delayMs);
  }

  #startHeartbeat(): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#limits;
    const { deadlines } = this.#loop;
    const heartbeat = new Deadline(() => {
      if (!this.#isOpen) return;
      const isAlive = this.#hasInput || this.#parser.isPaused;
      this.#hasInput = false;
      if (isAlive) {
        this.#isAsked = false;
        deadlines.set(heartbeat, heartbeatIntervalMs);
      } else if (this.#isAsked) this.destroy();
      else {
        this.#isAsked = true;
        this.sender.frame(FIN_BIT | OPCODE_PING, NOTHING);
        deadlines.set(heartbeat, heartbeatTimeoutMs);
      }
    });
    this.#heartbeat = heartbeat;
    deadlines.set(heartbeat, heartbeatIntervalMs);
  }
}

/** The payload of a Close frame: the code and the UTF-8 of the reason (RFC 6455 §5.5.1). */
export function closePayload(closeCode: number, reason: Octets): Buffer {
  const payload = Buffer.allocUnsafe(2 + reason.length);
  payload.writeUInt16BE(closeCode, 0);
  payload.set(reason, 2);
  return payload;
}

/** A copy that keeps neither a chunk nor the pool of Buffer alive. */
function copyOf(octets: Octets, start: number, end: number): Buffer {
  if (start === end) return NOTHING;
  const copy = Buffer.allocUnsafeSlow(end - start);
  copy.set(octets.subarray(start, end));
  return copy;
}

/** Every octet is written before it is handed on, so zeroing would be work for nothing. */
function allocateExact(byteLength: number): Buffer {
  return Buffer.allocUnsafeSlow(byteLength);
}

function socketData(this: EndpointSocket, chunk: Buffer): void {
  this[kEndpoint]?.received(chunk);
}

function socketEnded(this: EndpointSocket): void {
  this[kEndpoint]?.inputEnded();
}

function socketFailed(this: EndpointSocket): void {
  // The 'close' that follows tells; the peer's reset is no error of ours.
  this.destroy();
}

function socketClosed(this: EndpointSocket): void {
  this[kEndpoint]?.socketGone();
}
