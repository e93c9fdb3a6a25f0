/** Owns the streams of this node: publishing to the store, its feed into rings, and the opening of readers. */
import {
  Deadline,
  DeadlineWheel,
  Ring,
  TurnBudget,
  type Metrics,
  type Time,
} from '../foundation/index.js';
import { parseCursor } from '../message/index.js';
import type { DestinationPattern, Message, Publication, StreamPosition } from '../message/index.js';
import type { Delivery, DeliverySink, DeliverySource } from '../session/index.js';
import { PatternReader } from './pattern-reader.js';
import { ExactReader } from './exact-reader.js';
import { Stream, type StreamReader } from './stream.js';
import { StreamCursor } from './stream-cursor.js';
import type { Appended, AppendOptions, FeedEntry, StreamStore } from './stream-store.js';

export interface StreamsOptions {
  /**
   * How long a ring is kept after its last reader left, so that it can still recover from it; and how long one that
   * only patterns read is kept without a publication. Default 120,000.
   */
  readonly lingerMs?: number;
  /** The size of a stream's ring of live publications (semantics S9). Default 1 MiB for every destination. */
  readonly liveRingBytes?: (destination: string) => number;
  /** What flushes count their work in, and go on by. Default: one of their own. */
  readonly turns?: TurnBudget;
}

/** An opened reader; `cursor` is where it stands at that moment. */
export interface OpenedReader {
  readonly source: DeliverySource;
  readonly cursor: string | undefined;
  readonly recovered: boolean | undefined;
}

/** Where a reader begins. */
interface ReaderStart {
  readonly nextOffset: number;
  readonly history?: readonly Publication[];
  readonly recovered?: boolean;
}

interface HeldStream {
  readonly stream: Stream;
  readonly lingering: Deadline;
  /** Where the stream stood when it began to linger. */
  lingersFrom: number;
}

/** A stream whose store has not answered yet where it stands. */
interface OpeningStream {
  readonly answer: Promise<Stream>;
  /** What came through the feed meanwhile, the latest of it. */
  readonly entries: Ring<FeedEntry>;
}

interface PatternGroup {
  readonly pattern: DestinationPattern;
  readonly readers: Set<PatternReader>;
}

export const DEFAULT_LIVE_RING_BYTES = 1_048_576;
const DEFAULT_LINGER_MS = 120_000;
const LINGER_GRANULARITY_MS = 1_000;
/** Entries that are kept for a stream until its store has answered; older ones can be read from its history. */
const MAX_OPENING_ENTRY_COUNT = 1_024;
/** Octets of history that a recovery reads before it is acknowledged. */
const FIRST_HISTORY_BYTES = 65_536;

/** Streams by destination, held while somebody reads them and for a while after. */
export class Streams {
  readonly #store: StreamStore;
  readonly #time: Time;
  readonly #metrics: Metrics;
  readonly #lingerMs: number;
  readonly #liveRingBytes: (destination: string) => number;
  readonly #held = new Map<string, HeldStream>();
  readonly #opening = new Map<string, OpeningStream>();
  readonly #patterns = new Map<string, PatternGroup>();
  readonly #deadlines: DeadlineWheel;
  readonly #turns: TurnBudget;
  #dirty: Stream[] = [];
  /** One for all readers. */
  readonly #readerLeft = (stream: Stream, reader: StreamReader): void =>
    this.#leave(stream, reader);

