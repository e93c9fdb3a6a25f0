/** Owns one end of an open WebSocket connection: socket, parser, sender, closing handshake and deadlines, without an event emitter. */
import type { Duplex } from 'node:stream';
import type { Octets } from '../../../foundation/index.js';
import {
  CLOSE_ABNORMAL,
  CLOSE_NO_STATUS,
  ControlFrameBudget,
  FIN_BIT,
  OPCODE_CLOSE,
  OPCODE_PING,
  TOO_MANY_CONTROL_FRAMES,
  type FrameParser,
  type FrameSink,
  type Violation,
} from '../../../protocol/websocket/index.js';
import { CompressedInput, type CompressedInputOwner } from '../compression/compressed-input.js';
import { CompressingSender } from './compressing-sender.js';
import { releaseCompression, type AgreedCompression } from '../compression/compression-options.js';
import { closePayload } from '../limits/close-arguments.js';
import { Ending, LEAVE_UNITS } from './ending.js';
import type { EndpointHandler } from './endpoint-handler.js';
import type { EndpointTerms } from './endpoint-terms.js';
import { WebSocketError } from '../limits/errors.js';
import { LARGE_READ_BYTES } from '../tuning/freed-memory.js';
import { FrameSender, type SendCallback, type SenderOwner } from './frame-sender.js';
import { InputHold } from './input-hold.js';
import { Liveness, needsLiveness, type LivenessSubject } from '../limits/liveness.js';
import { OutboundLimit } from './outbound-limit.js';
import { copyOf } from './own-octets.js';
import { restAfterRead, restBeforeRead } from './read-turns.js';
import { listenTo, type SocketEndpoint } from './socket-listeners.js';

/** A failed connection is dropped this soon: long enough for the Close frame to arrive. */
const FAIL_LINGER_MS = 500;

const NOTHING = Buffer.alloc(0);
const NO_ENDS: readonly number[] = [];

