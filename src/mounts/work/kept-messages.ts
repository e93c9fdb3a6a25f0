/** Owns the messages that one queue keeps, in memory: which wait, in which order, and what they cost. */
import { Ring, SERVER_OWNER } from '../../foundation/index.js';
import type { Publication } from '../../message/index.js';
import type { KeptTotal } from './kept-total.js';

/** `leaving`: on its way to its dead-letter destination. */
export type KeptState = 'waiting' | 'handed' | 'leaving' | 'done';

/** One message from its arrival until it is done. */
export interface KeptMessage {
  readonly publication: Publication;
  readonly bytes: number;
  readonly offset: number;
  state: KeptState;
  deliveryCount: number;
  /** The instant of the last delivery, on the monotonic clock. */
  handedAtMs: number;
}

/** Measured on Node 20: the entry, its place in a ring that has grown, and where its queue and its consumer know it while it is out. */
const BYTES_BESIDE_PUBLICATION = 300;

/** What keeping a message costs, bookkeeping included. */
export function keptBytes(publication: Publication): number {
  return publication.retainedBytes + BYTES_BESIDE_PUBLICATION;
}

/** Pushes after which an emptied ring is thrown away: a burst must not keep its room for ever. */
const MAX_RING_USES = 1_024;

export class KeptMessages {
  readonly #total: KeptTotal;
  #arrived = new Ring<KeptMessage>();
  /** Those that came back: they are next (semantics K3). */
  #returned = new Ring<KeptMessage>();
  #count = 0;
  #bytes = 0;
  readonly #bytesByShare = new Map<string, number>();
  #waitingCount = 0;

  constructor(total: KeptTotal) {
    this.#total = total;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hasWaiting(): boolean {
    return this.#waitingCount > 0;
  }

  add(publication: Publication, offset: number): void {
    const bytes = keptBytes(publication);
    this.#count += 1;
    this.#waitingCount += 1;
    this.#addBytes(publication, bytes);
    this.#arrived.push({
      publication,
      bytes,
      offset,
      state: 'waiting',
      deliveryCount: 0,
      handedAtMs: 0,
    });
  }

  /** Takes the next one that waits and counts its delivery; it stays kept. */
  take(nowMs: number): KeptMessage | undefined {
    const kept = this.#next();
    if (kept === undefined) return undefined;
    this.#waitingCount -= 1;
    kept.state = 'handed';
    kept.deliveryCount += 1;
    kept.handedAtMs = nowMs;
    return kept;
  }

  putBack(kept: KeptMessage): void {
    kept.state = 'waiting';
    this.#waitingCount += 1;
    this.#returned.push(kept);
  }

  /** It is kept no more, whatever its state. */
  remove(kept: KeptMessage): void {
    if (kept.state === 'done') return;
    if (kept.state === 'waiting') this.#waitingCount -= 1;
    kept.state = 'done';
    this.#count -= 1;
    this.#addBytes(kept.publication, -kept.bytes);
  }

  /** Forgets all. */
  clear(): void {
    for (const [share, bytes] of this.#bytesByShare) this.#total.add(share, -bytes);
    this.#bytesByShare.clear();
    this.#count = this.#bytes = this.#waitingCount = 0;
    this.#arrived = new Ring();
    this.#returned = new Ring();
  }

  #addBytes({ owner = SERVER_OWNER }: Publication, bytes: number): void {
    const { share } = owner;
    this.#bytes += bytes;
    const ownBytes = (this.#bytesByShare.get(share) ?? 0) + bytes;
    if (ownBytes > 0) this.#bytesByShare.set(share, ownBytes);
    else this.#bytesByShare.delete(share);
    this.#total.add(share, bytes);
  }

  #next(): KeptMessage | undefined {
    if (isWornOut(this.#arrived)) this.#arrived = new Ring();
    if (isWornOut(this.#returned)) this.#returned = new Ring();
    for (;;) {
      const kept = this.#returned.shift() ?? this.#arrived.shift();
      // One that was done while it waited is still in its ring.
      if (kept === undefined || kept.state === 'waiting') return kept;
    }
  }
}

function isWornOut(ring: Ring<KeptMessage>): boolean {
  return ring.size === 0 && ring.tail >= MAX_RING_USES;
}
