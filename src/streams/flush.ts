/** Owns when readers are told: at the end of the turn, streams in turns, within the turn's budget of work (semantics O2). */
import { MAX_SLICE_UNITS, Ring, type Metrics } from '../foundation/index.js';
import type { TurnBudget, TurnScheduler } from '../foundation/index.js';
import type { ReaderGroup, Stream } from './stream.js';

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
  /** Streams that keep what sessions had no room to pull, in the order in which they are looked at again. */
  readonly #due = new Set<Stream>();
  #reviewedInTurn = -1;
  readonly #review = (): void => this.#reviewDue();

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
    this.#due.clear();
    this.#parts.turns.forget(this.#review);
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
    else this.#end(stream);
  }

  #end(stream: Stream): void {
    stream.isDirty = false;
    if (stream.endRound()) this.add(stream);
    if (stream.hasDueReaders) {
      this.#due.add(stream);
      this.#parts.turns.later(this.#review, 'prompt');
    }
    this.#parts.onTold(stream);
  }

  /** Sessions that had no room pull in the next turns: the ring keeps it for them, and the others are told on. */
  #reviewDue(): void {
    const { turns, onTold } = this.#parts;
    let leftCount = this.#reviewedInTurn === turns.number ? 0 : this.#due.size;
    this.#reviewedInTurn = turns.number;
    for (const stream of this.#due) {
      if (leftCount-- === 0) break;
      this.#due.delete(stream);
      const count = stream.reviewDueReaders();
      if (stream.hasDueReaders) this.#due.add(stream);
      onTold(stream);
      if (!turns.spend(1 + (count >> 4))) break;
    }
    if (this.#due.size > 0) turns.later(this.#review, 'prompt');
  }
}
