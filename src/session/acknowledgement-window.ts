/** Owns the bounded window of messages that a client has been sent and has not acknowledged yet (semantics K1, K2). */
import type { Publication } from '../message/index.js';
import { Batch } from './batch.js';
import type { Delivery, DeliverySink, DeliverySource } from './delivery.js';

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
  /** In the order of their delivery, by the id that the dialect gave them. */
  readonly #unacknowledged = new Map<string, Publication>();
  /** Pulled, beyond what the window has room for. */
  #held: readonly Publication[] = [];

  constructor(source: DeliverySource, sink: DeliverySink, maxCount: number) {
    this.#source = source;
    this.#sink = sink;
    this.#maxCount = maxCount;
  }

  get unacknowledgedCount(): number {
    return this.#unacknowledged.size;
  }

  pull(maxBytes: number): Delivery | undefined {
    if (this.#unacknowledged.size >= this.#maxCount) this.#forgetTakenBack();
    const room = this.#maxCount - this.#unacknowledged.size;
    if (room <= 0) return undefined;
    if (this.#held.length > 0) {
      const publications = this.#held.slice(0, room);
      this.#held = this.#held.slice(room);
      return { kind: 'publications', batch: new Batch(publications) };
    }
    const delivery = this.#source.pull(maxBytes);
    if (delivery?.kind !== 'publications') return delivery;
    const { publications } = delivery.batch;
    if (publications.length <= room) return delivery;
    this.#held = publications.slice(room);
    return { kind: 'publications', batch: new Batch(publications.slice(0, room)) };
  }

  /** To be called for each publication as it is written to the client. */
  delivered(id: string, publication: Publication): void {
    // One that comes again is the newest: a cumulative word speaks of it by its last delivery.
    this.#unacknowledged.delete(id);
    this.#unacknowledged.set(id, publication);
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
    this.#unacknowledged.clear();
    this.#source.close();
  }

  /** What its source no longer waits for takes no room (semantics K4). */
  #forgetTakenBack(): void {
    if (this.#source.awaits === undefined) return;
    for (const [id, publication] of this.#unacknowledged) {
      if (!this.#source.awaits(publication)) this.#unacknowledged.delete(id);
    }
  }

  #settle(
    id: string,
    scope: AcknowledgementScope,
    settle: (publication: Publication) => void,
  ): boolean {
    const named = this.#unacknowledged.get(id);
    if (named === undefined) return false;
    const settled: [string, Publication][] =
      scope === 'one' ? [[id, named]] : upTo(this.#unacknowledged, id);
    for (const [settledId] of settled) this.#unacknowledged.delete(settledId);
    for (const [, publication] of settled) settle(publication);
    this.#sink.ready();
    return true;
  }
}

function upTo(
  publications: ReadonlyMap<string, Publication>,
  last: string,
): [string, Publication][] {
  const found: [string, Publication][] = [];
  for (const entry of publications) {
    found.push(entry);
    if (entry[0] === last) break;
  }
  return found;
}
