/** Owns how many connections there may be: of all, of one address, without a session; and how often an address may connect. */
import {
  Disconnect,
  randomFraction,
  type Clock,
  type Metrics,
  type Random,
} from '../foundation/index.js';
import { ConnectRate } from './connect-rate.js';
import type { Connection, Peer } from './connection.js';
import type { SessionEvents } from './session-events.js';

/** Looked at before a handshake costs anything. */
export interface AdmissionLimits {
  /** Connections at the same time; one more is refused with 503. Default 100,000. */
  readonly maxConnectionCount: number;
  /**
   * Connections of one IPv4 address, or of one /64 of IPv6; one more is refused with 429. Loopback and trusted proxies have no
   * such limit, because their address is many people's. Default 5,000.
   */
  readonly maxConnectionsPerAddress: number;
  /**
   * Connections whose session is not open yet. One more ends the one that has been silent for the longest, where that is two seconds
   * or more; otherwise it is refused with 503. As many sockets may not have sent a request yet: one more ends the oldest.
   * Default 10,000.
   */
  readonly maxUnauthenticatedConnectionCount: number;
  /**
   * Connects of one address (see `maxConnectionsPerAddress`), with twice that at once; beyond it they are refused with 429.
   * 0 turns it off. Default 100.
   */
  readonly maxConnectsPerSecond: number;
  /** Addresses whose connects are counted one by one; those beyond it share what one may do. Default 100,000. */
  readonly maxTrackedAddressCount: number;
}

export const DEFAULT_ADMISSION_LIMITS: AdmissionLimits = {
  maxConnectionCount: 100_000,
  maxConnectionsPerAddress: 5_000,
  maxUnauthenticatedConnectionCount: 10_000,
  maxConnectsPerSecond: 100,
  maxTrackedAddressCount: 100_000,
};

/** Why a connection is not taken, as HTTP says it. */
export interface Refusal {
  readonly limit: keyof AdmissionLimits;
  /** 429: its address has its share. 503: the server has what it can take. */
  readonly status: 429 | 503;
  /** In words, for whoever connects. */
  readonly message: string;
  /** For `Retry-After`: differs from refusal to refusal, so that those who were refused together do not come back together. */
  readonly retryAfterSeconds: number;
}

/** A shorter silence is the way of the first message, or its wait for a turn: nobody is ended for it. */
const MIN_SILENCE_MS = 2_000;
const MIN_RETRY_SECONDS = 1;
const RETRY_JITTER_SECONDS = 10;

export interface AdmissionEnvironment {
  readonly limits: AdmissionLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Who is told why a connection was ended. Nobody when left out. */
  readonly events?: SessionEvents;
}

/** One for all doors of a server. A refusal leaves nothing behind but the token that it took. */
export class Admission {
  readonly #environment: AdmissionEnvironment;
  readonly #rate: ConnectRate;
  #connectionCount = 0;
  /** Of addresses with at least one. */
  readonly #countOf = new Map<string, number>();
  /** Connections that have said nothing yet, and since when: the one that came first is the first. */
  readonly #silent = new Map<Connection, number>();
  /** Connections that have asked for a session which is not open yet. */
  readonly #asking = new Set<Connection>();

