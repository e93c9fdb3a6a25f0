/** Owns how much is done in one turn of the event loop, and who goes on in the next ones once that is used up. */
import type { Clock, TurnScheduler } from './clock.js';

/** Time that one turn takes for everybody; what is begun then is finished, what is not waits for the next turn. */
export const MAX_TURN_MS = 5;
/** Units that one connection, stream or the like takes in one go while others may be waiting. */
export const MAX_SLICE_UNITS = 64;
/** Units between two looks at the clock: looking for each would cost more than most of them. */
const UNITS_A_LOOK = 16;
/** About what a unit takes that was not timed. */
const UNTIMED_UNIT_MS = 0.01;
/** Steps that are tried in one turn; each has a callback of its own, so that its promises settle before the next begins. */
const MAX_STEPS_A_TURN = 32;

/**
 * `prompt`: what is small and somebody waits for, such as the input of a client that was not read yet in this turn. `arrival`: who has
 * just come. `backlog`: what goes on of something large. Each gets a step in every turn, so none starves; all the rest of a turn is for
 * what is prompt, then for arrivals.
 */
export type TurnQueue = 'prompt' | 'arrival' | 'backlog';

const QUEUES: readonly TurnQueue[] = ['prompt', 'arrival', 'backlog'];

/** A part of some work: a slice of it, after which it may ask for another. Must not throw; what it throws is reported. */
export type TurnStep = () => void;

/**
 * One for all that runs in an event loop. A unit is a small operation, such as a frame, a delivery or a kilobyte. Whoever loops over
 * what peers make counts its units here and goes on `later` once there is no room.
 */
export class TurnBudget {
  readonly #time: Clock & TurnScheduler;
  readonly #maxTurnMs: number;
  readonly #onError: (error: unknown) => void;
  #number = 0;
  #hasRoom = true;
  /** Units since the clock was last looked at. */
  #units = 0;
  /** Whether this turn is timed; not before something has been done in it. */
  #isTimed = false;
  #startedAtMs = 0;
  readonly #waiting: Readonly<Record<TurnQueue, Set<TurnStep>>> = {
    prompt: new Set(),
    arrival: new Set(),
    backlog: new Set(),
  };
  /** The turn in which each queue last had a step. */
  readonly #lastStepIn: Record<TurnQueue, number> = { prompt: -1, arrival: -1, backlog: -1 };
  /** Steps of this round that are to come, and of the next one. */
  #leftCount = 0;
  #comingCount = 0;
  /** Sessions that have something to deliver and had no room for it: they count themselves. */
  pendingDeliveryCount: number = 0;

  /** `onError` is told what a step throws. */
  constructor(
    time: Clock & TurnScheduler,
    onError: (error: unknown) => void = () => {},
    maxTurnMs: number = MAX_TURN_MS,
  ) {
    this.#time = time;
    this.#onError = onError;
    this.#maxTurnMs = maxTurnMs;
  }

  /** Rises from turn to turn, as far as anything is done in them: who counts for itself begins anew with each. */
  get number(): number {
    return this.#number;
  }

  /** Whether more may be begun in this turn. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /** Steps that wait for a turn. */
  get waitingCount(): number {
    const { prompt, arrival, backlog } = this.#waiting;
    return prompt.size + arrival.size + backlog.size;
  }

  /** Counts what was done; answers whether more may be begun in this turn. */
  spend(units: number = 1): boolean {
    this.#units += units;
    return this.#units < UNITS_A_LOOK ? this.#hasRoom : this.#look(units);
  }

  /** Runs a step in one of the next turns, after those of its queue that wait already. One that waits is not taken twice. */
  later(step: TurnStep, queue: TurnQueue): void {
    this.#waiting[queue].add(step);
    this.#schedule();
  }

  /** A step that waits is not run any more. */
  forget(step: TurnStep): void {
    for (const queue of QUEUES) this.#waiting[queue].delete(step);
  }

  /**
   * To be awaited between the parts of something that never really waits by itself: undefined while there is room, otherwise a promise
   * of a later turn. `count` is how many parts there were.
   */
  rest(count: number): Promise<void> | undefined {
    if (this.spend() && count % MAX_SLICE_UNITS !== 0) return undefined;
    return new Promise((resolve) => this.later(resolve, 'backlog'));
  }

  /** Does the same to many things, in slices: to all sessions of a server that closes, for one. Rejects with what `act` throws. */
  async inSlices<T>(items: Iterable<T>, act: (item: T) => void): Promise<void> {
    let count = 0;
    for (const item of items) {
      act(item);
      count += 1;
      const rest = this.rest(count);
      if (rest !== undefined) await rest;
    }
  }

  #look(units: number): boolean {
    this.#units = 0;
    if (!this.#isTimed) {
      this.#begin();
      // What was done before the clock was looked at took its time too.
      this.#startedAtMs -= units * UNTIMED_UNIT_MS;
      this.#hasRoom = units * UNTIMED_UNIT_MS < this.#maxTurnMs;
    } else if (this.#hasRoom) {
      this.#hasRoom = this.#time.monotonicMs() - this.#startedAtMs < this.#maxTurnMs;
    }
    return this.#hasRoom;
  }

  #begin(): void {
    this.#isTimed = true;
    this.#startedAtMs = this.#time.monotonicMs();
    this.#time.afterTurn(() => this.#end());
  }

  #end(): void {
    this.#isTimed = false;
    this.#hasRoom = true;
    this.#units = 0;
    this.#number += 1;
  }

  #schedule(): void {
    const count = Math.min(this.waitingCount, MAX_STEPS_A_TURN);
    // Also for what comes behind a step: a queue that is filled again by the promises of its own would have every round of one.
    while (this.#leftCount + this.#comingCount < count) {
      this.#comingCount += 1;
      this.#time.afterTurn(() => this.#step());
    }
  }

  #step(): void {
    if (this.#leftCount === 0) {
      this.#leftCount = this.#comingCount;
      this.#comingCount = 0;
    }
    this.#leftCount -= 1;
    if (!this.#isTimed) this.#begin();
    const step = this.#takeOwed() ?? this.#takeFirst();
    try {
      step?.();
      this.#look(0);
    } catch (error) {
      this.#onError(error);
    } finally {
      if (this.waitingCount > 0) this.#schedule();
    }
  }

  /** The last steps of a round are for those that had none yet, so that a queue that is never empty leaves the others theirs. */
  #takeOwed(): TurnStep | undefined {
    if (this.#leftCount === 0 && this.#isOwed('backlog')) {
      const step = this.#take('backlog');
      if (step !== undefined) return step;
    }
    return this.#leftCount <= 1 && this.#isOwed('arrival') ? this.#take('arrival') : undefined;
  }

  #takeFirst(): TurnStep | undefined {
    for (const queue of QUEUES) {
      const step = this.#take(queue);
      if (step !== undefined) return step;
    }
    return undefined;
  }

  #take(queue: TurnQueue): TurnStep | undefined {
    if (!this.#hasRoom && !this.#isOwed(queue)) return undefined;
    const [step] = this.#waiting[queue];
    if (step === undefined) return undefined;
    this.#waiting[queue].delete(step);
    this.#lastStepIn[queue] = this.#number;
    return step;
  }

  /** Whether a queue has had no step in this turn. */
  #isOwed(queue: TurnQueue): boolean {
    return this.#lastStepIn[queue] !== this.#number;
  }
}
