/** The judgement of RFC 6455 in the plainest words: whole frames, no chunks, no speed; and what other engines do otherwise. */
import { isUtf8 } from 'node:buffer';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FIN,
  PONG,
  TEXT,
  type Frame,
  type Role,
} from '../matrix/frames.js';
import type { Verdict } from './engines.js';
import { MAX_MESSAGE_BYTES } from './random-frames.js';

/** What an engine does otherwise than we do; each has its paragraph in differences.md. */
export type Lenience =
  | 'text-judged-when-whole'
  | 'length-not-minimal'
  | 'length-high-bit'
  | 'control-length-form'
  | 'mask-not-checked'
  | 'mask-missing-1003'
  | 'continuation-judged-when-whole'
  | 'close-empty-as-1000'
  | 'close-codes-of-2011'
  | 'close-reason-1002'
  | 'control-counted'
  | 'limit-by-frame-before';

/** The leniences of each engine by role. */
export const LENIENCES: Readonly<Record<string, readonly Lenience[]>> = {
  'ws server': ['text-judged-when-whole', 'length-not-minimal', 'length-high-bit'],
  'ws client': ['text-judged-when-whole', 'length-not-minimal', 'length-high-bit'],
  'undici client': [
    'text-judged-when-whole',
    'length-not-minimal',
    'length-high-bit',
    'limit-by-frame-before',
  ],
  'faye-websocket server': [
    'text-judged-when-whole',
    'length-not-minimal',
    'length-high-bit',
    'control-length-form',
    'mask-missing-1003',
    'continuation-judged-when-whole',
    'close-empty-as-1000',
    'close-codes-of-2011',
    'close-reason-1002',
    'control-counted',
  ],
  'faye-websocket client': [
    'text-judged-when-whole',
    'length-not-minimal',
    'length-high-bit',
    'control-length-form',
    'mask-not-checked',
    'continuation-judged-when-whole',
    'close-empty-as-1000',
    'close-codes-of-2011',
    'close-reason-1002',
    'control-counted',
  ],
};

/** Judges the frames of a script as an endpoint would; what is right does not depend on its role. */
export function judge(
  frames: readonly Frame[],
  leniences: ReadonlySet<Lenience> = new Set(),
): Verdict {
  return new Judge(leniences).judge(frames);
}

class Judge {
  readonly #leniences: ReadonlySet<Lenience>;
  readonly #messages: string[] = [];
  /** The fragmented message so far; opcode 0 outside one. */
  #opcode = 0;
  #message: Buffer = Buffer.alloc(0);
  /** Whether the frame before was a control frame. */
  #wasControl = false;

  constructor(leniences: ReadonlySet<Lenience>) {
    this.#leniences = leniences;
  }

