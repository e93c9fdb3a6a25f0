/** Owns the streams that this node holds, and how long: while somebody reads them, and for a while after. */
import { Deadline, type DeadlineWheel } from '../foundation/index.js';
import type { Stream } from './stream.js';

export interface HeldStreamsParts {
  readonly deadlines: DeadlineWheel;
  readonly lingerMs: number;
  /** Whether patterns read it. */
  readonly isReadByPattern: (stream: Stream) => boolean;
  /** It is held no more. */
  readonly onReleased: (stream: Stream) => void;
}

interface HeldStream {
  readonly stream: Stream;
  readonly lingering: Deadline;
  /** Where the stream stood when it began to linger. */
  lingersFrom: number;
}

/** Lingering streams that one request for room looks at. */
const MAX_LOOK_COUNT = 4_096;

export class HeldStreams {
  readonly #parts: HeldStreamsParts;
  readonly #held = new Map<string, HeldStream>();
  /** Those that nobody reads by name, least recently left first. */
  readonly #lingering = new Set<HeldStream>();

  constructor(parts: HeldStreamsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#held.size;
  }

  get(destination: string): Stream | undefined {
    return this.#held.get(destination)?.stream;
  }

  holds(stream: Stream): boolean {
    return this.#held.get(stream.destination)?.stream === stream;
  }

  /** Holds a stream that nobody reads yet. */
  add(stream: Stream): void {
    const held: HeldStream = {
      stream,
      lingering: new Deadline(() => this.#lingered(held)),
      lingersFrom: 0,
    };
    this.#held.set(stream.destination, held);
    this.#linger(held);
  }

  /** The last who read it by its name has left. */
  linger(stream: Stream): void {
    const held = this.#held.get(stream.destination);
    if (held?.stream === stream) this.#linger(held);
  }

  /** Somebody reads it by its name. */
  keep(stream: Stream): void {
    const held = this.#held.get(stream.destination);
    if (held?.stream === stream) this.#stop(held);
  }

  /** It cannot be read on: the next of that name is another. */
  remove(stream: Stream): void {
    const held = this.#held.get(stream.destination);
    if (held?.stream === stream) this.#release(held);
  }

  /**
   * Lets go of streams that nobody reads, least recently left first, until about `bytes` are free; answers how many are. Who comes back
   * for one of them recovers from its history, where there is one. Stays below what is asked for when nothing else lingers. With a
   * `share`, those of which the newest is its own.
   */
  releaseLingering(bytes: number, share?: string): number {
    let releasedBytes = 0;
    let lookCount = Math.min(this.#lingering.size, MAX_LOOK_COUNT);
    for (const held of this.#lingering) {
      if (releasedBytes >= bytes || lookCount-- <= 0) break;
      if (share !== undefined && !held.stream.isOf(share)) continue;
      if (isOwed(held.stream)) {
        // Its turn comes again after the others.
        this.#lingering.delete(held);
        this.#lingering.add(held);
      } else {
        releasedBytes += held.stream.retainedBytes;
        this.#release(held);
      }
    }
    return releasedBytes;
  }

  clear(): void {
    for (const { stream } of this.#held.values()) stream.letGo();
    this.#held.clear();
    this.#lingering.clear();
  }

  #linger(held: HeldStream): void {
    held.lingersFrom = held.stream.nextOffset;
    held.stream.isLingering = true;
    this.#lingering.delete(held);
    this.#lingering.add(held);
    this.#parts.deadlines.set(held.lingering, this.#parts.lingerMs);
  }

  #stop(held: HeldStream): void {
    held.stream.isLingering = false;
    this.#lingering.delete(held);
    this.#parts.deadlines.clear(held.lingering);
  }

  /**
   * A stream that nobody reads is released. So is one that only patterns read and that rests: the next publication
   * gives birth to it again, and a pattern that lives for long must not keep every stream that ever was.
   */
  #lingered(held: HeldStream): void {
    const { stream, lingersFrom } = held;
    const rests = stream.nextOffset === lingersFrom && !isOwed(stream);
    if (rests || !this.#parts.isReadByPattern(stream)) this.#release(held);
    else this.#linger(held);
  }

  #release(held: HeldStream): void {
    this.#stop(held);
    this.#held.delete(held.stream.destination);
    held.stream.letGo();
    this.#parts.onReleased(held.stream);
  }
}

/** Whether readers by patterns have something of it to hear of or to pull. */
function isOwed(stream: Stream): boolean {
  return stream.isDirty || stream.isRepairing || stream.behindCount > 0;
}
