/** Owns WebSocket connections as dialects see them: the contract Connection straight on the engine, without an event emitter. */
import type { Duplex } from 'node:stream';
import {
  Deadline,
  MAX_SLICE_UNITS,
  MIN_HELD_BYTES,
  type HeldTotal,
  type Holder,
  type Log,
  type Metrics,
  type Octets,
  type TurnBudget,
  type TurnQueue,
} from '../foundation/index.js';
import {
  FIN_BIT,
  INPUT_OVERFLOW,
  MAX_CONTROL_PAYLOAD_BYTES,
  OPCODE_BINARY,
  OPCODE_TEXT,
  encodeFrames,
  isCloseCodeOnWire,
} from '../protocol/websocket/index.js';
import type {
  AcceptConnection,
  Connection,
  ConnectionReceiver,
  Handshake,
  SharedBatch,
  SharedMessage,
} from '../session/index.js';
import {
  MAX_SHARED_DEFLATE_BYTES,
  SHARED_WINDOW_BITS,
  compressedFrameOf,
  compressedFramesOf,
} from './shared-compression.js';
import type { AgreedCompression } from './websocket/compression/compression-options.js';
import { closePayload } from './websocket/limits/close-arguments.js';
import type { EndpointHandler } from './websocket/socket/endpoint-handler.js';
import { Endpoint } from './websocket/socket/endpoint.js';
import type { EndpointTerms } from './websocket/socket/endpoint-terms.js';
import type { WebSocketError } from './websocket/limits/errors.js';

const NOTHING_SAID: ReadonlyMap<string, string> = new Map();

const TRANSPORT = 'websocket';
const LABELS = { transport: TRANSPORT };

/** Messages with which a client comes: until then it waits behind the others where a turn is over. */
const FIRST_MESSAGE_COUNT = 4;

/** What all connections of a door share: each holds one reference instead of all this. */
export interface ConnectionTerms {
  readonly endpoint: EndpointTerms;
  readonly metrics: Metrics;
  readonly log: Log;
  /** What its messages are counted in, and taken by. */
  readonly turns: TurnBudget;
  /** What is kept of messages that have begun and were not handed on, of all connections. */
  readonly unfinished: HeldTotal;
  /** Told once of each, after its receiver was. */
  readonly ended: (connection: WebSocketConnection) => void;
}

/** What a connection is made of. */
export interface WebSocketConnectionParts {
  readonly connectionId: string;
  readonly handshake: Handshake;
  readonly socket: Duplex;
  readonly terms: ConnectionTerms;
  /** What permessage-deflate agreed upon, without a window of ours. */
  readonly compression?: AgreedCompression | undefined;
}

export class WebSocketConnection implements Connection, EndpointHandler, Holder {
  // What a delivery looks at comes first.
  readonly #endpoint: Endpoint;
  readonly #compression: AgreedCompression | undefined;
  readonly #terms: ConnectionTerms;
  #receiver: ConnectionReceiver | undefined = undefined;
  /** The turn in which it was last given a message, and what it has had of it. */
  #turn = 0;
  #units = 0;
  /** We have ended it, or waited long enough: nothing more is handed on. */
  #isLeaving = false;
  /** Messages that it has handed on, up to a few. */
  #firstCount = 0;
  /** Made when a message first has to wait. */
  #held: HeldInput | undefined = undefined;
  readonly connectionId: string;
  readonly transport: string = TRANSPORT;
  handshake: Handshake;

  constructor(parts: WebSocketConnectionParts) {
    this.connectionId = parts.connectionId;
    this.handshake = parts.handshake;
    this.#terms = parts.terms;
    const { terms, socket, compression } = parts;
    this.#compression = compression;
    this.#endpoint = new Endpoint(terms.endpoint, socket, this, compression);
  }

  /** Finds the receiver and begins to read; `head` came together with the handshake. */
  start(head: Buffer, accept: AcceptConnection): void {
    this.#receiver = accept(this);
    this.#endpoint.start(head);
  }

  get bufferedBytes(): number {
    return this.#endpoint.bufferedBytes;
  }

