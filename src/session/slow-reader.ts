/** Owns what waits for one session whose client reads slowly: how much that may be, alone and together with the others. */
import {
  Disconnect,
  type HeldTotal,
  type Holder,
  type Metrics,
  type Owner,
} from '../foundation/index.js';
import type { Batch } from './batch.js';
import type { Connection } from './connection.js';

/** What slow readers share. */
export interface OutboundBounds {
  readonly limits: { readonly maxOutboundBytes: number };
  readonly metrics: Metrics;
  /** What waits for those that read slowly, of all sessions. */
  readonly outbound: HeldTotal;
}

/** Whose it is. */
export interface ReadingSession {
  readonly connection: Connection;
  readonly owner: Owner;
  readonly isEnded: boolean;
  disconnect(error: Disconnect): void;
}

/** Writes a large delivery: where it makes its reader slow nothing else may come, so it counts now. */
export function writeLarge(
  connection: Connection,
  { maxBufferedBytes }: { readonly maxBufferedBytes: number },
  batch: Batch,
  write: () => void,
  slow: () => SlowReader,
): void {
  const before = connection.bufferedBytes;
  batch.lastReaderCount = 1;
  write();
  const { bufferedBytes, isOpen } = connection;
  if (bufferedBytes <= maxBufferedBytes || !isOpen) return;
  slow().delivered(Math.max(0, bufferedBytes - before), batch.lastReaderCount);
}

/** Made for a session once something waits for it. */
export class SlowReader implements Holder {
  readonly #bounds: OutboundBounds;
  readonly #session: ReadingSession;
  /** Octets of what waits that count for others, who were given them before. */
  #sharedBytes = 0;
  /** An n-th part of them counts here in any case. */
  #readerCount = 1;

  constructor(bounds: OutboundBounds, session: ReadingSession) {
    this.#bounds = bounds;
    this.#session = session;
  }

  /** To be called where something waits: too much ends the session. */
  check(): void {
    this.#count();
    if (this.#session.connection.bufferedBytes > this.#bounds.limits.maxOutboundBytes) {
      this.#end('maxOutboundBytes', 'for this connection');
    }
  }

  /** So many octets wait since a delivery, of which it is the how many-th reader: too much for all ends whoever is the slowest. */
  delivered(byteLength: number, readerCount: number): void {
    this.#sharedBytes = byteLength - byteLength / readerCount;
    this.#readerCount = readerCount;
    this.#count();
  }

  /** Nothing waits any more, or nobody for it. */
  caughtUp(): void {
    this.#sharedBytes = 0;
    this.#readerCount = 1;
    this.#bounds.outbound.release(this.#session.owner.share, this);
  }

  /** Too much waits for all, and it has waited for this one for the longest, or most of it is its share's. */
  letGo(): void {
    this.#end('maxTotalOutboundBytes', 'on this server');
    // It reads too slowly for a closing handshake, and what waits for it is to go now.
    this.#session.connection.destroy();
  }

  #count(): void {
    const { connection, owner } = this.#session;
    const { bufferedBytes } = connection;
    const ownBytes = Math.max(bufferedBytes - this.#sharedBytes, bufferedBytes / this.#readerCount);
    // Whole octets: of parts, a sum never comes back to nothing.
    this.#bounds.outbound.hold(owner.share, this, Math.ceil(ownBytes));
  }

  #end(limit: string, where: string): void {
    if (this.#session.isEnded) return;
    this.#bounds.metrics.count('limit_reached', { limit });
    const words = `too many octets wait ${where} (${limit})`;
    this.#session.disconnect(new Disconnect('session/slow-consumer', words));
  }
}
