/** Owns where in a stream the openings of pattern readers fall, so that one costs nothing per stream that it might ever read. */

interface Mark {
  /** How many pattern readers this node had opened when the publication at `offset` came. */
  readonly openingNumber: number;
  readonly offset: number;
}

/** Publications came under a rising count of openings; a mark stands where the count had risen. */
export class OpeningMarks {
  /** The count for what comes before the first mark. */
  #baseNumber: number;
  /** The count that the last publication came under. */
  #lastNumber: number;
  #marks: Mark[] | undefined = undefined;

  constructor(openingNumber: number) {
    this.#baseNumber = openingNumber;
    this.#lastNumber = openingNumber;
  }

  /** A publication has come. */
  note(openingNumber: number, offset: number): void {
    if (openingNumber === this.#lastNumber) return;
    this.#lastNumber = openingNumber;
    (this.#marks ??= []).push({ openingNumber, offset });
  }

  /** The first offset from `from` on that came after an opening, undefined when none has. */
  firstAfter(openingNumber: number, from: number): number | undefined {
    if (openingNumber <= this.#baseNumber) return from;
    if (openingNumber > this.#lastNumber || this.#marks === undefined) return undefined;
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#marks[middle]!.openingNumber < openingNumber) low = middle + 1;
      else high = middle;
    }
    const mark = this.#marks[low];
    return mark === undefined ? undefined : Math.max(mark.offset, from);
  }

  /** What is before `offset` is asked for no more. */
  forgetBefore(offset: number): void {
    if (this.#marks === undefined) return;
    const kept = this.#marks.filter((mark) => mark.offset >= offset);
    const last = this.#marks.at(-1 - kept.length);
    if (last !== undefined) this.#baseNumber = last.openingNumber;
    this.#marks = kept.length === 0 ? undefined : kept;
  }
}
