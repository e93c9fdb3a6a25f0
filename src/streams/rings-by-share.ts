/** Owns which rings are whose by their newest publications, so that who holds most gives first where there is no room. */
import type { Stream } from './stream.js';

/** Rings that one request for room looks at. */
const MAX_LOOK_COUNT = 64;

export class RingsByShare {
  /** The next to give is the first. */
  readonly #streams = new Map<string, Set<Stream>>();

  /** A stream has taken a publication of that share. */
  note(stream: Stream, share: string): void {
    if (stream.ringShare === share) return;
    this.forget(stream);
    stream.ringShare = share;
    const known = this.#streams.get(share);
    if (known === undefined) this.#streams.set(share, new Set([stream]));
    else known.add(stream);
  }

  /** It is held no more. */
  forget(stream: Stream): void {
    const { ringShare } = stream;
    if (ringShare === undefined) return;
    stream.ringShare = undefined;
    const known = this.#streams.get(ringShare);
    known?.delete(stream);
    if (known?.size === 0) this.#streams.delete(ringShare);
  }

  /** Shortens rings of a share until about `bytes` are free, by what all their readers were told of; answers how many are. */
  shorten(bytes: number, share: string): number {
    const known = this.#streams.get(share);
    if (known === undefined) return 0;
    let freedBytes = 0;
    let leftCount = Math.min(known.size, MAX_LOOK_COUNT);
    for (const stream of known) {
      if (freedBytes >= bytes || leftCount === 0) break;
      leftCount -= 1;
      freedBytes += stream.shorten(bytes - freedBytes);
      // Its turn comes again after the others.
      known.delete(stream);
      known.add(stream);
    }
    return freedBytes;
  }

  clear(): void {
    this.#streams.clear();
  }
}
