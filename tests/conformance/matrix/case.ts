/** What a case of the matrix is, and the short words in which the tables write them. */
import type { LimitOptions, PerMessageDeflateOptions, WebSocket } from 'tideway/websocket';
import { BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, closeBody } from './frames.js';
import type { Direction } from './compression.js';
import type { Frame, Role } from './frames.js';

/** How the octets are cut into writes: all in one, one write a frame, one an octet, or a number of octets each. */
export type Chop = 'blob' | 'frame' | 'octet' | number;

/** How the peer ends when all its frames are out: a Close frame of 1000, nothing, the end of its stream, a reset. */
export type Ending = 'close' | 'nothing' | 'end' | 'reset';

/** What the endpoint must do: the code of its Close frame, `empty` for one without a code, `none` for no frame. */
export type Expected = number | 'empty' | 'none';

/** One connection, what the peer says on it, and what must come of it. */
export interface Case {
  /** Unique; it begins with the section of the RFC. */
  readonly id: string;
  readonly frames: readonly Frame[];
  readonly expected: Expected;
  readonly chop?: Chop;
  readonly ending?: Ending;
  /** Frames that the peer sends once the endpoint's Close frame is there. */
  readonly afterClose?: readonly Frame[];
  /** The endpoint's role; both by default. */
  readonly role?: Role;
  readonly options?: LimitOptions & { readonly perMessageDeflate?: PerMessageDeflateOptions };
  /** Where the RFC leaves the choice to us: recorded, and neither right nor wrong. */
  readonly isInformational?: boolean;
  /** What the application does once the connection is open, beside echoing. */
  readonly act?: (socket: WebSocket) => void;
  /** What the two ends of the connection offer and agree upon, for cases of an extension. */
  readonly extension?: { readonly offer: string; readonly answer: string };
  /** How either direction is compressed, when it is. */
  readonly direction?: Direction;
}

export const NOTHING: Buffer = Buffer.alloc(0);

export function frame(first: number, payload: string | Buffer = NOTHING): Frame {
  return { first, payload: typeof payload === 'string' ? Buffer.from(payload) : payload };
}
export const text = (payload: string | Buffer = ''): Frame => frame(FIN | TEXT, payload);
export const binary = (payload: Buffer = NOTHING): Frame => frame(FIN | BINARY, payload);
export const ping = (payload: string | Buffer = ''): Frame => frame(FIN | PING, payload);
export const pong = (payload: string | Buffer = ''): Frame => frame(FIN | PONG, payload);
export const close = (code?: number, reason: string | Buffer = ''): Frame =>
  frame(FIN | CLOSE, code === undefined ? NOTHING : closeBody(code, reason));

/** A message in as many frames as there are parts. */
export function fragments(opcode: number, parts: readonly (string | Buffer)[]): Frame[] {
  return parts.map((part, index) =>
    frame(
      (index === 0 ? opcode : CONTINUATION) | (index === parts.length - 1 ? FIN : 0),
      part as Buffer,
    ),
  );
}

/** A payload in parts of a size. */
export function partsOf(payload: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < payload.length; at += size) parts.push(payload.subarray(at, at + size));
  return parts.length === 0 ? [payload] : parts;
}

const WORDS = Buffer.from('Tideway: a channel in which the water runs both ways. ');
const WIDE = Buffer.from('A Ünïcode κόσμε Привет 水 €½ 😀🌊 ');

/** ASCII text of exactly so many octets. */
export function ascii(byteLength: number): Buffer {
  return Buffer.alloc(byteLength, WORDS);
}

/** Text of exactly so many octets with characters of one to four. */
export function wide(byteLength: number): Buffer {
  const repeats = Math.floor(byteLength / WIDE.length);
  return Buffer.concat([
    Buffer.alloc(repeats * WIDE.length, WIDE),
    ascii(byteLength - repeats * WIDE.length),
  ]);
}

/** Octets without a pattern that repeats with the key. */
export function octets(byteLength: number): Buffer {
  const payload = Buffer.alloc(byteLength);
  for (let index = 0; index < byteLength; index++)
    payload[index] = (index * 31 + (index >> 8)) & 255;
  return payload;
}

export function chopName(chop: Chop): string {
  return typeof chop === 'number' ? `${chop} octets a write` : `${chop} a write`;
}
