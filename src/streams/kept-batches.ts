/** Owns encodings that are kept for the next who ask: within a bound of octets, and no longer than they are of use. */
import { Deadline, type DeadlineWheel } from '../foundation/index.js';
import type { Batch, BatchKeeper } from '../session/index.js';
import type { RetainedTally } from './retained-tally.js';

/** Whoever shares a batch comes for it in the turns after it was made; later it is made anew. */
const KEPT_MS = 1_000;

/** Batches by age, in two generations: what a sweep finds in the old one has been there for `KEPT_MS` at least. */
export class KeptBatches implements BatchKeeper {
  readonly #deadlines: DeadlineWheel;
  readonly #tally: RetainedTally;
  readonly #maxBytes: number;
  readonly #onForgotten: ((batch: Batch) => number) | undefined;
  readonly #sweeping = new Deadline(() => this.#sweep());
  #young = new Set<Batch>();
  #old = new Set<Batch>();
  #keptBytes = 0;
  #isSweeping = false;

  /** `onForgotten` answers the octets that a batch cost beside its encodings. */
  constructor(
    deadlines: DeadlineWheel,
    tally: RetainedTally,
    maxBytes: number,
    onForgotten?: (batch: Batch) => number,
  ) {
    this.#deadlines = deadlines;
    this.#tally = tally;
    this.#maxBytes = maxBytes;
    this.#onForgotten = onForgotten;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A batch is kept, or costs more than it did. */
  batchGrew(batch: Batch, bytes: number): void {
    this.#add(bytes);
    if (!this.#old.has(batch)) this.#young.add(batch);
    if (!this.#isSweeping) {
      this.#isSweeping = true;
      this.#deadlines.set(this.#sweeping, KEPT_MS);
    }
    if (this.#keptBytes > this.#maxBytes) this.#shrink(batch);
  }

  /** Nobody will ask for it any more. */
  forget(batch: Batch): void {
    if (!this.#young.delete(batch) && !this.#old.delete(batch)) return;
    this.#add(-batch.forgetEncodings() - (this.#onForgotten?.(batch) ?? 0));
  }

  forgetAll(): void {
    for (const batch of [...this.#old, ...this.#young]) this.forget(batch);
  }

  /** The newest stays as long as there are others: it is what somebody asks for now. */
  #shrink(newest: Batch): void {
    for (const generation of [this.#old, this.#young]) {
      for (const batch of generation) {
        if (this.#keptBytes <= this.#maxBytes) return;
        if (batch !== newest) this.forget(batch);
      }
    }
  }

  #sweep(): void {
    for (const batch of this.#old) this.forget(batch);
    this.#old = this.#young;
    this.#young = new Set();
    this.#isSweeping = this.#old.size > 0;
    if (this.#isSweeping) this.#deadlines.set(this.#sweeping, KEPT_MS);
  }

  #add(bytes: number): void {
    this.#keptBytes += bytes;
    this.#tally.totalBytes += bytes;
  }
}
