/** Random sequences of frames from a seed: mostly good ones, often nearly good ones, sometimes garbage. */
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FIN,
  PING,
  PONG,
  TEXT,
  closeBody,
  encode,
} from '../matrix/frames.js';
import type { Frame, Role } from '../matrix/frames.js';

/** Octets of a message that every engine is told to accept at most. */
export const MAX_MESSAGE_BYTES = 300;

/** A generator of 32-bit numbers (mulberry32), so that a seed says everything. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to below the limit. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  /** True once in so many times. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

/** What one seed says: frames, and where their octets are cut into writes. */
export interface Script {
  readonly seed: number;
  readonly frames: readonly Frame[];
  /** The octets as the given end writes them, in pieces. */
  pieces(sender: Role): Buffer[];
}

const TEXTS = [
  '',
  'a',
  'hello',
  'κόσμε',
  '€',
  '😀',
  'x'.repeat(125),
  'y'.repeat(126),
  'z'.repeat(150),
];
const BAD_TEXTS = ['ff', 'c3', 'e282', 'f09f98', 'eda080', 'c080', '61f4908080', '80'];
const CODES = [
  1000, 1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999, 0, 999, 1004, 1005, 1006, 1015, 1016,
  2999, 5000,
];

export function scriptOf(seed: number): Script {
  const dice = new Dice(seed);
  const frames: Frame[] = [];
  let isInside = false;
  for (let left = 1 + dice.below(6); left > 0; left--) {
    const next = randomFrame(dice, isInside);
    const opcode = next.first & 0x0f;
    if (opcode < CLOSE) isInside = (next.first & FIN) === 0;
    frames.push(next);
  }
  // Whatever came of it, the peer says goodbye.
  frames.push({ first: FIN | CLOSE, payload: closeBody(1000) });
  const cuts = dice.once(2)
    ? []
    : Array.from({ length: 1 + dice.below(5) }, () => dice.below(10_000));
  return { seed, frames, pieces: (sender) => cut(frames, sender, cuts) };
}

function cut(frames: readonly Frame[], sender: Role, cuts: readonly number[]): Buffer[] {
  const octets = Buffer.concat(frames.map((frame) => encode(frame, sender)));
  const places = [...new Set(cuts.map((at) => at % octets.length))].sort((a, b) => a - b);
  const bounds = [0, ...places, octets.length];
  return bounds
    .slice(1)
    .map((end, index) => octets.subarray(bounds[index], end))
    .filter((piece) => piece.length > 0);
}

function randomFrame(dice: Dice, isInside: boolean): Frame {
  const opcode = randomOpcode(dice, isInside);
  const payload = randomPayload(dice, opcode);
  const isFinal = opcode >= CLOSE ? !dice.once(40) : !dice.once(3);
  const reserved = dice.once(40) ? 1 + dice.below(7) : 0;
  const frame: Frame = { first: (isFinal ? FIN : 0) | (reserved << 4) | opcode, payload };
  if (dice.once(50)) return { ...frame, isMaskWrong: true };
  if (dice.once(50))
    return { ...frame, lengthForm: payload.length < 65_536 && dice.once(2) ? 16 : 64 };
  if (dice.once(60))
    return { ...frame, declared: dice.pick([1n << 63n, 1n << 53n, 1n << 32n, 301n, 65_536n]) };
  return frame;
}

function randomOpcode(dice: Dice, isInside: boolean): number {
  if (dice.once(30)) return dice.below(16);
  if (dice.once(4)) return dice.pick([PING, PONG, PING, CLOSE]);
  if (isInside) return dice.once(20) ? dice.pick([TEXT, BINARY]) : CONTINUATION;
  return dice.once(20) ? CONTINUATION : dice.pick([TEXT, BINARY]);
}

function randomPayload(dice: Dice, opcode: number): Buffer {
  if (opcode === CLOSE) {
    if (dice.once(8)) return Buffer.alloc(dice.below(2));
    const reason = dice.once(8)
      ? Buffer.from(dice.pick(BAD_TEXTS), 'hex')
      : dice.pick(['', 'bye', 'tschüß']);
    return closeBody(dice.pick(CODES), reason);
  }
  if (dice.once(40)) return Buffer.alloc(290 + dice.below(20), 0x61);
  if (dice.once(12)) return Buffer.from(dice.pick(BAD_TEXTS), 'hex');
  if (dice.once(6)) {
    // A part of a character, which the next fragment may or may not go on with.
    const whole = Buffer.from(dice.pick(['κ', '€', '😀']));
    const at = dice.below(whole.length + 1);
    return dice.once(2) ? whole.subarray(0, at) : whole.subarray(at);
  }
  const text = Buffer.from(dice.pick(TEXTS));
  return opcode >= CLOSE ? text.subarray(0, dice.once(30) ? 150 : 125) : text;
}
