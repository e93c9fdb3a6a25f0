/** Owns the parsing of frames (RFC 6455 §5): octets in, whole messages and control frames out, the first violation ends it. */
import type { Octets } from '../../foundation/index.js';
import { CLOSE_NO_STATUS } from './close-code.js';
import type { FrameParserOptions, FrameSink } from './frame-sink.js';
import { Masker, NOT_ASCII_BITS, readMask, rotateMask } from './masking.js';
import { MessageAssembly, type Allocate } from './message-assembly.js';
import {
  FIN_BIT,
  MASK_BIT,
  MAX_CONTROL_PAYLOAD_BYTES,
  MAX_HEADER_BYTES,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
  RESERVED_BITS,
  RSV1_BIT,
} from './opcode.js';
import * as header from './header-checks.js';
import { Utf8Validator } from './utf8-validator.js';
import * as violations from './violation.js';
import type { Violation } from './violation.js';

/** Counts that are only compared begin anew here, so that they stay small integers. */
const MAX_COUNT = 0x3fff_ffff;

const allocateZeroed: Allocate = (byteLength) => new Uint8Array(byteLength);

/** One direction of one connection. `parse` takes chunks as they come; it never throws on what a peer sent. */
export class FrameParser {
  #sink: FrameSink;
  readonly #isServer: boolean;
  readonly #maxMessageBytes: number;
  readonly #maxFragmentCount: number;
  readonly #acceptsCompressed: boolean;
  readonly #isUtf8: ((octets: Octets) => boolean) | undefined;
  readonly #checksUtf8: boolean;
  readonly #allocate: Allocate;
  readonly #masker: Masker;

  /** The head of a frame that a chunk's end cut off. */
  #carry: Octets | undefined = undefined;
  #carryLength = 0;

  /** The frame whose payload is arriving. */
  #opcode = 0;
  #isFinal = true;
  #mask = 0;
  /** Payload octets of it that have not arrived; -1 between frames. */
  #owed = -1;

  /** The fragmented or cut message that is being put together; opcode 0 when there is none. */
  #messageOpcode = 0;
  #messageBytes = 0;
  #fragmentCount = 0;
  /** Messages that have ended; it wraps, so compare it only. */
  messageCount = 0;
  /** The message that has begun has RSV1 in its first frame. */
  #isCompressed = false;
  #seen = 0;
  /** Made for the first text that is not plain ASCII in one piece. */
  #validator: Utf8Validator | undefined = undefined;
  #assembly: MessageAssembly | undefined = undefined;
  /** A control frame that a chunk's end cut: it may stand inside a fragmented message. */
  #control: MessageAssembly | undefined = undefined;

  /** Where frames of the message that is being put together ended; kept while somebody wants to know. */
  fragmentEnds: number[] | undefined = undefined;

  /** The chunk that is being parsed, up to `#chunkEnd`. */
  #chunk: Octets | undefined = undefined;
  #chunkEnd = 0;
  #isDiscarding = false;
  #isPaused = false;
  #isParsing = false;
  /** What came while paused, and the rest of the chunk that was paused in. */
  #waiting: Octets[] | undefined = undefined;

  constructor(sink: FrameSink, options: FrameParserOptions) {
    this.#sink = sink;
    this.#isServer = options.role === 'server';
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#maxFragmentCount = options.maxFragmentCount;
    this.#acceptsCompressed = options.acceptsCompressed ?? false;
    this.#allocate = options.allocate ?? allocateZeroed;
    this.#isUtf8 = options.isUtf8;
    this.#checksUtf8 = options.checksUtf8 ?? true;
    this.#masker = options.masker ?? new Masker();
  }

  /** Whether everything that still comes is thrown away: after a Close frame or a violation. */
  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether a message has begun and not ended. */
  get isInsideMessage(): boolean {
    return this.#messageOpcode !== 0 || this.#owed >= 0 || this.#carryLength > 0;
  }

