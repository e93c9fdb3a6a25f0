/** Owns the message ids that one stream or queue remembers, each of the owner that gave it (semantics S8). */
import { Ring, type Owner } from '../foundation/index.js';

interface RememberedId {
  readonly key: string;
  readonly owner: Owner;
  readonly offset: number;
  readonly atMs: number;
  /** In the order in which ids came. */
  readonly place: number;
}

export interface MessageIdBounds {
  /** Ids that were given at this instant or before it are over. */
  readonly overAtMs: number;
  readonly maxCount: number;
}

/** Is told what ids cost their owners, and with a negative number what they no longer cost. */
export type ChargeOwner = (owner: Owner, bytes: number) => void;

/** Measured on Node 20 with ids of 36 characters: 334 beside them in all, places in map and ring included. */
const BYTES_BESIDE_ID = 300;
/** Ids that are forgotten in one go: many may be over at once. */
const MAX_FORGOTTEN = 256;

/** Octets that an id takes while it is remembered. */
export function messageIdBytes(owner: Owner, messageId: string): number {
  return bytesOfKey(keyOf(owner, messageId));
}

/** The oldest are over first. */
export class RememberedIds {
  readonly #charge: ChargeOwner;
  readonly #byKey = new Map<string, RememberedId>();
  #remembered = new Ring<RememberedId>();

  constructor(charge: ChargeOwner) {
    this.#charge = charge;
  }

  get count(): number {
    return this.#remembered.size;
  }

  /** When the oldest and the newest of them came; undefined when there is none. */
  get oldestAtMs(): number | undefined {
    return this.#remembered.at(this.#remembered.tail)?.atMs;
  }

  get newestAtMs(): number | undefined {
    return this.#remembered.at(this.#remembered.head - 1)?.atMs;
  }

  /** Where the message with that id of that owner went. */
  offsetOf(owner: Owner, messageId: string, bounds: MessageIdBounds): number | undefined {
    this.forget(bounds);
    const known = this.#byKey.get(keyOf(owner, messageId));
    // More may be over than are forgotten in one go.
    return known === undefined || this.#isOver(known, bounds) ? undefined : known.offset;
  }

  remember(
    owner: Owner,
    messageId: string,
    offset: number,
    atMs: number,
    bounds: MessageIdBounds,
  ): void {
    const key = keyOf(owner, messageId);
    const remembered = { key, owner, offset, atMs, place: this.#remembered.head };
    this.#byKey.set(key, remembered);
    this.#remembered.push(remembered);
    this.#charge(owner, bytesOfKey(key));
    this.forget(bounds);
  }

  /** Forgets what is over, a bounded part of it; answers how many. */
  forget(bounds: MessageIdBounds): number {
    let count = 0;
    let oldest = this.#remembered.at(this.#remembered.tail);
    while (oldest !== undefined && count < MAX_FORGOTTEN && this.#isOver(oldest, bounds)) {
      this.#remembered.shift();
      // It may have been given again, once it was over and not yet forgotten.
      if (this.#byKey.get(oldest.key) === oldest) this.#byKey.delete(oldest.key);
      this.#charge(oldest.owner, -bytesOfKey(oldest.key));
      count += 1;
      oldest = this.#remembered.at(this.#remembered.tail);
    }
    return count;
  }

  /** Forgets all. */
  clear(): void {
    for (let next = this.#remembered.shift(); next !== undefined; next = this.#remembered.shift()) {
      this.#charge(next.owner, -bytesOfKey(next.key));
    }
    this.#byKey.clear();
    this.#remembered = new Ring();
  }

  #isOver({ atMs, place }: RememberedId, { overAtMs, maxCount }: MessageIdBounds): boolean {
    return atMs <= overAtMs || this.#remembered.head - place > maxCount;
  }
}

/** No other owner and message id make the same. */
function keyOf({ id }: Owner, messageId: string): string {
  return `${id.length}:${id}${messageId}`;
}

function bytesOfKey(key: string): number {
  return 2 * key.length + BYTES_BESIDE_ID;
}
