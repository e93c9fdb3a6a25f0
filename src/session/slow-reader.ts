/** Owns what waits for one session whose client reads slowly: how much that may be, alone and together with the others. */
import {
  Disconnect,
  type HeldTotal,
  type Holder,
  type Metrics,
  type Owner,
} from '../foundation/index.js';
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

/** Made for a session once something waits for it. */
export class SlowReader implements Holder {
  readonly #bounds: OutboundBounds;
  readonly #session: ReadingSession;

  constructor(bounds: OutboundBounds, session: ReadingSession) {
    this.#bounds = bounds;
    this.#session = session;
  }

  /** To be called where something waits: too much ends the session. */
  check(): void {
    const { connection, owner } = this.#session;
    const { bufferedBytes } = connection;
    this.#bounds.outbound.hold(owner.share, this, bufferedBytes);
    if (bufferedBytes > this.#bounds.limits.maxOutboundBytes) {
      this.#end('maxOutboundBytes', 'for this connection');
    }
  }

  /** Nothing waits any more, or nobody for it. */
  caughtUp(): void {
    this.#bounds.outbound.release(this.#session.owner.share, this);
  }

  /** Too much waits for all, and it has waited for this one for the longest, or most of it is its share's. */
  letGo(): void {
    this.#end('maxTotalOutboundBytes', 'on this server');
    // It reads too slowly for a closing handshake, and what waits for it is to go now.
    this.#session.connection.destroy();
  }

  #end(limit: string, where: string): void {
    if (this.#session.isEnded) return;
    this.#bounds.metrics.count('limit_reached', { limit });
    const words = `too many octets wait ${where} (${limit})`;
    this.#session.disconnect(new Disconnect('session/slow-consumer', words));
  }
}
