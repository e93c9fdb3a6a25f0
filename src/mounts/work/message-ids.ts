/** Owns when the message ids that a queue remembers are over, so that they take no room of others (semantics S8). */
import { Deadline } from '../../foundation/index.js';
import type { Clock, DeadlineWheel, Owner } from '../../foundation/index.js';
import { RememberedIds, type MessageIdBounds } from '../../streams/index.js';
import type { KeptTotal } from './kept-total.js';

/** How long ids are remembered, and how many of one queue: settings of its work rule. */
export interface MessageIdSettings {
  readonly messageIdWindowMs: number;
  readonly maxMessageIdCount: number;
}

export interface MessageIdsParts {
  readonly clock: Clock;
  readonly deadlines: DeadlineWheel;
  /** Ids take room in it as long as they are remembered. */
  readonly total: KeptTotal;
  readonly settings: () => MessageIdSettings;
}

export class MessageIds {
  readonly #parts: MessageIdsParts;
  readonly #ids: RememberedIds;
  /** Also where nobody asks for them. */
  readonly #over = new Deadline(() => this.#watchOldest());
  #isWatched = false;

  constructor(parts: MessageIdsParts) {
    this.#parts = parts;
    this.#ids = new RememberedIds(({ share }, bytes) => parts.total.add(share, bytes));
  }

  /** Where the message of that id of that owner went, within the window. */
  offsetOf(owner: Owner, messageId: string): number | undefined {
    return this.#ids.offsetOf(owner, messageId, this.#bounds());
  }

  remember(owner: Owner, messageId: string, offset: number): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#ids.remember(owner, messageId, offset, nowMs, this.#bounds());
    if (!this.#isWatched) this.#watchOldest();
  }

  /** Time until the last id is forgotten; 0 when there is none. */
  get lastForMs(): number {
    return this.#leftMs(this.#ids.newestAtMs);
  }

  /** Forgets all. */
  clear(): void {
    this.#parts.deadlines.clear(this.#over);
    this.#ids.clear();
  }

  #leftMs(atMs: number | undefined): number {
    if (atMs === undefined) return 0;
    const { messageIdWindowMs } = this.#parts.settings();
    return Math.max(0, atMs + messageIdWindowMs - this.#parts.clock.monotonicMs());
  }

  #watchOldest(): void {
    this.#ids.forget(this.#bounds());
    this.#isWatched = this.#ids.count > 0;
    if (!this.#isWatched) return;
    this.#parts.deadlines.set(this.#over, this.#leftMs(this.#ids.oldestAtMs));
  }

  #bounds(): MessageIdBounds {
    const { messageIdWindowMs, maxMessageIdCount } = this.#parts.settings();
    const overAtMs = this.#parts.clock.monotonicMs() - messageIdWindowMs;
    return { overAtMs, maxCount: maxMessageIdCount };
  }
}
