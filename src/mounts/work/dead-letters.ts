/** Owns the dead letters of one queue on their way: offered to their destination, and again after a while where it refuses them. */
import { Deadline } from '../../foundation/index.js';
import type { DeadlineWheel, Log, Metrics } from '../../foundation/index.js';
import type { Message } from '../../message/index.js';
import type { KeptMessage } from './kept-messages.js';
import { deadLetterOf, type ReturnReason } from './redelivery.js';

/** Time until a dead letter that was refused is offered again, at most 250 ms late. */
export const DEAD_LETTER_RETRY_MS = 10_000;
/** Refusals that end a round; the others have their turn in the next one, so that no round holds up the server. */
const MAX_REFUSALS_OF_ROUND = 100;

export interface DeadLettersParts {
  readonly deadlines: DeadlineWheel;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Sends a message in the server's own name. */
  readonly sendDeadLetter: (destination: string, message: Message) => Promise<unknown>;
}

interface DeadLetter {
  readonly kept: KeptMessage;
  readonly deadLetter: string;
  readonly reason: ReturnReason;
}

/** A refused one goes to no consumer again: it would come back at once, and be refused again. */
export class DeadLetters {
  readonly #queue: string;
  readonly #parts: DeadLettersParts;
  readonly #accepted: (kept: KeptMessage) => void;
  readonly #retry = new Deadline(() => {
    this.#offerAgain().catch((error: unknown) => this.#failed(error));
  });
  readonly #refused = new Set<DeadLetter>();
  /** While a round is on its way, or awaited; the first refusal of each is logged. */
  #isRetryDue = false;
  #isClosed = false;

  /** `accepted` is told of each message that its dead-letter destination has taken. */
  constructor(queue: string, parts: DeadLettersParts, accepted: (kept: KeptMessage) => void) {
    this.#queue = queue;
    this.#parts = parts;
    this.#accepted = accepted;
  }

  /** Offers it until it is taken. */
  add(kept: KeptMessage, deadLetter: string, reason: ReturnReason): void {
    kept.state = 'leaving';
    this.#offer({ kept, deadLetter, reason }).catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    this.#parts.log.error('a dead letter could not be offered', { error });
  }

  close(): void {
    this.#isClosed = true;
    this.#parts.deadlines.clear(this.#retry);
    this.#refused.clear();
  }

  /** Whether it was taken. */
  async #offer(letter: DeadLetter): Promise<boolean> {
    const { kept, deadLetter, reason } = letter;
    try {
      await this.#parts.sendDeadLetter(deadLetter, deadLetterOf(kept, reason));
    } catch (error) {
      this.#wasRefused(letter, error);
      return false;
    }
    this.#parts.metrics.count('work_dead_letters', { reason });
    if (!this.#isClosed) this.#accepted(kept);
    return true;
  }

  #wasRefused(letter: DeadLetter, error: unknown): void {
    this.#parts.metrics.count('work_dead_letters_refused');
    if (this.#isClosed) return;
    this.#refused.add(letter);
    if (this.#isRetryDue) return;
    this.#isRetryDue = true;
    this.#parts.deadlines.set(this.#retry, DEAD_LETTER_RETRY_MS);
    this.#parts.log.error('a dead letter was refused; it is offered again', {
      destination: this.#queue,
      deadLetter: letter.deadLetter,
      inMs: DEAD_LETTER_RETRY_MS,
      error,
    });
  }

  /** One after another, those that waited longest first. */
  async #offerAgain(): Promise<void> {
    this.#isRetryDue = false;
    let refusalCount = 0;
    // What is refused once more joins them behind, for the next round.
    const round = [...this.#refused];
    for (const letter of round) {
      if (this.#isClosed || refusalCount >= MAX_REFUSALS_OF_ROUND) return;
      this.#refused.delete(letter);
      if (!(await this.#offer(letter))) refusalCount += 1;
    }
  }
}