export class Endpoint
  implements SocketEndpoint, FrameSink, SenderOwner, CompressedInputOwner, LivenessSubject
{
  readonly socket: Duplex;
  readonly sender: FrameSender;
  #isOpen = true;
  /** Whether a Ping is answered by itself. */
  answersPings = true;
  readonly #terms: EndpointTerms;
  readonly #handler: EndpointHandler;
  /** There while anything is parsed or kept; most of the time the endpoints of a server share one. */
  #parser: FrameParser | undefined = undefined;
  /** Messages received by the time the parser was left. */
  #parsedCount = 0;
  #ending: Ending | undefined = undefined;
  #liveness: Liveness | undefined = undefined;
  #controlFrames: ControlFrameBudget | undefined = undefined;
  readonly #outbound: OutboundLimit | undefined;
  readonly #compression: AgreedCompression | undefined;
  #compressedInput: CompressedInput | undefined = undefined;
  #hold: InputHold | undefined = undefined;
  /** What the owner asked for, beside what a message that is being inflated needs. */
  #isPaused = false;

  constructor(
    terms: EndpointTerms,
    socket: Duplex,
    handler: EndpointHandler,
    compression?: AgreedCompression,
  ) {
    this.socket = socket;
    this.#terms = terms;
    this.#handler = handler;
    const { role, loop, limits, masks } = terms;
    const isMasking = role === 'client';
    this.#compression = compression;
    this.sender =
      compression === undefined
        ? new FrameSender(socket, loop, isMasking, this, masks)
        : new CompressingSender(socket, loop, isMasking, this, compression, masks);
    this.#outbound =
      limits.maxOutboundBytes === 0 ? undefined : new OutboundLimit(limits, this.sender);
  }

  /** Whether data may be sent. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get hasCompression(): boolean {
    return this.#compression !== undefined;
  }
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Where frames of the message that was just received ended, once `keepsFragmentEnds` was set. */
  get fragmentEnds(): readonly number[] {
    return this.#parser?.fragmentEnds ?? NO_ENDS;
  }

  set keepsFragmentEnds(keeps: boolean) {
    if (keeps) this.#requireParser().fragmentEnds = [];
    else if (this.#parser !== undefined) this.#parser.fragmentEnds = undefined;
  }

  get bufferedBytes(): number {
    return this.sender.bufferedBytes;
  }

  /** The same without headers, as far as the stream has not been given them. */
  get bufferedPayloadBytes(): number {
    return this.sender.bufferedPayloadBytes;
  }

  /** Whether input is taken: neither the owner nor a message that is being inflated holds it. */
  get isReading(): boolean {
    return this.#parser?.isPaused !== true;
  }

  get mayRead(): boolean {
    return !this.#isPaused && this.#hold?.isHeld !== true;
  }

  get isInsideMessage(): boolean {
    return this.#parser?.isInsideMessage ?? false;
  }

  get receivedCount(): number {
    return this.#parser?.messageCount ?? this.#parsedCount;
  }

  get sentCount(): number {
    return this.sender.sentCount;
  }

  /** Messages that were not sent because of `onOverflow: 'dropNewest'`. */
  get droppedMessageCount(): number {
    return this.#outbound?.droppedMessageCount ?? 0;
  }

  /** Whether a frame of a message may be queued; if not, the callback is told why, and the connection may end. */
  admits(firstOctet: number, callback: SendCallback | undefined): boolean {
    return this.#outbound?.admits(firstOctet, callback, this) ?? true;
  }

  /** Begins to read; `head` is what came together with the handshake. */
  start(head: Buffer): void {
    listenTo(this.socket, this, this.#terms.loop.staticRead, head);
    if (needsLiveness(this.#terms.limits)) {
      this.#liveness = new Liveness(this, this.#terms.loop.deadlines, this.#terms.limits);
    }
    this.socket.resume();
  }

  /** Whether the octets that the handler was just given are part of a larger buffer. */
  lends(octets: Octets): boolean {
    // What zlib gave may be the head of a larger buffer of its own.
    return this.#parser?.lends(octets) === true || octets.byteLength !== octets.buffer.byteLength;
  }

  /** Starts the closing handshake (RFC 6455 §7.1.2); `payload` is that of the Close frame. */
  close(payload: Octets): void {
    // RFC 6455 §5.5.1 and §7.1.3: nothing is sent after our Close frame, so leaving OPEN comes first.
    if (!this.#requireEnding().handshake.sendClose()) return;
    this.#leaveOpen();
    this.sender.frame(FIN_BIT | OPCODE_CLOSE, payload);
    // Nothing comes after it, so there is nothing to wait for.
    if (!this.sender.isInReadBatch) this.sender.flush();
    this.#setDeadline(this.#terms.limits.closeTimeoutMs);
    this.#endIfDone();
  }

  /** Drops the socket without a word. */
  destroy(): void {
    this.#leaveOpen();
    this.#requireParser().discard();
    this.socket.destroy();
  }

  pause(): void {
    this.#isPaused = true;
    this.#requireParser().pause();
    this.socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    const hold = this.#hold;
    const deliver = hold?.takeDelivery();
    if (deliver !== undefined) this.releaseInput(deliver);
    else if (hold?.isHeld !== true) {
      this.socket.resume();
      this.#parseKept();
    }
  }

  received(chunk: Buffer): void {
    this.sender.isInReadBatch = true;
    restBeforeRead(this, chunk.length, this.#terms.loop.turns);
    let isDone = false;
    try {
      this.#requireParser().parse(chunk);
      isDone = true;
    } finally {
      this.#batchEnded(isDone);
    }
    restAfterRead(this, chunk.length, this.#terms.loop.turns);
  }

  /** Takes `[0, end)` of the buffer that the sockets of the loop share. */
  receivedShared(buffer: Buffer, end: number): void {
    const { staticRead, freedMemory } = this.#terms.loop;
    if (end >= LARGE_READ_BYTES) freedMemory.read(end);
    // A handler runs a loop of its own: what its connection has not parsed yet has just been overwritten.
    staticRead.reader?.destroy();
    staticRead.reader = this;
    this.sender.isInReadBatch = true;
    let isDone = false;
    try {
      restBeforeRead(this, end, this.#terms.loop.turns);
      this.#requireParser().parseShared(buffer, end);
      isDone = true;
    } finally {
      staticRead.reader = undefined;
      this.#batchEnded(isDone);
    }
    restAfterRead(this, end, this.#terms.loop.turns);
  }

  /** Hands on what was held back, then parses what waits. */
  #parseKept(deliver?: () => void): void {
    this.sender.isInReadBatch = true;
    let isDone = false;
    try {
      deliver?.();
      // Whoever was handed the message may have paused.
      if (!this.#isPaused && this.#hold?.isHeld !== true) this.#parser?.resume();
      isDone = true;
    } finally {
      this.#batchEnded(isDone);
    }
  }

  #batchEnded(isDone: boolean): void {
    this.sender.isInReadBatch = false;
    // A handler that threw left the parser in the middle of a chunk: nothing after it can be trusted.
    if (isDone) this.sender.flush();
    else this.destroy();
    this.#liveness?.inputParsed();
    this.#leaveParser();
  }

  get #isDiscarding(): boolean {
    return this.#parser?.isDiscarding === true;
  }

  #requireParser(): FrameParser {
    return (this.#parser ??= this.#terms.takeParser(
      this,
      this.#compression !== undefined,
      this.#parsedCount,
    ));
  }

  /** Between two messages another connection may have it. */
  #leaveParser(): void {
    const parser = this.#parser;
    if (parser === undefined) return;
    const { isIdle } = parser;
    const inflatingBytes = this.#compressedInput?.keptBytes ?? 0;
    this.#handler.inputKept?.(isIdle ? 0 : parser.keptBytes + inflatingBytes);
    if (!isIdle) return;
    this.#parser = undefined;
    this.#parsedCount = parser.messageCount;
    this.#terms.leaveParser(parser, this.#compression !== undefined);
  }

  /** Writes what is queued and ends our side; the closing handshake is left out. */
  end(): void {
    this.#leaveOpen();
    this.sender.end();
    this.#setDeadline(this.#terms.limits.closeTimeoutMs);
  }

  inputEnded(): void {
    this.#leaveOpen();
    if (this.#hold?.isHeld === true) {
      this.#hold.whileHeld = 'ended';
      // Nothing is asked of the peer any more, so nobody would notice that it has gone.
      return this.#handler.linkGone?.();
    }
    // RFC 6455 §7.1.1: the peer has ended its side, with or without a closing handshake.
    const { turns } = this.#terms.loop;
    if (turns?.spend(LEAVE_UNITS) === false) turns.later(() => this.end(), 'backlog');
    else this.end();
  }

  socketGone(): void {
    this.#leaveOpen();
    try {
      this.#takeRest();
    } finally {
      const hold = this.#hold;
      // What has arrived is told before the end, unless we dropped the connection.
      if (hold?.isHeld === true && !this.#isDiscarding) {
        hold.whileHeld = 'gone';
        this.#handler.linkGone?.();
      } else this.#tellClosed();
    }
  }

  /** Hands out what had arrived when the socket went, even if the owner had paused. */
  #takeRest(): void {
    if (this.#isDiscarding) return;
    const rest = this.#isPaused ? (this.socket.read() as Buffer | null) : null;
    if (rest !== null) this.#requireParser().parse(rest);
    this.#isPaused = false;
    let deliver = this.#hold?.takeDelivery();
    if (deliver !== undefined) this.#hold!.isHeld = false;
    while (
      this.#hold?.isHeld !== true &&
      !this.#isDiscarding &&
      (deliver !== undefined || this.#parser?.isWaiting === true)
    ) {
      this.#parseKept(deliver);
      deliver = undefined;
      // A handler may pause once more, but nothing would come after this.
      this.#isPaused = false;
    }
  }

  #tellClosed(): void {
    const ending = this.#ending;
    if (ending !== undefined) this.#terms.loop.deadlines.clear(ending.deadline);
    this.#liveness?.stop();
    this.#parser?.discard();
    this.#compressedInput?.close();
    if (this.#compression !== undefined) releaseCompression(this.#compression);
    this.sender.abandon(new Error('The WebSocket connection ended before the data was written'));
    this.#handler.closed(ending?.handshake.closeCode ?? CLOSE_ABNORMAL, ending?.reason ?? NOTHING);
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
      this.#terms.limits.maxMessageBytes,
      this,
      this.#terms.checksUtf8,
    );
    // They count octets before inflation, and what is handed on is one piece.
    if (this.#parser?.fragmentEnds !== undefined) this.#parser.fragmentEnds = [];
    this.#compressedInput.take(octets, start, end, isText);
  }

  inflatedText(text: Buffer, isAscii: boolean): void {
    this.#handler.textReceived(text, 0, text.length, isAscii);
  }

  inflatedBinary(octets: Buffer): void {
    this.#handler.binaryReceived(octets, 0, octets.length);
  }

  inflateFailed(violation: Violation): void {
    this.#requireParser().discard();
    this.onViolation(violation);
  }

  holdInput(): void {
    (this.#hold ??= new InputHold()).isHeld = true;
    this.#requireParser().pause();
    this.socket.pause();
  }

  releaseInput(deliver: () => void): void {
    const hold = this.#hold!;
    if (this.#isPaused && hold.whileHeld !== 'gone') {
      hold.keepDelivery(deliver);
      return;
    }
    hold.isHeld = false;
    this.socket.resume();
    this.#parseKept(deliver);
    const happened = hold.whileHeld;
    // It may have been held once more.
    if (hold.isHeld || happened === undefined) return;
    hold.whileHeld = undefined;
    if (happened === 'gone') this.socketGone();
    else this.inputEnded();
  }

  /** Gives up what is held back of a connection whose peer has ended it or is gone, where nobody may ever release it. */
  abandonHeld(): void {
    const happened = this.#hold?.abandon();
    if (happened === undefined) return;
    this.#parser?.discard();
    if (happened === 'gone') this.#tellClosed();
    else this.end();
  }

  onPing(octets: Octets, start: number, end: number): void {
    if (!this.#mayTakeControl()) return;
    const payload = copyOf(octets, start, end);
    // RFC 6455 §5.5.2: a Pong MUST be sent in response, unless a Close frame was received.
    if (this.#isOpen && this.answersPings) this.sender.pong(payload);
    this.#handler.pingReceived(payload);
  }

  onPong(octets: Octets, start: number, end: number): void {
    if (!this.#mayTakeControl()) return;
    this.#handler.pongReceived(copyOf(octets, start, end));
  }

  onClose(closeCode: number, octets: Octets, start: number, end: number): void {
    const ending = this.#requireEnding();
    ending.reason = copyOf(octets, start, end);
    const echoed = ending.handshake.closeReceived(closeCode);
    this.#leaveOpen();
    if (echoed !== undefined) {
      this.close(echoed === CLOSE_NO_STATUS ? NOTHING : closePayload(echoed, ending.reason));
    }
    this.#keepReading();
    this.#endIfDone();
  }

  onViolation(violation: Violation): void {
    const owesClose = this.#requireEnding().handshake.fail();
    this.#leaveOpen();
    // RFC 6455 §7.1.7: a Close frame with the reason SHOULD go out before the connection ends.
    if (owesClose) {
      this.sender.frame(FIN_BIT | OPCODE_CLOSE, closePayload(violation.closeCode, NOTHING));
    }
    this.#keepReading();
    this.#endIfDone();
    this.#setDeadline(Math.min(FAIL_LINGER_MS, this.#terms.limits.closeTimeoutMs));
    this.#handler.failed(new WebSocketError(violation));
  }

  drained(): void {
    if (this.#isOpen) this.#handler.drained();
  }

  /** Most of a connection's life nobody closes it. */
  #requireEnding(): Ending {
    return (this.#ending ??= new Ending(this.#terms.role, () => this.socket.destroy()));
  }

  #leaveOpen(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#handler.closing();
  }

  #endIfDone(): void {
    if (this.#ending?.handshake.endsConnection === true) this.sender.end();
  }

  /** The end of the peer's stream is seen only by reading up to it. */
  #keepReading(): void {
    this.socket.resume();
  }

  #setDeadline(delayMs: number): void {
    this.#terms.loop.deadlines.set(this.#requireEnding().deadline, delayMs);
  }

  /** Sends a Ping of the heartbeat. */
  ask(): void {
    this.sender.frame(FIN_BIT | OPCODE_PING, NOTHING);
  }

  /** A limit of ours ends the connection (RFC 6455 §7.1.7). */
  expired(limit: Violation): void {
    this.#requireParser().discard();
    if (limit.closeCode !== CLOSE_ABNORMAL) this.onViolation(limit);
    else {
      // Nobody would read a Close frame.
      this.#leaveOpen();
      this.#handler.failed(new WebSocketError(limit));
      this.destroy();
    }
  }

  #mayTakeControl(): boolean {
    const { maxControlFramesPerSecond } = this.#terms.limits;
    if (maxControlFramesPerSecond === 0) return true;
    const nowMs = this.#terms.loop.time.monotonicMs();
    this.#controlFrames ??= new ControlFrameBudget(maxControlFramesPerSecond, nowMs);
    if (this.#controlFrames.spend(nowMs)) return true;
    this.expired(TOO_MANY_CONTROL_FRAMES);
    return false;
  }
}
