/** Owns the bounded window of messages that a client has been sent and has not acknowledged yet (semantics K1, K2). */
import type { Publication } from '../message/index.js';
import { Batch } from './batch.js';
import type { Delivery, DeliverySink, DeliverySource } from './delivery.js';
import { UnacknowledgedTotal } from './unacknowledged-total.js';

/** Whether an acknowledgement speaks of one message, or of all up to it. */
export type AcknowledgementScope = 'one' | 'cumulative';

/**
 * Stands between a source and its session. While the window is full nothing is pulled, so the reader stands still;
 * a source that keeps its messages is told of each acknowledgement.
 */
export class AcknowledgementWindow implements DeliverySource {
  readonly #source: DeliverySource;
  readonly #sink: DeliverySink;
  readonly #maxCount: number;
  readonly #total: UnacknowledgedTotal;
  /**
   * In the order of their delivery, by the id that the dialect gave them. The publications themselves are held only where the
   * source keeps them too: a client that never acknowledges must not keep alive what a log has let go.
   */
  readonly #unacknowledged = new Map<string, Publication | undefined>();
  readonly #isKept: boolean;
  /** Pulled, beyond what the window has room for, from a source that could not be told how much that is. */
  #held: readonly Publication[] = [];

  /** `total` is what all windows of the session share. */
  constructor(
    source: DeliverySource,
    sink: DeliverySink,
    maxCount: number,
    total: UnacknowledgedTotal = new UnacknowledgedTotal(Infinity),
  ) {
    this.#total = total;
    this.#source = source;
    this.#sink = sink;
    this.#maxCount = maxCount;
    this.#isKept = source.acknowledge !== undefined || source.reject !== undefined;
  }

  get unacknowledgedCount(): number {
    return this.#unacknowledged.size;
  }

  pull(maxBytes: number): Delivery | undefined {
    if (this.#unacknowledged.size >= this.#maxCount) this.#forgetTakenBack();
    const ownRoom = this.#maxCount - this.#unacknowledged.size;
    if (ownRoom <= 0) return undefined;
    const room = Math.min(ownRoom, this.#total.room);
    if (room === 0) {
      this.#total.wait(this.#sink);
      return undefined;
    }
    if (this.#held.length > 0) {
      const publications = this.#held.slice(0, room);
      this.#held = this.#held.slice(room);
      return { kind: 'publications', batch: new Batch(publications) };
    }
    const delivery = this.#source.pull(maxBytes, room);
    if (delivery?.kind !== 'publications') return delivery;
    const { publications } = delivery.batch;
    if (publications.length <= room) return delivery;
    this.#held = publications.slice(room);
    return { kind: 'publications', batch: new Batch(publications.slice(0, room)) };
  }

  /** To be called for each publication as it is written to the client. */
  delivered(id: string, publication: Publication): void {
    // One that comes again is the newest: a cumulative word speaks of it by its last delivery.
    if (!this.#unacknowledged.delete(id)) this.#total.add(1);
    this.#unacknowledged.set(id, this.#isKept ? publication : undefined);
  }

  /** Whether that id was waiting. */
  acknowledged(id: string, scope: AcknowledgementScope): boolean {
    return this.#settle(id, scope, (publication) => this.#source.acknowledge?.(publication));
  }

  /** Whether that id was waiting. */
  rejected(id: string, scope: AcknowledgementScope): boolean {
    return this.#settle(id, scope, (publication) => this.#source.reject?.(publication));
  }

  close(): void {
    this.#held = [];
    const { size } = this.#unacknowledged;
    this.#unacknowledged.clear();
    this.#total.forget(this.#sink);
    try {
      this.#source.close();
    } finally {
      this.#total.remove(size);
    }
  }

  /** What its source no longer waits for takes no room (semantics K4). */
  #forgetTakenBack(): void {
    if (this.#source.awaits === undefined) return;
    for (const [id, publication] of this.#unacknowledged) {
      const isTakenBack = publication !== undefined && !this.#source.awaits(publication);
      if (!isTakenBack) continue;
      this.#unacknowledged.delete(id);
      this.#total.remove(1);
    }
  }

  #settle(
    id: string,
    scope: AcknowledgementScope,
    settle: (publication: Publication) => void,
  ): boolean {
    if (!this.#unacknowledged.has(id)) return false;
    const settledIds = scope === 'one' ? [id] : upTo(this.#unacknowledged.keys(), id);
    const settled = settledIds.map((settledId) => this.#unacknowledged.get(settledId));
    for (const settledId of settledIds) this.#unacknowledged.delete(settledId);
    this.#total.remove(settledIds.length);
    for (const publication of settled) if (publication !== undefined) settle(publication);
    this.#sink.ready();
    return true;
  }
}

function upTo(ids: Iterable<string>, last: string): string[] {
  const found: string[] = [];
  for (const id of ids) {
    found.push(id);
    if (id === last) break;
  }
  return found;
}
