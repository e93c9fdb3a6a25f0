/** Owns one consumer of a queue: what its session pulls, and what it was handed and has not settled. */
import type { Publication } from '../../message/index.js';
import { Batch } from '../../session/index.js';
import type { Delivery, DeliverySink, DeliverySource } from '../../session/index.js';
import type { KeptMessage } from './kept-messages.js';

/** What a consumer asks of its queue. */
export interface ConsumerQueue {
  /** The next message, handed to that consumer; undefined when none waits, and then it is told of the next. */
  hand(consumer: WorkConsumer): Publication | undefined;
  acknowledged(consumer: WorkConsumer, kept: KeptMessage): void;
  rejected(consumer: WorkConsumer, kept: KeptMessage): void;
  /** Whether that consumer has it: nobody has taken it back. */
  isWith(consumer: WorkConsumer, kept: KeptMessage): boolean;
  left(consumer: WorkConsumer): void;
}

/** A source that gives one message at a time, so that the others have their turns (semantics K3). */
export class WorkConsumer implements DeliverySource {
  /** Whether the client acknowledges; otherwise what is handed over is done (semantics K5). */
  readonly isAcknowledging: boolean;
  /** What it was handed and has not settled, by offset; also what was taken back, until its place is needed. */
  readonly handed: Map<number, KeptMessage> = new Map();
  /** Whether it gets nothing more in this turn. Belongs to the queue. */
  isResting: boolean = false;
  readonly #queue: ConsumerQueue;
  readonly #sink: DeliverySink;
  #isClosed = false;

  constructor(queue: ConsumerQueue, sink: DeliverySink, isAcknowledging: boolean) {
    this.#queue = queue;
    this.#sink = sink;
    this.isAcknowledging = isAcknowledging;
  }

  /** There is something to pull, or room where there was none. */
  tell(): void {
    this.#sink.ready();
  }

  pull(): Delivery | undefined {
    const publication = this.#queue.hand(this);
    if (publication === undefined) return undefined;
    // The last for now: it is told again when its turn comes.
    return { kind: 'publications', batch: new Batch([publication]), isLast: true };
  }

  acknowledge({ offset = -1 }: Publication): void {
    const kept = this.handed.get(offset);
    if (kept === undefined) return;
    this.handed.delete(offset);
    this.#queue.acknowledged(this, kept);
  }

  reject({ offset = -1 }: Publication): void {
    const kept = this.handed.get(offset);
    if (kept === undefined) return;
    this.handed.delete(offset);
    this.#queue.rejected(this, kept);
  }

  awaits({ offset = -1 }: Publication): boolean {
    const kept = this.handed.get(offset);
    if (kept === undefined) return false;
    if (this.#queue.isWith(this, kept)) return true;
    this.handed.delete(offset);
    return false;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.left(this);
  }
}