  get isOpen(): boolean {
    return this.#endpoint.isOpen;
  }

  send(message: SharedMessage): void {
    if (!this.#endpoint.isOpen) return;
    // A frame that is copied to the slab anyway needs no shared form.
    const opcode = message.isBinary ? OPCODE_BINARY : OPCODE_TEXT;
    if (this.#compression !== undefined) this.#sendCompressed(FIN_BIT | opcode, message);
    else this.#endpoint.sender.frame(FIN_BIT | opcode, message.octets);
  }

  #sendCompressed(firstOctet: number, message: SharedMessage): void {
    const { sender } = this.#endpoint;
    const { settings } = this.#compression!;
    const { octets } = message;
    if (octets.length < settings.thresholdBytes) sender.frame(firstOctet, octets);
    else if (octets.length <= MAX_SHARED_DEFLATE_BYTES && this.#takesShared) {
      sender.encoded(compressedFrameOf(message, settings));
    } else sender.message(firstOctet, octets, true);
  }

  sendBatch(batch: SharedBatch): void {
    if (!this.#endpoint.isOpen) return;
    const { sender } = this.#endpoint;
    if (this.#compression === undefined) {
      sender.writeEncoded((batch.plainFrames ??= framesOf(batch)));
    } else if (this.#takesShared) {
      sender.writeEncoded(compressedFramesOf(batch, this.#compression.settings));
    } else {
      for (const message of batch.messages) this.send(message);
      sender.flush();
    }
  }

  /** RFC 7692 §7.1.2.1: a client may have asked for a smaller window than the one that is used for many. */
  get #takesShared(): boolean {
    return this.#compression!.outgoing.windowBits >= SHARED_WINDOW_BITS;
  }

  forgetHandshake(): void {
    // Not emptied, since listeners of events may have the one that there was.
    this.handshake = { ...this.handshake, headers: NOTHING_SAID, query: NOTHING_SAID };
  }

  close(closeCode: number, reason: string): void {
    if (!isCloseCodeOnWire(closeCode)) {
      throw new TypeError(`${closeCode} must not be sent as a close code (RFC 6455 §7.4)`);
    }
    this.#endpoint.close(closePayload(closeCode, reasonOctets(reason)));
    this.#dropHeld();
  }

  destroy(): void {
    this.#isLeaving = true;
    this.#endpoint.destroy();
    // The socket may be gone already: then nothing more of it tells of the end.
    if (this.#held !== undefined) this.#terms.turns.later(this.#held.goOn, 'backlog');
  }

  /** We have ended it: what was held back is nobody's any more, and the peer's answer has to be read. */
  #dropHeld(): void {
    this.#isLeaving = true;
    const input = this.#held;
    if (input?.end !== undefined) this.#terms.turns.later(input.goOn, 'backlog');
    if (input?.message === undefined) return;
    input.message = undefined;
    this.#endpoint.releaseInput(() => {});
  }

  textReceived(octets: Buffer, start: number, end: number, isAscii: boolean): void {
    if (this.#isLeaving) return;
    // Decoded at its turn: to decode is part of the work.
    if (!this.#hasTurn) return this.#hold(ownCopy(octets, start, end), isAscii ? 'latin1' : 'utf8');
    this.#receiver?.textReceived(octets.toString(isAscii ? 'latin1' : 'utf8', start, end));
    this.#spend(end - start);
  }

  binaryReceived(octets: Buffer, start: number, end: number): void {
    if (this.#isLeaving) return;
    const isLent = this.#endpoint.lends(octets);
    const own = isLent ? ownCopy(octets, start, end) : octets;
    if (!this.#hasTurn) return this.#hold(own);
    this.#receiver?.binaryReceived(own);
    this.#spend(end - start);
  }

  pauseInput(): void {
    this.#input.pauseCount += 1;
  }

  resumeInput(): void {
    const input = this.#input;
    input.pauseCount -= 1;
    const isOwed = input.message !== undefined || input.end !== undefined;
    if (input.pauseCount === 0 && isOwed) this.#terms.turns.later(input.goOn, this.#queue);
  }

  get #input(): HeldInput {
    return (this.#held ??= new HeldInput(
      () => this.#goOn(),
      () => this.#waitNoLonger(),
    ));
  }

  /** Whether a message may be handed on now: not when this turn is over, or this connection's part of it. */
  get #hasTurn(): boolean {
    const { number, hasRoom } = this.#terms.turns;
    if (this.#turn !== number) {
      this.#turn = number;
      this.#units = 0;
    }
    return hasRoom && this.#units < MAX_SLICE_UNITS && this.#held?.isFree !== false;
  }

  #spend(byteLength: number): void {
    if (this.#firstCount < FIRST_MESSAGE_COUNT) this.#firstCount += 1;
    const units = 1 + (byteLength >> 10);
    this.#units += units;
    this.#terms.turns.spend(units);
  }

  /** Keeps the one message that was read; the engine parses no further, and reads nothing. */
  #hold(message: Octets, encoding?: TextEncoding): void {
    const input = this.#input;
    input.message = message;
    input.encoding = encoding;
    this.#endpoint.holdInput();
    if (input.pauseCount > 0) return;
    const isPrompt = this.#units < MAX_SLICE_UNITS && this.#firstCount >= FIRST_MESSAGE_COUNT;
    this.#terms.turns.later(input.goOn, isPrompt ? 'prompt' : this.#queue);
  }

  /** A crowd that has just come waits behind those who are at home here, and before those who have had their part. */
  get #queue(): TurnQueue {
    const isArriving = this.#firstCount < FIRST_MESSAGE_COUNT && this.#units < MAX_SLICE_UNITS;
    return isArriving ? 'arrival' : 'backlog';
  }

  #goOn(): void {
    const input = this.#input;
    if (this.#isLeaving) return this.#waitNoLonger();
    // It has been paused since.
    if (input.pauseCount > 0) return;
    if (input.end !== undefined) return input.end();
    if (input.message === undefined) return;
    this.#turn = this.#terms.turns.number;
    this.#units = 0;
    this.#endpoint.releaseInput(() => this.#handOn());
  }

  #handOn(): void {
    const { message, encoding } = this.#input;
    this.#input.message = undefined;
    if (message === undefined) return;
    if (encoding === undefined) this.#receiver?.binaryReceived(message);
    else this.#receiver?.textReceived(Buffer.from(message.buffer).toString(encoding));
    this.#spend(message.length);
  }

  inputKept(byteLength: number): void {
    const keptBytes = byteLength + (this.#held?.message?.length ?? 0);
    if (keptBytes >= MIN_HELD_BYTES) this.#countKept(keptBytes);
    else if (this.#held?.countedAt !== undefined) this.#uncountKept();
  }

  #countKept(byteLength: number): void {
    const input = this.#input;
    const { receivedCount } = this.#endpoint;
    // Another message than the one that was counted: it began later.
    if (input.countedAt !== receivedCount) this.#uncountKept();
    input.countedAt = receivedCount;
    this.#terms.unfinished.hold(this.handshake.peer.share ?? '', this, byteLength);
  }

  #uncountKept(): void {
    if (this.#held?.countedAt === undefined) return;
    this.#held.countedAt = undefined;
    this.#terms.unfinished.release(this.handshake.peer.share ?? '', this);
  }

  /** Too much is kept of all connections, and most of it is of this one's address, or this one's for the longest. */
  letGo(): void {
    this.#isLeaving = true;
    this.#endpoint.expired(INPUT_OVERFLOW);
    if (this.#held !== undefined) this.#held.message = undefined;
  }

  pingReceived(): void {}

  pongReceived(): void {
    this.#receiver?.peerAlive?.();
  }

  /** RFC 6455 §5.5.2: a browser answers a Ping by itself, also for a page whose timers are slowed down. */
  askAlive(): void {
    if (this.#endpoint.isOpen) this.#endpoint.ask();
  }

  closing(): void {}

  /** What was read comes before the end; where nobody takes it in time, the end comes without it. */
  linkGone(): void {
    if (this.#isLeaving) this.#endpoint.abandonHeld();
    else
      this.#terms.endpoint.loop.deadlines.set(
        this.#input.deadline,
        this.#terms.endpoint.limits.closeTimeoutMs,
      );
  }

  #waitNoLonger(): void {
    this.#isLeaving = true;
    const { end } = this.#input;
    if (end === undefined) this.#endpoint.abandonHeld();
    else end();
  }

  failed(error: WebSocketError): void {
    this.#terms.metrics.count('websocket_violations', { code: error.code });
    if (error.limit !== undefined)
      this.#terms.metrics.count('limit_reached', { limit: error.limit });
    this.#terms.log.info(`a WebSocket connection was failed: ${error.code}`, {
      reason: error.message,
      address: this.handshake.peer.address,
      connectionId: this.connectionId,
    });
  }

  drained(): void {
    this.#receiver?.writable();
  }

  closed(closeCode: number, reason: Buffer): void {
    const input = this.#held;
    if (input !== undefined && input.pauseCount > 0 && !this.#isLeaving) {
      // A dialect still has what came in front of the end.
      input.end = () => this.#leave(closeCode, reason);
      this.#terms.endpoint.loop.deadlines.set(
        input.deadline,
        this.#terms.endpoint.limits.closeTimeoutMs,
      );
    } else this.#leave(closeCode, reason);
  }

