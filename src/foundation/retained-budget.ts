/** Owns the budget of all octets that are kept beyond a turn: who holds how much, in which order room is made, and who is refused. */
import { NO_METRICS, type Metrics } from './metrics.js';
import { Shares } from './shares.js';

export const DEFAULT_MAX_RETAINED_BYTES = 536_870_912;

/**
 * What is let go of, in this order. `lingering`: rings that nobody reads. `history`: what is kept of streams that nobody follows, the
 * least recently used first. `followed-history`: the oldest of histories that somebody follows; `followed-ring`: of rings that somebody
 * reads, what readers were told of; both for who is within its part alone.
 */
export type ReleaseStage = 'lingering' | 'history' | 'followed-history' | 'followed-ring';

/** Lets go of about `bytes` of a share, or of anybody, in a bounded number of steps; answers how many octets are free now. */
export type Release = (bytes: number, share: string | undefined) => number;

/** Times that shares are asked to let go, for one that asks for room; what they have not freed then, the next message asks for. */
const MAX_RELEASES = 8;
/** The gauge moves in steps of this part of the budget: each message would be too often. */
const GAUGE_STEPS = 4_096;

/** Beyond `maxRetainedBytes` what stands first in `ReleaseStage` goes; then who is beyond its part gets no more. */
export class RetainedBudget {
  readonly #shares: Shares;
  readonly #metrics: Metrics;
  readonly #measured: (() => number)[] = [];
  readonly #releases: Readonly<Record<ReleaseStage, Release[]>> = {
    lingering: [],
    history: [],
    'followed-history': [],
    'followed-ring': [],
  };
  #shownBytes = 0;

  constructor(
    maxRetainedBytes: number = DEFAULT_MAX_RETAINED_BYTES,
    metrics: Metrics = NO_METRICS,
  ) {
    this.#shares = new Shares(maxRetainedBytes);
    this.#metrics = metrics;
  }

  get maxBytes(): number {
    return this.#shares.max;
  }

  /** All that is kept. */
  get bytes(): number {
    return this.#shares.total + this.#measuredBytes();
  }

  bytesOf(share: string): number {
    return this.#shares.of(share);
  }

  /** Counts octets that somebody holds and charges to nobody. */
  measure(bytes: () => number): void {
    this.#measured.push(bytes);
  }

  /** Adds a way to make room. It may charge and discharge, and must not ask for room itself. */
  onShortage(stage: ReleaseStage, release: Release): void {
    this.#releases[stage].push(release);
  }

  /** Counts octets as a share's; negative ones, when they are let go of. */
  charge(share: string, bytes: number): void {
    this.#shares.add(share, bytes);
    this.#show();
  }

  /**
   * Whether so much more may be kept of a share (of an `Owner`). Makes room where there is none: one beyond its part has to let go
   * itself, for others it is who holds most. To be asked before the octets are charged.
   */
  admits(share: string, bytes: number): boolean {
    // What takes no more than it replaces needs none.
    if (bytes <= 0) return true;
    if (this.#hasRoom(share, bytes)) return true;
    if (bytes <= this.#shares.mostOf(share) && this.#makeRoom(share, bytes)) return true;
    this.countRefusal('maxRetainedBytes');
    return false;
  }

  /** Lets go of rings that nobody reads, for who needs no octets but a place. */
  releaseLingering(bytes: number): void {
    this.#releaseOf('lingering', undefined, bytes);
  }

  /** Counts that a limit has refused something, this one or one of those who keep in it. */
  countRefusal(limit: string): void {
    this.#metrics.count('limit_reached', { limit });
  }

  #hasRoom(share: string, bytes: number): boolean {
    if (!this.#shares.fits(bytes, this.#measuredBytes())) return false;
    return this.#shares.admits(share, bytes) || !this.#shares.isBeyondPart(share, bytes);
  }

  #makeRoom(share: string, bytes: number): boolean {
    if (!this.#shares.fits(bytes, this.#measuredBytes())) {
      this.#releaseOf('lingering', undefined, bytes);
      if (this.#hasRoom(share, bytes)) return true;
    }
    if (this.#shares.isBeyondPart(share, bytes)) {
      return (
        this.#releaseFrom([share], 'lingering', share, bytes) ||
        this.#releaseFrom([share], 'history', share, bytes)
      );
    }
    return (
      this.#releaseFrom(this.#shares.largest(), 'history', share, bytes) ||
      this.#releaseFrom(this.#shares.largest(), 'followed-history', share, bytes) ||
      this.#releaseFrom(this.#shares.largest(), 'followed-ring', share, bytes)
    );
  }

  #releaseFrom(
    holders: Iterable<string>,
    stage: ReleaseStage,
    share: string,
    bytes: number,
  ): boolean {
    let count = 0;
    for (const holder of holders) {
      // What is let go of may free less of the share than it is worth in all: rings cost more than what is charged for them.
      while (this.#releaseOf(stage, holder, bytes) > 0) {
        if (this.#hasRoom(share, bytes)) return true;
        if (++count >= MAX_RELEASES) return false;
      }
      if (++count >= MAX_RELEASES) return false;
    }
    return false;
  }

  #releaseOf(stage: ReleaseStage, holder: string | undefined, bytes: number): number {
    let freedBytes = 0;
    for (const release of this.#releases[stage]) {
      if (freedBytes < bytes) freedBytes += release(bytes - freedBytes, holder);
    }
    if (freedBytes > 0) {
      this.#metrics.count('retained_evictions', { stage });
      this.#metrics.count('retained_evicted_bytes', { stage }, freedBytes);
    }
    return freedBytes;
  }

  #measuredBytes(): number {
    let bytes = 0;
    for (const measure of this.#measured) bytes += measure();
    return bytes;
  }

  #show(): void {
    const { bytes } = this;
    const isNear = Math.abs(bytes - this.#shownBytes) * GAUGE_STEPS < this.#shares.max;
    if (isNear && bytes > 0) return;
    this.#shownBytes = bytes;
    this.#metrics.gauge('retained_bytes', bytes);
  }
}