  /** Whether it stands between two messages with nothing kept, so that another connection may have it. */
  get isIdle(): boolean {
    return !(this.#mustWait || this.isInsideMessage || this.fragmentEnds !== undefined);
  }

  /** Works for another connection from now on; only while it is idle. */
  serve(sink: FrameSink): void {
    this.#sink = sink;
  }

  /** Whether the octets that the sink was just given are part of a chunk. */
  lends(octets: Octets): boolean {
    return octets === this.#chunk;
  }

  /** Whether octets are kept, because it was paused inside a chunk or octets came while it was. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Octets that it keeps of what has not been handed on. */
  get keptBytes(): number {
    const waitingBytes = this.#waiting?.reduce((bytes, { length }) => bytes + length, 0) ?? 0;
    return waitingBytes + (this.#assembly?.roomBytes ?? 0);
  }

  /** Takes the next octets, which it may unmask in place. While paused it keeps them. */
  parse(chunk: Octets): void {
    if (this.#mustWait) {
      this.#wait(chunk);
      return;
    }
    const rest = this.#parseUntil(chunk, chunk.length);
    this.#masker.release();
    if (rest < chunk.length) this.#keepRest(chunk.subarray(rest));
    // A handler may have parsed more, or paused and resumed.
    if (this.#waiting !== undefined) this.#run();
  }

  /** As `parse`, for `[0, end)` of a buffer that is the caller's again afterwards: what must wait is copied. */
  parseShared(buffer: Octets, end: number): void {
    if (this.#mustWait) {
      this.#wait(this.#copyOf(buffer, 0, end));
      return;
    }
    const rest = this.#parseUntil(buffer, end);
    if (rest < end) this.#keepRest(this.#copyOf(buffer, rest, end));
    if (this.#waiting !== undefined) this.#run();
  }

  get #mustWait(): boolean {
    return this.#isPaused || this.#isParsing || this.#waiting !== undefined || this.#isDiscarding;
  }

  #wait(chunk: Octets): void {
    if (this.#isDiscarding) return;
    (this.#waiting ??= []).push(chunk);
    if (!this.#isParsing) this.#run();
  }

  /** It stands before what came while it was parsed. */
  #keepRest(rest: Octets): void {
    (this.#waiting ??= []).unshift(rest);
  }

  #copyOf(octets: Octets, start: number, end: number): Octets {
    const copy = this.#allocate(end - start);
    copy.set(octets.subarray(start, end));
    return copy;
  }

  /** Stops between two frames, even inside a chunk; may be called by the sink. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Goes on with what was kept. */
  resume(): void {
    this.#isPaused = false;
    if (!this.#isParsing) this.#run();
  }

  /** Throws away what is kept and all that still comes. */
  discard(): void {
    this.#isDiscarding = true;
    this.#waiting = undefined;
    this.#assembly = undefined;
    this.#control = undefined;
  }

  /** Parses what waits. */
  #run(): void {
    while (this.#waiting !== undefined && !this.#isPaused) {
      const chunk = this.#waiting.shift()!;
      if (this.#waiting.length === 0) this.#waiting = undefined;
      const rest = this.#parseUntil(chunk, chunk.length);
      if (rest < chunk.length) this.#keepRest(chunk.subarray(rest));
    }
    this.#masker.release();
  }

  /** Parses until the chunk is used up, a pause or the end; answers how much of it is done with. */
  #parseUntil(chunk: Octets, end: number): number {
    this.#isParsing = true;
    this.#chunk = chunk;
    this.#chunkEnd = end;
    let at = 0;
    try {
      while (at < end && !this.#isDiscarding && !this.#isPaused) {
        if (this.#owed >= 0) at = this.#takePayload(chunk, at);
        else if (this.#carryLength > 0) at = this.#completeHeader(chunk, at);
        else at = this.#takeFrame(chunk, at);
      }
    } finally {
      this.#isParsing = false;
      this.#chunk = undefined;
    }
    return this.#isDiscarding ? end : at;
  }

  #takeFrame(chunk: Octets, at: number): number {
    const available = this.#chunkEnd - at;
    if (available < 2) return this.#carryOver(chunk, at);
    const first = chunk[at]!;
    const second = chunk[at + 1]!;
    const refused = this.#refuse(first, second);
    if (refused !== undefined) {
      this.#fail(refused);
      return this.#chunkEnd;
    }
    const headerBytes = this.#headerBytes(second);
    if (available < headerBytes) return this.#carryOver(chunk, at);
    if (!this.#readHeader(chunk, at, headerBytes)) return this.#chunkEnd;
    return this.#takePayload(chunk, at + headerBytes);
  }

  /** What the first two octets alone make wrong. */
  #refuse(first: number, second: number): Violation | undefined {
    if ((first & RESERVED_BITS) !== 0) {
      const refused = this.#refuseReserved(first);
      if (refused !== undefined) return refused;
    }
    const opcode = first & 0x0f;
    if (opcode >= OPCODE_CLOSE) {
      // RFC 6455 §5.2: an unknown opcode MUST fail the connection.
      if (opcode > OPCODE_PONG) return header.reservedOpcode(opcode);
      // RFC 6455 §5.5: control frames MUST NOT be fragmented and MUST have 125 octets or less.
      if ((first & FIN_BIT) === 0) return violations.CONTROL_FRAGMENTED;
      if ((second & 0x7f) > MAX_CONTROL_PAYLOAD_BYTES) return violations.CONTROL_TOO_LONG;
    } else if (opcode > OPCODE_BINARY) return header.reservedOpcode(opcode);
    // RFC 6455 §5.4: control frames MAY stand inside a message (they went above); a continuation needs one,
    // and fragments of two messages MUST NOT interleave.
    else if (opcode === OPCODE_CONTINUATION) {
      if (this.#messageOpcode === 0) return violations.CONTINUATION_WITHOUT_START;
    } else if (this.#messageOpcode !== 0) return violations.MESSAGE_INSIDE_MESSAGE;
    const isMasked = (second & MASK_BIT) !== 0;
    if (isMasked === this.#isServer) return undefined;
    // RFC 6455 §5.1: the server MUST close on an unmasked frame, the client on a masked one.
    return this.#isServer ? violations.MASK_MISSING : violations.MASK_UNEXPECTED;
  }

  /** What the reserved bits make wrong; notes RSV1 where it means compression. */
  #refuseReserved(first: number): Violation | undefined {
    const opcode = first & 0x0f;
    // RFC 7692 §6: RSV1 stands in the first frame of a message only, never in a control frame.
    const isFirst = opcode === OPCODE_TEXT || opcode === OPCODE_BINARY;
    if ((first & RESERVED_BITS) === RSV1_BIT && this.#acceptsCompressed && isFirst) {
      this.#isCompressed = true;
      return undefined;
    }
    // RFC 6455 §5.2: RSV bits MUST be 0 unless an extension was negotiated that defines them.
    return (first & 0x30) !== 0 ? violations.RESERVED_BITS_SET : violations.RESERVED_BIT_1_SET;
  }

  #headerBytes(second: number): number {
    const length = second & 0x7f;
    const lengthBytes = length < 126 ? 0 : length === 126 ? 2 : 8;
    return 2 + lengthBytes + (this.#isServer ? 4 : 0);
  }

  /** Reads a whole header; false when it is a violation. */
  #readHeader(octets: Octets, at: number, headerBytes: number): boolean {
    const first = octets[at]!;
    let length = octets[at + 1]! & 0x7f;
    if (length >= 126) {
      length =
        length === 126 ? (octets[at + 2]! << 8) | octets[at + 3]! : header.readLength64(octets, at);
      const refused = header.refuseLength(length, octets[at + 1]! & 0x7f);
      if (refused !== undefined) return this.#fail(refused);
    }
    const opcode = first & 0x0f;
    if (opcode < OPCODE_CLOSE) {
      // Limits are decided on the header, before anything is allocated (RFC 6455 §10.4).
      if (length > this.#maxMessageBytes - this.#messageBytes) {
        return this.#fail(violations.MESSAGE_TOO_BIG);
      }
      if (++this.#fragmentCount > this.#maxFragmentCount) {
        return this.#fail(violations.TOO_MANY_FRAGMENTS);
      }
    }
    this.#opcode = opcode;
    this.#isFinal = (first & FIN_BIT) !== 0;
    this.#mask = this.#isServer ? readMask(octets, at + headerBytes - 4) : 0;
    this.#owed = length;
    return true;
  }

  /** Keeps the head of a header. */
  #carryOver(chunk: Octets, at: number): number {
    const carry = (this.#carry ??= new Uint8Array(MAX_HEADER_BYTES));
    for (let from = at; from < this.#chunkEnd; from++) carry[this.#carryLength++] = chunk[from]!;
    return this.#chunkEnd;
  }

  /** Adds octets to a header that was cut, and reads it once it is whole. */
  #completeHeader(chunk: Octets, start: number): number {
    const carry = this.#carry!;
    let at = start;
    if (this.#carryLength < 2) {
      carry[this.#carryLength++] = chunk[at++]!;
      const refused = this.#refuse(carry[0]!, carry[1]!);
      if (refused !== undefined) {
        this.#fail(refused);
        return this.#chunkEnd;
      }
    }
    const headerBytes = this.#headerBytes(carry[1]!);
    while (this.#carryLength < headerBytes && at < this.#chunkEnd) {
      carry[this.#carryLength++] = chunk[at++]!;
    }
    if (this.#carryLength < headerBytes) return at;
    this.#carryLength = 0;
    if (!this.#readHeader(carry, 0, headerBytes)) return this.#chunkEnd;
    return this.#takePayload(chunk, at);
  }

  #takePayload(chunk: Octets, at: number): number {
    const end = Math.min(this.#chunkEnd, at + this.#owed);
    const isWhole = end - at === this.#owed;
    if (this.#opcode >= OPCODE_CLOSE) this.#takeControl(chunk, at, end, isWhole);
    else if (isWhole && this.#isFinal && this.#messageOpcode === 0) {
      this.#takeWholeMessage(chunk, at, end);
    } else this.#takePart(chunk, at, end, isWhole);
    return end;
  }

  /** The fast path: the message is one frame, and all of it is in the chunk. */
  #takeWholeMessage(chunk: Octets, start: number, end: number): void {
    this.#owed = -1;
    this.#fragmentCount = 0;
    this.messageCount = (this.messageCount + 1) & MAX_COUNT;
    const isText = this.#opcode === OPCODE_TEXT;
    const mask = this.#mask;
    if (this.#isCompressed) {
      if (mask !== 0) this.#masker.apply(chunk, start, end, mask);
      this.#tellCompressed(chunk, start, end, isText);
      return;
    }
    const seen = isText || mask !== 0 ? this.#masker.apply(chunk, start, end, mask) : 0;
    if (!isText) {
      this.#sink.onBinary(chunk, start, end);
      return;
    }
    const isAscii = (seen & NOT_ASCII_BITS) === 0;
    if (!isAscii && !this.#isValidText(chunk, start, end)) {
      this.#fail(violations.TEXT_NOT_UTF8);
      return;
    }
    this.#sink.onText(chunk, start, end, isAscii);
  }

  #isValidText(octets: Octets, start: number, end: number): boolean {
    if (!this.#checksUtf8) return true;
    if (this.#isUtf8 !== undefined) return this.#isUtf8(octets.subarray(start, end));
    const validator = (this.#validator ??= new Utf8Validator());
    validator.reset();
    return validator.accept(octets, start, end) && validator.isComplete;
  }

  /** A piece of a message that is fragmented, or of a frame that is not all there. */
  #takePart(chunk: Octets, start: number, end: number, isWhole: boolean): void {
    const assembly = (this.#assembly ??= new MessageAssembly(
      this.#allocate,
      this.#maxMessageBytes,
    ));
    if (this.#messageOpcode === 0) {
      this.#messageOpcode = this.#opcode;
      this.#seen = 0;
      this.#validator?.reset();
    }
    if (end > start) {
      // In the chunk, which was just read and so is in the processor's cache.
      if (!this.#unmaskPart(chunk, start, end)) {
        this.#fail(violations.TEXT_NOT_UTF8);
        return;
      }
      assembly.append(chunk, start, end, assembly.length + this.#owed);
      this.#messageBytes += end - start;
      this.#owed -= end - start;
    }
    if (!isWhole) return;
    this.#owed = -1;
    this.fragmentEnds?.push(assembly.length);
    if (this.#isFinal) this.#finishMessage(assembly);
  }

  /** Unmasks and validates what just came; false at the first octet that cannot be text. */
  #unmaskPart(octets: Octets, from: number, to: number): boolean {
    const seen = this.#masker.apply(octets, from, to, this.#mask);
    this.#mask = rotateMask(this.#mask, to - from);
    // What a compressed text says is known once it is inflated.
    if (this.#messageOpcode !== OPCODE_TEXT || this.#isCompressed) return true;
    const wasAscii = (this.#seen & NOT_ASCII_BITS) === 0;
    this.#seen |= seen;
    if ((wasAscii && (seen & NOT_ASCII_BITS) === 0) || !this.#checksUtf8) return true;
    // RFC 6455 §8.1: text that is not valid UTF-8 MUST fail the connection; here it does so at once.
    return (this.#validator ??= new Utf8Validator()).accept(octets, from, to);
  }

  #finishMessage(assembly: MessageAssembly): void {
    const isText = this.#messageOpcode === OPCODE_TEXT;
    this.#messageOpcode = 0;
    this.#messageBytes = 0;
    this.#fragmentCount = 0;
    this.messageCount = (this.messageCount + 1) & MAX_COUNT;
    const message = assembly.take();
    if (this.#isCompressed) this.#tellCompressed(message, 0, message.length, isText);
    else if (!isText) this.#sink.onBinary(message, 0, message.length);
    // RFC 6455 §5.6: the whole message MUST be valid UTF-8, whatever its fragments end with.
    else if (this.#validator?.isComplete === false) this.#fail(violations.TEXT_NOT_UTF8);
    else {
      this.#sink.onText(message, 0, message.length, (this.#seen & NOT_ASCII_BITS) === 0);
    }
    if (this.fragmentEnds !== undefined) this.fragmentEnds.length = 0;
  }

  #tellCompressed(octets: Octets, start: number, end: number, isText: boolean): void {
    this.#isCompressed = false;
    this.#sink.onCompressed?.(octets, start, end, isText);
  }

  #takeControl(chunk: Octets, start: number, end: number, isWhole: boolean): void {
    const control = this.#control;
    if (isWhole && (control === undefined || control.length === 0)) {
      this.#owed = -1;
      if (this.#mask !== 0) this.#masker.apply(chunk, start, end, this.#mask);
      this.#tellControl(chunk, start, end);
      return;
    }
    const parts = (this.#control ??= new MessageAssembly(
      this.#allocate,
      MAX_CONTROL_PAYLOAD_BYTES,
    ));
    const from = parts.length;
    parts.append(chunk, start, end, from + this.#owed);
    this.#masker.apply(parts.buffer, from, parts.length, this.#mask);
    this.#mask = rotateMask(this.#mask, end - start);
    this.#owed -= end - start;
    if (!isWhole) return;
    this.#owed = -1;
    const payload = parts.take();
    this.#tellControl(payload, 0, payload.length);
  }

  #tellControl(octets: Octets, start: number, end: number): void {
    if (this.#opcode === OPCODE_PING) this.#sink.onPing(octets, start, end);
    else if (this.#opcode === OPCODE_PONG) this.#sink.onPong(octets, start, end);
    else this.#tellClose(octets, start, end);
  }

  #tellClose(octets: Octets, start: number, end: number): void {
    const refused = header.refuseCloseCode(octets, start, end);
    const hasCode = end > start;
    if (refused !== undefined) this.#fail(refused);
    // RFC 6455 §5.5.1 and §8.1: the reason is UTF-8.
    else if (hasCode && !this.#isValidText(octets, start + 2, end)) {
      this.#fail(violations.REASON_NOT_UTF8);
    } else {
      const closeCode = hasCode ? header.readCloseCode(octets, start) : CLOSE_NO_STATUS;
      // RFC 6455 §1.4: what comes after a Close frame is discarded.
      this.discard();
      this.#sink.onClose(closeCode, octets, hasCode ? start + 2 : start, end);
    }
  }

  /** Swaps to discarding and tells the violation; answers false, for those who say whether to go on. */
  #fail(violation: Violation): false {
    // RFC 6455 §7.1.7: the endpoint MUST NOT continue to process data from the peer.
    this.discard();
    this.#sink.onViolation(violation);
    return false;
  }
}