  constructor(environment: AdmissionEnvironment) {
    this.#environment = environment;
    const { maxConnectsPerSecond, maxTrackedAddressCount } = environment.limits;
    this.#rate = new ConnectRate(environment.clock, maxConnectsPerSecond, maxTrackedAddressCount);
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  /** Connections without an open session. */
  get unauthenticatedCount(): number {
    return this.#silent.size + this.#asking.size;
  }

  /** Addresses whose connects are counted one by one now. */
  get trackedAddressCount(): number {
    return this.#rate.trackedCount;
  }

  /** To be asked before anything is done for a peer: why it may not connect now, or undefined. Counts as a connect of its address. */
  refusalOf({ share }: Peer): Refusal | undefined {
    const refusal =
      (share === undefined ? undefined : this.#shareRefusal(share)) ?? this.#ownRefusal();
    if (refusal !== undefined) this.#count(refusal.limit);
    return refusal;
  }

  /** There is a connection; it was asked for before. */
  arrived(connection: Connection): void {
    this.#connectionCount += 1;
    const { share } = connection.handshake.peer;
    if (share !== undefined) this.#countOf.set(share, (this.#countOf.get(share) ?? 0) + 1);
    this.#silent.set(connection, this.#environment.clock.monotonicMs());
    this.#tell();
  }

  /** It asks for a session, and whether it gets one is being found out. */
  asks(connection: Connection): void {
    if (this.#silent.delete(connection)) this.#asking.add(connection);
  }

  /** Its session is open. */
  opened(connection: Connection): void {
    this.#silent.delete(connection);
    this.#asking.delete(connection);
    this.#tell();
  }

  /** It has ended; to be told once of each that arrived. */
  ended(connection: Connection): void {
    this.#connectionCount -= 1;
    const { share } = connection.handshake.peer;
    if (share !== undefined) {
      const left = (this.#countOf.get(share) ?? 0) - 1;
      if (left > 0) this.#countOf.set(share, left);
      else this.#countOf.delete(share);
    }
    this.opened(connection);
  }

  #shareRefusal(share: string): Refusal | undefined {
    const { maxConnectionsPerAddress, maxConnectsPerSecond } = this.#environment.limits;
    const waitMs = this.#rate.take(share);
    if (waitMs > 0) {
      // Whose fault it is that he shares a bucket, nobody can say.
      if (this.#rate.isFull) this.#count('maxTrackedAddressCount');
      const message = `one address may connect ${maxConnectsPerSecond} times a second`;
      return this.#refusal('maxConnectsPerSecond', 429, message, waitMs);
    }
    if ((this.#countOf.get(share) ?? 0) < maxConnectionsPerAddress) return undefined;
    const message = `one address may have ${maxConnectionsPerAddress} connections`;
    return this.#refusal('maxConnectionsPerAddress', 429, message);
  }

  #ownRefusal(): Refusal | undefined {
    const { maxConnectionCount, maxUnauthenticatedConnectionCount } = this.#environment.limits;
    const message = 'the server has as many connections as it takes; come back later';
    if (this.#connectionCount >= maxConnectionCount) {
      return this.#refusal('maxConnectionCount', 503, message);
    }
    const isFull = this.unauthenticatedCount >= maxUnauthenticatedConnectionCount;
    if (!isFull || this.#endSilent()) return undefined;
    return this.#refusal('maxUnauthenticatedConnectionCount', 503, message);
  }

  /** Ends the connection that has been silent for the longest; answers whether there was one to end. */
  #endSilent(): boolean {
    const [oldest] = this.#silent;
    if (oldest === undefined) return false;
    const [connection, sinceMs] = oldest;
    if (this.#environment.clock.monotonicMs() - sinceMs < MIN_SILENCE_MS) return false;
    this.#count('maxUnauthenticatedConnectionCount');
    this.#silent.delete(connection);
    const error = new Disconnect(
      'session/connect-timeout',
      'nothing came, and others wait for the place',
    );
    this.#environment.events?.ending(connection, error);
    // A closing handshake would be one more thing that a silent peer can wait for.
    connection.destroy();
    return true;
  }

  #refusal(
    limit: keyof AdmissionLimits,
    status: 429 | 503,
    message: string,
    waitMs: number = 0,
  ): Refusal {
    const jitter = randomFraction(this.#environment.random) * RETRY_JITTER_SECONDS;
    const retryAfterSeconds = Math.ceil(MIN_RETRY_SECONDS + waitMs / 1000 + jitter);
    return { limit, status, message: `${message} (${limit})`, retryAfterSeconds };
  }

  #count(limit: keyof AdmissionLimits): void {
    this.#environment.metrics.count('limit_reached', { limit });
  }

  #tell(): void {
    this.#environment.metrics.gauge('connections_unauthenticated', this.unauthenticatedCount);
  }
}
