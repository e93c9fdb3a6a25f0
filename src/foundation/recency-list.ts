/** Owns an order of use: what was used longest ago comes first, and each is moved or taken out at once. */

/** A place in one list; hold on to it to move it. */
export class RecencyEntry<T> {
  readonly value: T;
  /** @internal */
  older: RecencyEntry<T> | undefined = undefined;
  /** The next that was used after it. */
  newer: RecencyEntry<T> | undefined = undefined;
  /** @internal */
  isListed: boolean = false;

  constructor(value: T) {
    this.value = value;
  }
}

/** A Set would do, but one whose first are taken out again and again is walked over its holes. */
export class RecencyList<T> {
  #oldest: RecencyEntry<T> | undefined;
  #newest: RecencyEntry<T> | undefined;

  get isEmpty(): boolean {
    return this.#oldest === undefined;
  }

  get oldest(): RecencyEntry<T> | undefined {
    return this.#oldest;
  }

  /** It is the newest from now on; takes it in where it is not listed yet. */
  touch(entry: RecencyEntry<T>): void {
    if (entry === this.#newest) return;
    this.remove(entry);
    entry.isListed = true;
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  remove(entry: RecencyEntry<T>): void {
    if (!entry.isListed) return;
    entry.isListed = false;
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = entry.newer = undefined;
  }
}
