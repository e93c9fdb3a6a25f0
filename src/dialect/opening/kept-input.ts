/** Owns that what a dialect keeps of a connection, before it is an operation, counts in the sum of all connections. */
import { Disconnect, MIN_HELD_BYTES, type Holder } from '../../foundation/index.js';
import type { Connection } from '../../session/index.js';
import type { DialectEnvironment } from './environment.js';

/** What one part of a dialect keeps of one connection. */
export class KeptInput implements Holder {
  readonly #environment: DialectEnvironment;
  readonly #connection: Connection;
  readonly #refuse: (error: Disconnect) => void;
  #isCounted = false;

  /** `refuse` ends the connection: there is too much in all, and this has been kept for the longest, or its address keeps most. */
  constructor(
    environment: DialectEnvironment,
    connection: Connection,
    refuse: (error: Disconnect) => void,
  ) {
    this.#environment = environment;
    this.#connection = connection;
    this.#refuse = refuse;
  }

  /** It keeps so many octets now. */
  keeps(byteLength: number): void {
    if (byteLength < MIN_HELD_BYTES) return this.keepsNothing();
    this.#isCounted = true;
    this.#environment.unfinished.hold(this.#share, this, byteLength);
  }

  keepsNothing(): void {
    if (this.#isCounted) this.#environment.unfinished.release(this.#share, this);
    this.#isCounted = false;
  }

  letGo(): void {
    this.#isCounted = false;
    this.#environment.session.metrics.count('limit_reached', { limit: 'maxTotalUnfinishedBytes' });
    this.#refuse(
      new Disconnect(
        'server/overloaded',
        'too much that is not complete waits on this server (maxTotalUnfinishedBytes); come back',
      ),
    );
  }

  get #share(): string {
    return this.#connection.handshake.peer.share ?? '';
  }
}
