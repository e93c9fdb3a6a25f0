/** Owns the parts of streams of replies that wait for their connection: written one after another, within the turns of the loop. */
import { MAX_SLICE_UNITS, Ring, type TurnBudget } from '../../foundation/index.js';
import type { SharedMessage } from '../../session/index.js';

/** The connection as a line of replies sees it. */
export interface LineOutlet {
  write(message: SharedMessage): void;
  /** Whether it takes more before it has been read. */
  readonly canTake: boolean;
}

interface WaitingPart {
  /** Encoded only when it is written; undefined when nobody wants it any more. */
  readonly encode: () => SharedMessage | undefined;
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * One for a session. Whether there is room is looked at for each part as it is written: many streams may have theirs ready at the same
 * moment, and none is to be the one too many. Each stream has one part here at a time, so their number bounds it.
 */
export class ReplyLine {
  readonly #outlet: LineOutlet;
  readonly #turns: TurnBudget;
  readonly #waiting = new Ring<WaitingPart>();
  /** Units of this slice. */
  #units = 0;
  #isResting = false;
  #isClosed = false;
  readonly #goOn = (): void => {
    this.#isResting = false;
    this.#units = 0;
    this.writeOn();
  };

  constructor(outlet: LineOutlet, turns: TurnBudget) {
    this.#outlet = outlet;
    this.#turns = turns;
  }

  /** Resolves when the part is written, or nobody is there for it; rejects with what writing it throws. */
  write(encode: () => SharedMessage | undefined): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((written, failed) => {
      this.#waiting.push({ encode, written, failed });
      this.writeOn();
    });
  }

  /** To be called when the connection can take more. */
  writeOn(): void {
    while (!this.#isResting && this.#waiting.size > 0 && this.#outlet.canTake) {
      if (this.#units < MAX_SLICE_UNITS && this.#turns.hasRoom) this.#writeNext();
      else {
        this.#isResting = true;
        this.#turns.later(this.#goOn, 'backlog');
      }
    }
  }

  /** Who waits is let go, to find that the session has ended. */
  close(): void {
    this.#isClosed = true;
    this.#turns.forget(this.#goOn);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.written();
    }
  }

  #writeNext(): void {
    const next = this.#waiting.shift();
    let units = 1;
    try {
      const message = next?.encode();
      if (message !== undefined) this.#outlet.write(message);
      units += (message?.octets.length ?? 0) >> 10;
      next?.written();
    } catch (error) {
      // It fails its own stream, and not the one that happens to be written for.
      next?.failed(error);
    }
    this.#units += units;
    this.#turns.spend(units);
  }
}
