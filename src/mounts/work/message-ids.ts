/** Owns the message ids that a queue remembers, so that a repeated one is answered and not kept again (semantics S8). */
import { Ring } from '../../foundation/index.js';
import type { Clock } from '../../foundation/index.js';

interface RememberedId {
  readonly messageId: string;
  readonly offset: number;
  readonly atMs: number;
}

/** How long an id is remembered, as a stream in memory does it. */
const WINDOW_MS = 300_000;
/** Ids of one queue; the oldest are forgotten beyond it. */
const MAX_COUNT = 10_000;

export class MessageIds {
  readonly #clock: Clock;
  readonly #offsets = new Map<string, number>();
  readonly #remembered = new Ring<RememberedId>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where the message of that id went, within the window. */
  offsetOf(messageId: string): number | undefined {
    this.#forget();
    return this.#offsets.get(messageId);
  }

  remember(messageId: string, offset: number): void {
    this.#offsets.set(messageId, offset);
    this.#remembered.push({ messageId, offset, atMs: this.#clock.monotonicMs() });
    this.#forget();
  }

  /** Time until the last id is forgotten; 0 when there is none. */
  get lastForMs(): number {
    this.#forget();
    const last = this.#remembered.at(this.#remembered.head - 1);
    return last === undefined ? 0 : last.atMs + WINDOW_MS - this.#clock.monotonicMs();
  }

  #forget(): void {
    const nowMs = this.#clock.monotonicMs();
    let oldest = this.#remembered.at(this.#remembered.tail);
    while (oldest !== undefined) {
      const isOver = nowMs >= oldest.atMs + WINDOW_MS;
      if (!isOver && this.#remembered.size <= MAX_COUNT) return;
      this.#remembered.shift();
      this.#offsets.delete(oldest.messageId);
      oldest = this.#remembered.at(this.#remembered.tail);
    }
  }
}
