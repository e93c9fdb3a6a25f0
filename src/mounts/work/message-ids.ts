/** Owns the message ids that a queue remembers, so that a repeated one is answered and not kept again (semantics S8). */
import { Deadline, Ring } from '../../foundation/index.js';
import type { Clock, DeadlineWheel } from '../../foundation/index.js';
import type { KeptTotal } from './kept-messages.js';

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

interface RememberedId {
  readonly messageId: string;
  readonly offset: number;
  readonly atMs: number;
}

/** What an id costs beside its characters, generously: its entry, its places in map and ring. */
const BYTES_BESIDE_ID = 150;

/** Octets that an id takes while it is remembered. */
export function messageIdBytes(messageId: string): number {
  return 2 * messageId.length + BYTES_BESIDE_ID;
}

export class MessageIds {
  readonly #parts: MessageIdsParts;
  readonly #offsets = new Map<string, number>();
  #remembered = new Ring<RememberedId>();
  #bytes = 0;
  /** Also where nobody asks for them: ids that are over must not take the room of others. */
  readonly #over = new Deadline(() => this.#watchOldest());
  #isWatched = false;

  constructor(parts: MessageIdsParts) {
    this.#parts = parts;
  }

  /** Where the message of that id went, within the window. */
  offsetOf(messageId: string): number | undefined {
    this.#forget();
    return this.#offsets.get(messageId);
  }

  remember(messageId: string, offset: number): void {
    this.#offsets.set(messageId, offset);
    this.#remembered.push({ messageId, offset, atMs: this.#parts.clock.monotonicMs() });
    this.#addBytes(messageIdBytes(messageId));
    this.#forget();
    if (!this.#isWatched) this.#watchOldest();
  }

  /** Time until the last id is forgotten; 0 when there is none. */
  get lastForMs(): number {
    this.#forget();
    return this.#leftMs(this.#remembered.at(this.#remembered.head - 1));
  }

  /** Forgets all. */
  clear(): void {
    this.#parts.deadlines.clear(this.#over);
    this.#addBytes(-this.#bytes);
    this.#offsets.clear();
    this.#remembered = new Ring();
  }

  #leftMs(remembered: RememberedId | undefined): number {
    if (remembered === undefined) return 0;
    const { messageIdWindowMs } = this.#parts.settings();
    return remembered.atMs + messageIdWindowMs - this.#parts.clock.monotonicMs();
  }

  #watchOldest(): void {
    this.#forget();
    const leftMs = this.#leftMs(this.#remembered.at(this.#remembered.tail));
    this.#isWatched = leftMs > 0;
    if (this.#isWatched) this.#parts.deadlines.set(this.#over, leftMs);
  }

  #forget(): void {
    const { messageIdWindowMs, maxMessageIdCount } = this.#parts.settings();
    const overAtMs = this.#parts.clock.monotonicMs() - messageIdWindowMs;
    let oldest = this.#remembered.at(this.#remembered.tail);
    while (oldest !== undefined) {
      if (oldest.atMs > overAtMs && this.#remembered.size <= maxMessageIdCount) return;
      this.#remembered.shift();
      this.#offsets.delete(oldest.messageId);
      this.#addBytes(-messageIdBytes(oldest.messageId));
      oldest = this.#remembered.at(this.#remembered.tail);
    }
  }

  #addBytes(bytes: number): void {
    this.#bytes += bytes;
    this.#parts.total.bytes += bytes;
  }
}