  #leave(closeCode: number, reason: Buffer): void {
    const input = this.#held;
    if (input !== undefined) {
      this.#uncountKept();
      this.#terms.turns.forget(input.goOn);
      this.#terms.endpoint.loop.deadlines.clear(input.deadline);
      input.message = undefined;
      input.end = undefined;
    }
    // A crowd that leaves at once is taken leave of in turns, too.
    if (this.#terms.turns.hasRoom) this.#tellClosed(closeCode, reason);
    else this.#terms.turns.later(() => this.#tellClosed(closeCode, reason), 'backlog');
  }

  #tellClosed(closeCode: number, reason: Buffer): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#terms.metrics.count('connections_closed', LABELS);
    try {
      receiver?.closed(closeCode, reason.toString());
    } finally {
      this.#terms.ended(this);
    }
    this.#terms.turns.spend();
  }
}

type TextEncoding = 'latin1' | 'utf8';

/** What waits of a connection's input, and why. */
class HeldInput {
  readonly goOn: () => void;
  /** The message that the engine had parsed when input was held; `encoding` is that of a text. */
  message: Octets | undefined = undefined;
  encoding: TextEncoding | undefined = undefined;
  pauseCount = 0;
  /** How many messages had been received when what is kept was counted first; undefined while nothing is. */
  countedAt: number | undefined = undefined;
  /** Tells the receiver of the end, which waits for what was read before it. */
  end: (() => void) | undefined = undefined;
  /** Until when it waits. */
  readonly deadline: Deadline;

  constructor(goOn: () => void, late: () => void) {
    this.goOn = goOn;
    this.deadline = new Deadline(late);
  }

  get isFree(): boolean {
    return this.pauseCount === 0 && this.message === undefined;
  }
}

function framesOf(batch: SharedBatch): Uint8Array {
  return encodeFrames(
    batch.messages.map(({ isBinary, octets }) => ({
      opcode: isBinary ? OPCODE_BINARY : OPCODE_TEXT,
      octets,
    })),
  );
}

/** The receiver keeps it, so it has neither a chunk nor the pool of Buffer behind it. */
function ownCopy(octets: Buffer, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(octets.subarray(start, end));
  return copy;
}

/** As much of a reason as a Close frame can carry, cut between characters (RFC 6455 §5.5). */
function reasonOctets(reason: string): Buffer {
  const octets = Buffer.from(reason);
  let end = Math.min(octets.length, MAX_CONTROL_PAYLOAD_BYTES - 2);
  while (end < octets.length && end > 0 && (octets[end]! & 0xc0) === 0x80) end -= 1;
  return octets.subarray(0, end);
}