  constructor(store: StreamStore, time: Time, metrics: Metrics, options: StreamsOptions = {}) {
    this.#store = store;
    this.#time = time;
    this.#metrics = metrics;
    this.#lingerMs = options.lingerMs ?? DEFAULT_LINGER_MS;
    this.#liveRingBytes = options.liveRingBytes ?? (() => DEFAULT_LIVE_RING_BYTES);
    this.#turns = options.turns ?? new TurnBudget(time);
    this.#deadlines = new DeadlineWheel(time, LINGER_GRANULARITY_MS, { turns: this.#turns });
    store.setFeedListener((entry) => this.#accept(entry));
  }

  /** Appends to a stream. Nothing reaches a reader but through the store's feed (semantics S1). */
  publish(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    this.#metrics.count('publications_appended');
    return this.#store.append(destination, message, options);
  }

  /** Opens a reader of one stream; it misses nothing from when the promise resolves (semantics S4). */
  async open(
    destination: string,
    sink: DeliverySink,
    cursor: string | undefined,
  ): Promise<OpenedReader> {
    // Nothing is awaited that is known at once: the place is the one at the moment of subscribing.
    const held = this.#hold(destination);
    const stream = held instanceof Stream ? held : await held;
    const reader = new ExactReader(stream, sink, this.#readerLeft);
    stream.addReader(reader);
    this.#stopLingering(stream);
    let start: ReaderStart;
    try {
      start = await this.#startOf(stream, cursor);
    } catch (error) {
      this.#leave(stream, reader);
      throw error;
    }
    reader.begin(
      new StreamCursor(stream, this.#store, start.nextOffset, start.history, () => sink.ready()),
    );
    if (start.recovered !== undefined) {
      this.#metrics.count('recoveries', { recovered: String(start.recovered) });
    }
    return { source: reader, cursor: reader.text, recovered: start.recovered };
  }

  /** Opens a reader of all streams inside a pattern, those born later from their start (semantics S5). */
  async openPattern(
    pattern: DestinationPattern,
    sink: DeliverySink,
    cursor: string | undefined,
  ): Promise<OpenedReader> {
    const group = this.#groupOf(pattern);
    const reader = new PatternReader(this.#store, sink);
    group.readers.add(reader);
    const following = this.#store.followPattern(pattern.text);
    if (following instanceof Promise) {
      try {
        await following;
      } catch (error) {
        this.#leavePattern(group, reader);
        throw error;
      }
    }
    for (const { stream } of this.#held.values()) {
      if (pattern.matches(stream.destination)) reader.attach(stream);
    }
    const source: DeliverySource = {
      pull: (maxBytes: number): Delivery | undefined => reader.pull(maxBytes),
      close: () => this.#leavePattern(group, reader),
    };
    // A pattern's cursor is not issued yet, so none can be recovered from.
    return { source, cursor: undefined, recovered: cursor === undefined ? undefined : false };
  }

  /** Streams held at this moment, for metrics and tests. */
  get heldCount(): number {
    return this.#held.size;
  }

  close(): void {
    this.#deadlines.stop();
    this.#held.clear();
    this.#patterns.clear();
    this.#dirty = [];
    this.#store.close();
  }

  async #startOf(stream: Stream, cursor: string | undefined): Promise<ReaderStart> {
    const fresh = stream.nextOffset;
    if (cursor === undefined) return { nextOffset: fresh };
    const position = parseCursor(cursor);
    const isOfStream =
      position !== undefined && position.epoch === stream.epoch && position.offset < fresh;
    if (!isOfStream) return { nextOffset: fresh, recovered: false };
    const nextOffset = position.offset + 1;
    if (nextOffset >= stream.tailOffset) return { nextOffset, recovered: true };
    const part = await this.#store.read(stream.destination, position, FIRST_HISTORY_BYTES);
    return part.kind === 'publications'
      ? { nextOffset, history: part.publications, recovered: true }
      : { nextOffset: stream.nextOffset, recovered: false };
  }

  #hold(destination: string): Stream | Promise<Stream> {
    const held = this.#held.get(destination);
    if (held !== undefined) return held.stream;
    const known = this.#opening.get(destination);
    if (known !== undefined) return known.answer;
    const position = this.#store.follow(destination);
    if (!(position instanceof Promise)) return this.#begin(destination, position);
    const entries = new Ring<FeedEntry>();
    const answer = position
      .finally(() => this.#opening.delete(destination))
      .then((top) => this.#held.get(destination)?.stream ?? this.#join(destination, top, entries));
    this.#opening.set(destination, { answer, entries });
    return answer;
  }

  /** Begins a stream where its store says that it stands, and catches up with what the feed brought meanwhile. */
  #join(destination: string, top: StreamPosition, entries: Ring<FeedEntry>): Stream {
    const oldest = entries.at(entries.tail);
    const isJoined = oldest === undefined || oldest.previousOffset <= top.offset;
    const start = isJoined ? top : { epoch: oldest.epoch, offset: oldest.previousOffset };
    const stream = this.#begin(destination, start);
    for (let next = entries.shift(); next !== undefined; next = entries.shift()) {
      this.#take(stream, next);
    }
    return this.#held.get(destination)?.stream ?? stream;
  }

  #begin(destination: string, position: StreamPosition): Stream {
    const stream = new Stream(destination, position, this.#liveRingBytes(destination));
    const held: HeldStream = {
      stream,
      lingering: new Deadline(() => this.#lingered(held)),
      lingersFrom: 0,
    };
    this.#held.set(destination, held);
    for (const { pattern, readers } of this.#patterns.values()) {
      if (!pattern.matches(destination)) continue;
      for (const reader of readers) reader.attachBorn(stream);
    }
    this.#linger(held);
    return stream;
  }

  #accept(entry: FeedEntry): void {
    const { destination } = entry.publication;
    const stream = this.#held.get(destination)?.stream ?? this.#birth(entry);
    if (stream !== undefined) {
      this.#take(stream, entry);
      return;
    }
    const entries = this.#opening.get(destination)?.entries;
    if (entries === undefined) return;
    entries.push(entry);
    if (entries.size > MAX_OPENING_ENTRY_COUNT) entries.shift();
  }

  #take(stream: Stream, entry: FeedEntry): void {
    // All of them: a reader hears that one stream was interrupted before it hears of the next of that name.
    if (stream.isDirty && stream.owesReadersBefore(entry.publication)) this.#flush();
    const outcome = stream.accept(entry);
    if (outcome === 'known') return;
    if (outcome === 'lost') this.#interrupt(stream);
    if (stream.isDirty || stream.readerCount === 0) return;
    stream.isDirty = true;
    this.#dirty.push(stream);
    if (this.#dirty.length === 1) this.#time.afterTurn(() => this.#flush());
  }

  /** An entry was lost, or the stream began anew: its readers are told, later ones get a new ring (semantics S3). */
  #interrupt(stream: Stream): void {
    stream.isInterrupted = true;
    this.#metrics.count('streams_interrupted');
    this.#stopLingering(stream);
    this.#held.delete(stream.destination);
    this.#store.unfollow(stream.destination);
  }

  /** A stream that nobody held, but that a pattern is interested in. */
  #birth(entry: FeedEntry): Stream | undefined {
    const { destination } = entry.publication;
    for (const { pattern } of this.#patterns.values()) {
      if (!pattern.matches(destination)) continue;
      // It is in the feed already; following keeps the store from forgetting it.
      Promise.resolve(this.#store.follow(destination)).catch(() =>
        this.#metrics.count('streams_not_followed'),
      );
      return this.#begin(destination, { epoch: entry.epoch, offset: entry.previousOffset });
    }
    return undefined;
  }

  /** Publications leave when all input of the turn was read, so that those of one turn share a write (semantics O2). */
  #flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const stream of dirty) {
      stream.isDirty = false;
      this.#turns.spend(stream.readerCount);
      stream.notifyReaders();
    }
  }

  #leave(stream: Stream, reader: StreamReader): void {
    stream.removeReader(reader);
    if (stream.isPinned) return;
    const held = this.#held.get(stream.destination);
    if (held?.stream === stream) this.#linger(held);
  }

  #linger(held: HeldStream): void {
    held.lingersFrom = held.stream.nextOffset;
    this.#deadlines.set(held.lingering, this.#lingerMs);
  }

  #stopLingering(stream: Stream): void {
    const held = this.#held.get(stream.destination);
    if (held !== undefined) this.#deadlines.clear(held.lingering);
  }

  /**
   * A stream that nobody reads is released. So is one that only patterns read and that rests: the next publication
   * gives birth to it again, and a pattern that lives for long must not keep every stream that ever was.
   */
  #lingered(held: HeldStream): void {
    const { stream, lingersFrom } = held;
    if (stream.isPinned) return;
    const rests = stream.nextOffset === lingersFrom && stream.isReadToTheEnd;
    if (stream.readerCount > 0 && !rests) {
      this.#linger(held);
      return;
    }
    stream.forgetReaders();
    this.#held.delete(stream.destination);
    this.#store.unfollow(stream.destination);
  }

  #groupOf(pattern: DestinationPattern): PatternGroup {
    let group = this.#patterns.get(pattern.text);
    if (group === undefined) {
      group = { pattern, readers: new Set() };
      this.#patterns.set(pattern.text, group);
    }
    return group;
  }

  #leavePattern(group: PatternGroup, reader: PatternReader): void {
    group.readers.delete(reader);
    for (const stream of reader.detach()) this.#leave(stream, reader);
    if (group.readers.size > 0 || this.#patterns.get(group.pattern.text) !== group) return;
    this.#patterns.delete(group.pattern.text);
    this.#store.unfollowPattern(group.pattern.text);
  }
}
