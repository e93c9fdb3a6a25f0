/** The peer of a case: says its frames on a raw socket, keeps what comes back, and knows who ended the connection. */
import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CLOSE, FrameReader, encode, frameText, type Frame, type Role } from './frames.js';
import { close, type Case, type Chop } from './case.js';
import { Decompressor } from './compression.js';

/** A connection on which nothing is said or heard for so long has failed its case. */
const PATIENCE_MS = 10_000;

/** What the peer saw. */
export interface PeerView {
  readonly frames: readonly string[];
  /** The code of the endpoint's Close frame, or `empty`, or `none` when there was no such frame. */
  readonly closeCode: number | 'empty' | 'none';
  /** Who ended the TCP connection first. */
  readonly endedBy: 'endpoint' | 'peer' | 'nobody';
}

function piecesOf(frames: readonly Frame[], sender: Role, chop: Chop): Buffer[] {
  const encoded = frames.map((frame) => encode(frame, sender));
  if (chop === 'frame') return encoded;
  const blob = Buffer.concat(encoded);
  if (chop === 'blob') return blob.length === 0 ? [] : [blob];
  const size = chop === 'octet' ? 1 : chop;
  const pieces: Buffer[] = [];
  for (let at = 0; at < blob.length; at += size) pieces.push(blob.subarray(at, at + size));
  return pieces;
}

/** Plays the peer's part on a connection whose handshake is over; `head` came with it. */
export async function play(
  one: Case,
  role: Role,
  socket: Socket,
  head: Buffer = Buffer.alloc(0),
): Promise<PeerView> {
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  const part = new Part(one, role, socket, () => timer.refresh());
  if (head.length > 0) part.received(head);
  socket.on('data', (chunk: Buffer) => part.received(chunk)).resume();
  await part.speak();
  await part.over;
  clearTimeout(timer);
  return part.view();
}

class Part {
  readonly over: Promise<void>;
  readonly #case: Case;
  readonly #role: Role;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #frames: string[] = [];
  #closeCode: PeerView['closeCode'] = 'none';
  #endedBy: PeerView['endedBy'] = 'nobody';
  readonly #decompressor: Decompressor | undefined;
  /** The code of the Close frame among what was said first. */
  #said: PeerView['closeCode'] | undefined = undefined;
  /** Whether a good Close frame has answered that of the endpoint. */
  #isAnswered = false;
  #isSpeaking = true;
  /** Told that something was said or heard. */
  readonly #moved: () => void;

  constructor(one: Case, role: Role, socket: Socket, moved: () => void) {
    this.#moved = moved;
    this.#case = one;
    this.#role = role;
    this.#socket = socket;
    this.#decompressor = one.direction === undefined ? undefined : new Decompressor(one.direction);
    this.over = new Promise((resolve) => {
      socket.on('close', () => resolve());
    });
    socket.on('end', () => this.#ended());
    // A reset is an end; what was received before it counts.
    socket.on('error', () => this.#ended());
  }

  async speak(): Promise<void> {
    const { frames, chop = 'blob', ending = 'close' } = this.#case;
    const all = ending === 'close' ? [...frames, close(1000)] : frames;
    for (const piece of piecesOf(all, this.#role, chop)) {
      if (this.#endedBy !== 'nobody') break;
      this.#socket.write(piece);
      this.#moved();
      // Let the other end read what it has before more comes.
      await nextTurn();
    }
    this.#isSpeaking = false;
    const closing = all.find(({ first }) => (first & 0x0f) === CLOSE);
    this.#said = closing === undefined ? undefined : codeOf(closing.payload);
    if (ending === 'end') this.#end();
    else if (ending === 'reset') {
      await nextTurn();
      this.#endedBy = 'peer';
      this.#socket.resetAndDestroy();
    } else this.#endIfDone();
  }

  received(chunk: Buffer): void {
    this.#moved();
    for (const read of this.#reader.read(chunk)) {
      const frame = this.#decompressor === undefined ? read : this.#decompressor.take(read);
      if (frame === undefined) continue;
      this.#frames.push(frameText(frame, this.#role === 'client' ? 'server' : 'client'));
      if ((frame.first & 0x0f) !== CLOSE || this.#closeCode !== 'none') continue;
      this.#closeCode = codeOf(frame.payload);
      const answer = this.#case.afterClose ?? [];
      for (const piece of piecesOf(answer, this.#role, 'frame')) this.#socket.write(piece);
      this.#isAnswered = answer.some(isGoodClose);
    }
    this.#endIfDone();
  }

  /** RFC 6455 §7.1.1: the server ends the TCP connection, once both Close frames are through. */
  #endIfDone(): void {
    if (this.#role === 'client' || this.#isSpeaking) return;
    // An endpoint that fails the connection answers with another code, and ends it itself.
    const isEchoed = this.#said !== undefined && this.#said === this.#closeCode;
    if (isEchoed || this.#isAnswered) this.#end();
  }

  #end(): void {
    if (this.#endedBy === 'nobody') this.#endedBy = 'peer';
    this.#socket.end();
  }

  #ended(): void {
    if (this.#endedBy === 'nobody') this.#endedBy = 'endpoint';
    this.#socket.end();
  }

  view(): PeerView {
    const frames = [...this.#frames];
    if (this.#reader.rest > 0) frames.push(`CUT-FRAME ${this.#reader.rest}`);
    return { frames, closeCode: this.#closeCode, endedBy: this.#endedBy };
  }
}

function codeOf(payload: Buffer): number | 'empty' {
  return payload.length < 2 ? 'empty' : payload.readUInt16BE(0);
}

function isGoodClose({ first, payload }: Frame): boolean {
  const code = codeOf(payload);
  return (
    (first & 0x0f) === CLOSE &&
    payload.length !== 1 &&
    (code === 'empty' || code >= 3000) &&
    isUtf8(payload.subarray(2))
  );
}
