/** Owns what the connections of one event loop share: time, deadlines, masking keys, the write slab and the tick's flush. */
import {
  DeadlineWheel,
  type Random,
  type Time,
  type TurnBudget,
} from '../../../foundation/index.js';
import { Masker, readMask } from '../../../protocol/websocket/index.js';
import { nodeRandom } from '../../node-random.js';
import { nodeTime } from '../../node-time.js';
import { FreedMemory } from '../tuning/freed-memory.js';
import { FrameSlab } from './frame-slab.js';
import { SharedFrames } from './shared-frames.js';
import { StaticReadBuffer } from '../tuning/static-read-buffer.js';
import { ZlibJobs } from '../compression/zlib-jobs.js';

/** Deadlines of connections come due up to this much late. */
const DEADLINE_GRANULARITY_MS = 250;

/** Something with octets to write at the end of the tick. */
export interface Flushable {
  flush(): void;
}

/** Made once and given to every connection of a server; a client makes its own unless it is given one. */
export class EngineLoop {
  readonly time: Time;
  readonly deadlines: DeadlineWheel;
  readonly masks: MaskPool;
  readonly masker: Masker = new Masker();
  readonly slab: FrameSlab = new FrameSlab();
  readonly sharedFrames: SharedFrames = new SharedFrames();
  readonly staticRead: StaticReadBuffer = new StaticReadBuffer(this.masker);
  readonly freedMemory: FreedMemory = new FreedMemory();
  readonly zlibJobs: ZlibJobs = new ZlibJobs();
  /** What a crowd that leaves at once has its turns in; undefined where all may be done in one go. */
  readonly turns: TurnBudget | undefined;
  readonly #random: Random;
  #dirty: Flushable[] = [];

  /** `turns`: where many deadlines that are due at once take their turns; without one, all in one go. */
  constructor(time: Time = nodeTime(), random: Random = nodeRandom(), turns?: TurnBudget) {
    this.time = time;
    this.turns = turns;
    const options = turns === undefined ? {} : { turns };
    this.deadlines = new DeadlineWheel(time, DEADLINE_GRANULARITY_MS, options);
    this.#random = random;
    this.masks = new MaskPool(random);
  }

  /** Fills a buffer with unpredictable octets. */
  fillRandom(target: Uint8Array): void {
    this.#random.fill(target);
  }

  /** Flushes at the end of the tick; one callback for however many ask. */
  flushAfterTick(sender: Flushable): void {
    if (this.#dirty.push(sender) === 1) this.time.afterTick(() => this.#flushDirty());
  }

  #flushDirty(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const sender of dirty) sender.flush();
    this.sharedFrames.forget();
  }
}

const FIRST_POOL_BYTES = 256;
const MAX_POOL_BYTES = 8192;

/** Where masking keys come from. */
export interface MaskSource {
  /** A fresh key, as a word whose lowest octet is the key's first. */
  next(): number;
}

/** Masking keys (RFC 6455 §5.3: unpredictable, fresh for every frame), drawn in bulk. */
export class MaskPool implements MaskSource {
  readonly #random: Random;
  #pool: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): number {
    if (this.#at === this.#pool.length) this.#refill();
    const mask = readMask(this.#pool, this.#at);
    // A used key does not stay in memory.
    this.#pool.fill(0, this.#at, this.#at + 4);
    this.#at += 4;
    return mask;
  }

  #refill(): void {
    // A client that says little gets a small pool, because a process may have thousands of them.
    const size = Math.min(Math.max(this.#pool.length * 2, FIRST_POOL_BYTES), MAX_POOL_BYTES);
    if (size !== this.#pool.length) this.#pool = new Uint8Array(size);
    this.#random.fill(this.#pool);
    this.#at = 0;
  }
}

/** Keys of the application's own, or undefined for random ones. */
export function masksFrom(
  generateMask: ((mask: Buffer) => void) | undefined,
): MaskSource | undefined {
  if (generateMask === undefined) return undefined;
  const key = Buffer.alloc(4);
  return {
    next: () => {
      generateMask(key);
      return readMask(key, 0);
    },
  };
}
