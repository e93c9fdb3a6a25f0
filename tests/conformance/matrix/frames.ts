/** Frames as a peer writes them octet by octet, good and bad, and as it reads what comes back. */
import { createHash } from 'node:crypto';

export type Role = 'client' | 'server';

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;
export const FIN = 0x80;

const NAMES: ReadonlyMap<number, string> = new Map([
  [CONTINUATION, 'continuation'],
  [TEXT, 'text'],
  [BINARY, 'binary'],
  [CLOSE, 'close'],
  [PING, 'ping'],
  [PONG, 'pong'],
]);

/** A frame as it is to stand on the wire, whether or not it may. */
export interface Frame {
  /** FIN, the reserved bits and the opcode. */
  readonly first: number;
  readonly payload: Buffer;
  /** Octets that the length takes; the fewest by default. */
  readonly lengthForm?: 7 | 16 | 64;
  /** The length that the header says; that of the payload by default. */
  readonly declared?: bigint;
  /** The masking key of a client's frame; one that is no pattern by default. */
  readonly key?: Buffer;
  /** Masked by a server or not by a client: against RFC 6455 §5.1. */
  readonly isMaskWrong?: boolean;
}

const KEY = Buffer.of(0x37, 0xfa, 0x21, 0x3d);

function lengthOctets(length: bigint, form: 7 | 16 | 64): Buffer {
  if (form === 7) return Buffer.of(Number(length));
  const octets = Buffer.alloc(form === 16 ? 3 : 9);
  octets[0] = form === 16 ? 126 : 127;
  if (form === 16) octets.writeUInt16BE(Number(length), 1);
  else octets.writeBigUInt64BE(length, 1);
  return octets;
}

/** A frame as the given end sends it. */
export function encode(frame: Frame, sender: Role): Buffer {
  const { payload, declared = BigInt(payload.length) } = frame;
  const form = frame.lengthForm ?? (declared < 126n ? 7 : declared < 65_536n ? 16 : 64);
  const length = lengthOctets(declared, form);
  const isMasked = (sender === 'client') !== (frame.isMaskWrong ?? false);
  if (!isMasked) return Buffer.concat([Buffer.of(frame.first), length, payload]);
  const key = frame.key ?? KEY;
  length[0]! |= 0x80;
  const masked = Buffer.from(payload);
  for (let index = 0; index < masked.length; index++) masked[index]! ^= key[index & 3]!;
  return Buffer.concat([Buffer.of(frame.first), length, key, masked]);
}

/** What was read of one frame that came back. */
export interface ReadFrame {
  readonly first: number;
  readonly payload: Buffer;
  readonly isMasked: boolean;
  readonly isMinimal: boolean;
}

/** Reads whole frames off octets that arrive in pieces. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #byteLength = 0;
  /** Octets without which nothing more can be read. */
  #needed = 2;

  /** Octets that are no whole frame yet. */
  get rest(): number {
    return this.#byteLength;
  }

  /** Takes octets and answers the frames that are whole now. */
  read(chunk: Buffer): ReadFrame[] {
    this.#pieces.push(chunk);
    this.#byteLength += chunk.length;
    if (this.#byteLength < this.#needed) return [];
    const all = Buffer.concat(this.#pieces);
    const frames: ReadFrame[] = [];
    let at = 0;
    for (;;) {
      const next = readOne(all, at);
      if (typeof next === 'number') {
        this.#needed = next;
        break;
      }
      frames.push(next.frame);
      at = next.end;
    }
    this.#pieces = [all.subarray(at)];
    this.#byteLength = all.length - at;
    return frames;
  }
}

/** The frame at an offset, or how many octets from there on are needed to say more. */
function readOne(octets: Buffer, at: number): { frame: ReadFrame; end: number } | number {
  if (octets.length - at < 2) return 2;
  const short = octets[at + 1]! & 0x7f;
  const isMasked = octets[at + 1]! >= 0x80;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = at + 2 + lengthBytes + (isMasked ? 4 : 0);
  if (octets.length < start) return start - at;
  const length =
    lengthBytes === 0
      ? short
      : lengthBytes === 2
        ? octets.readUInt16BE(at + 2)
        : Number(octets.readBigUInt64BE(at + 2));
  const end = start + length;
  if (octets.length < end) return end - at;
  const payload = Buffer.from(octets.subarray(start, end));
  if (isMasked) {
    for (let index = 0; index < length; index++)
      payload[index]! ^= octets[start - 4 + (index & 3)]!;
  }
  const isMinimal = lengthBytes === 0 || length >= (lengthBytes === 2 ? 126 : 65_536);
  return { frame: { first: octets[at]!, payload, isMasked, isMinimal }, end };
}

/** The payload of a Close frame. */
export function closeBody(code: number, reason: string | Buffer = ''): Buffer {
  return Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason as string)]);
}

const LONGEST_SHOWN = 24;

/** A payload in few characters: itself when it is short, else its length and a fingerprint. */
export function summaryOf(payload: Buffer, isText: boolean): string {
  if (payload.length > LONGEST_SHOWN) {
    return `${payload.length}:${createHash('sha1').update(payload).digest('hex').slice(0, 8)}`;
  }
  return isText ? JSON.stringify(payload.toString()) : `<${payload.toString('hex')}>`;
}

/** A frame that came back, as a verdict tells it. */
export function frameText({ first, payload, isMasked, isMinimal }: ReadFrame, from: Role): string {
  const opcode = first & 0x0f;
  const marks = [
    (first & FIN) === 0 ? ' more' : '',
    (first & 0x40) === 0 ? '' : ' rsv1',
    (first & 0x30) === 0 ? '' : ' RESERVED-BITS',
    isMasked === (from === 'client') ? '' : ' WRONG-MASK',
    isMinimal ? '' : ' NOT-MINIMAL',
  ].join('');
  const name = NAMES.get(opcode) ?? `opcode-${opcode}`;
  if (opcode !== CLOSE) return `${name}${marks} ${summaryOf(payload, opcode === TEXT)}`;
  if (payload.length < 2) return `close${marks} ${payload.length === 0 ? 'empty' : 'SHORT'}`;
  return `close${marks} ${payload.readUInt16BE(0)} ${JSON.stringify(payload.toString('utf8', 2))}`;
}
