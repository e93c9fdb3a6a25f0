/** Owns when readers are told: at the end of the turn, streams in turns, within the turn's budget of work (semantics O2). */
import { MAX_SLICE_UNITS, Ring, type Metrics } from '../foundation/index.js';
import type { TurnBudget, TurnScheduler } from '../foundation/index.js';
import type { ReaderGroup, Stream } from './stream.js';

/** Turns for which a ring waits for sessions that had no room. */
const MAX_WAITING_TURNS = 32;

export interface FlushParts {
  readonly time: TurnScheduler;
  readonly turns: TurnBudget;
  readonly metrics: Metrics;
  readonly groupsOf: (stream: Stream) => readonly ReaderGroup[];
  /** All readers of a stream were told of what it had when that began. */
  readonly onTold: (stream: Stream) => void;
}

/** Streams that have something to tell, in the order of their turns. */
export class Flush {
  readonly #parts: FlushParts;
  readonly #dirty = new Ring<Stream>();
  #isScheduled = false;
  readonly #run = (): void => this.#step();

  constructor(parts: FlushParts) {
    this.#parts = parts;
  }

  /** Its readers are told when all input of the turn was read, so that publications of one turn share a write. */
  add(stream: Stream): void {
    if (stream.isDirty) return;
    stream.isDirty = true;
    this.#dirty.push(stream);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#parts.time.afterTurn(this.#run);
  }

  /** Whether nobody is to be told of anything. */
  get isIdle(): boolean {
    return !this.#isScheduled;
  }

  clear(): void {
    while (this.#dirty.shift() !== undefined);
  }

  #step(): void {
    const { turns } = this.#parts;
    for (let stream = this.#dirty.shift(); stream !== undefined; stream = this.#dirty.shift()) {
      this.#tell(stream);
      if (!turns.spend()) break;
    }
    if (this.#dirty.size > 0) turns.later(this.#run, 'prompt');
    else this.#isScheduled = false;
  }

  /** A slice of the stream's readers; those who are left come after the other streams. */
  #tell(stream: Stream): void {
    const { turns, groupsOf, metrics } = this.#parts;
    let isTold = false;
    try {
      const maxCount = this.#dirty.size === 0 ? Infinity : MAX_SLICE_UNITS;
      isTold = stream.tell(groupsOf(stream), maxCount, turns);
    } catch {
      // A reader that fails fails alone: the next slice begins behind it.
      metrics.count('readers_failed');
    }
    if (!isTold) this.#dirty.push(stream);
    else this.#finish(stream, MAX_WAITING_TURNS);
  }

  /** Sessions that had no room in this turn pull in the next ones: the ring waits until they have. */
  #finish(stream: Stream, leftCount: number): void {
    const { turns } = this.#parts;
    if (leftCount === 0 || turns.pendingDeliveryCount === 0) this.#end(stream);
    else turns.later(() => this.#finish(stream, leftCount - 1), 'prompt');
  }

  #end(stream: Stream): void {
    stream.isDirty = false;
    if (stream.endRound()) this.add(stream);
    this.#parts.onTold(stream);
  }
}