  judge(frames: readonly Frame[]): Verdict {
    for (const frame of frames) {
      const closeCode = this.#judgeHeader(frame) ?? this.#judgePayload(frame);
      if (closeCode !== undefined) return { messages: this.#messages, closeCode };
    }
    return { messages: this.#messages, closeCode: 'none' };
  }

  #is(lenience: Lenience): boolean {
    return this.#leniences.has(lenience);
  }

  #judgeHeader(frame: Frame): number | undefined {
    const { first, payload, isMaskWrong, lengthForm, declared = BigInt(payload.length) } = frame;
    const opcode = first & 0x0f;
    const isControl = opcode >= CLOSE;
    if ((first & 0x70) !== 0 || opcode > PONG || (opcode > BINARY && !isControl)) return 1002;
    const form = lengthForm ?? (declared < 126n ? 7 : declared < 65_536n ? 16 : 64);
    if (isControl && (first & FIN) === 0) return 1002;
    const isBegun = this.#opcode !== 0;
    if (!isControl && opcode !== CONTINUATION && isBegun) return 1002;
    const isStray = opcode === CONTINUATION && !isBegun;
    if (isStray && !this.#is('continuation-judged-when-whole')) return 1002;
    const isTooLong =
      this.#isLimited(isControl, form === 7) &&
      BigInt(this.#message.length) + declared > MAX_MESSAGE_BYTES;
    // What fits the second octet is judged with it, before the mask.
    if (isMaskWrong === true) {
      if (this.#is('mask-missing-1003')) return form === 7 && isTooLong ? 1009 : 1003;
      if (!this.#is('mask-not-checked')) return 1002;
    }
    const isLongForm = form !== 7 && !this.#is('control-length-form');
    if (isControl && (isLongForm || declared > 125n)) return 1002;
    const least = form === 16 ? 126n : form === 64 ? 65_536n : 0n;
    if (declared < least && !this.#is('length-not-minimal')) return 1002;
    if (declared >= 1n << 63n && !this.#is('length-high-bit')) return 1002;
    if (isTooLong) return 1009;
    return isStray ? 1002 : undefined;
  }

  /** Whether the frame counts against the limit of a message. */
  #isLimited(isControl: boolean, isShort: boolean): boolean {
    const wasControl = this.#wasControl;
    this.#wasControl = isControl;
    if (this.#is('limit-by-frame-before') && isShort) return !wasControl;
    return !isControl || this.#is('control-counted');
  }

  #judgePayload({ first, payload }: Frame): Verdict['closeCode'] | undefined {
    const opcode = first & 0x0f;
    if (opcode === CLOSE) return this.#judgeClose(payload);
    if (opcode > CLOSE) return undefined;
    if (opcode !== CONTINUATION) this.#opcode = opcode;
    this.#message = Buffer.concat([this.#message, payload]);
    const isFinal = (first & FIN) !== 0;
    if (this.#opcode === TEXT) {
      const isWaiting = !isFinal && this.#is('text-judged-when-whole');
      const isGood = isFinal ? isUtf8(this.#message) : mayBecomeUtf8(this.#message);
      if (!isGood && !isWaiting) return 1007;
    }
    if (!isFinal) return undefined;
    const kind = this.#opcode === TEXT ? 'text' : 'binary';
    this.#messages.push(`${kind} ${this.#message.toString('hex')}`);
    this.#opcode = 0;
    this.#message = Buffer.alloc(0);
    return undefined;
  }

  #judgeClose(payload: Buffer): Verdict['closeCode'] {
    if (payload.length === 0) return this.#is('close-empty-as-1000') ? 1000 : 'empty';
    if (payload.length === 1) return 1002;
    const code = payload.readUInt16BE(0);
    const isLate = code >= 1012 && code <= 1014 && !this.#is('close-codes-of-2011');
    const isOfProtocol = code >= 1000 && code <= 1011 && ![1004, 1005, 1006].includes(code);
    if (!isLate && !isOfProtocol && (code < 3000 || code > 4999)) return 1002;
    if (isUtf8(payload.subarray(2))) return code;
    return this.#is('close-reason-1002') ? 1002 : 1007;
  }
}

/** Whether octets are UTF-8 but for a character at their end that is not whole. */
function mayBecomeUtf8(octets: Buffer): boolean {
  const tails = ['', '80', '8080', '808080', 'a0', 'a080', '90', '9080', '908080'];
  return tails.some((tail) => isUtf8(Buffer.concat([octets, Buffer.from(tail, 'hex')])));
}

/** The leniences that make an engine judge a script otherwise; undefined when they do not explain it. */
export function explain(
  engine: string,
  role: Role,
  frames: readonly Frame[],
  theirs: Verdict,
): readonly Lenience[] | undefined {
  const all = LENIENCES[`${engine} ${role}`] ?? [];
  if (!isSame(judge(frames, new Set(all)), theirs)) return undefined;
  const needed = all.filter((one) => {
    const others = new Set(all.filter((lenience) => lenience !== one));
    return !isSame(judge(frames, others), theirs);
  });
  if (needed.length > 0) return needed;
  // Two that come to the same: either will do.
  return all.filter((one) => isSame(judge(frames, new Set([one])), theirs)).slice(0, 1);
}

export function isSame(one: Verdict, other: Verdict): boolean {
  return one.closeCode === other.closeCode && one.messages.join() === other.messages.join();
}
