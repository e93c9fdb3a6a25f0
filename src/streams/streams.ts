/** Owns the streams of this node: publishing to the store, its feed into rings, and the opening of readers. */
import {
  DeadlineWheel,
  isThenable,
  RequestError,
  Ring,
  SERVER_OWNER,
  TurnBudget,
  type Metrics,
  type Owner,
  type RetainedBudget,
  type Time,
} from '../foundation/index.js';
import { parseCursor, PUBLICATION_OVERHEAD_BYTES } from '../message/index.js';
import type { DestinationPattern, Message, StreamPosition } from '../message/index.js';
import type { Batch, DeliverySink, DeliverySource } from '../session/index.js';
import { ExactReader } from './exact-reader.js';
import { Flush } from './flush.js';
import { GapRepair } from './gap-repair.js';
import { HeldStreams } from './held-streams.js';
import { HistoryPages, type PageOutcome } from './history-pages.js';
import { KeptBatches } from './kept-batches.js';
import { OpeningStreams } from './opening-streams.js';
import { PatternReader } from './pattern-reader.js';
import { PatternReaders, type PatternGroup } from './pattern-readers.js';
import { PublishLines } from './publish-lines.js';
import { noRoom, RetainedTally } from './retained-tally.js';
import { RingsByShare } from './rings-by-share.js';
import { Stream, type StreamEnvironment, type StreamReader } from './stream.js';
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
  /** What everything that is kept is counted in, and asked for room. Default: nothing is. */
  readonly retained?: RetainedBudget;
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
  readonly history?: Batch;
  readonly recovered?: boolean;
}

export const DEFAULT_LIVE_RING_BYTES = 1_048_576;
const DEFAULT_LINGER_MS = 120_000;
const WHEEL_GRANULARITY_MS = 1_000;
/** Octets of history that a recovery reads before it is acknowledged. */
const FIRST_HISTORY_BYTES = 65_536;
/** Octets of encodings of live publications that are kept for those who pull in later turns. */
const MAX_KEPT_ENCODING_BYTES = 8_388_608;

/** Streams by destination, held while somebody reads them and for a while after. */
export class Streams {
  readonly #store: StreamStore;
  readonly #metrics: Metrics;
  readonly #liveRingBytes: (destination: string) => number;
  readonly #deadlines: DeadlineWheel;
  readonly #tally: RetainedTally;
  readonly #environment: StreamEnvironment;
  readonly #held: HeldStreams;
  readonly #opening: OpeningStreams;
  readonly #patterns: PatternReaders;
  readonly #pages: HistoryPages;
  readonly #lines: PublishLines;
  readonly #rings = new RingsByShare();
  readonly #flush: Flush;
  readonly #repairs = new Map<Stream, GapRepair>();
  /** Streams whose readers have still to hear that they were interrupted. */
  readonly #interrupted = new Map<string, Stream>();
  /** Entries that the feed brought while one was being taken. */
  readonly #untaken = new Ring<FeedEntry>();
  #isTaking = false;
  #isClosed = false;
  /** One for all readers. */
  readonly #readerLeft = (stream: Stream, reader: StreamReader): void =>
    this.#leave(stream, reader);

  constructor(store: StreamStore, time: Time, metrics: Metrics, options: StreamsOptions = {}) {
    this.#store = store;
    this.#metrics = metrics;
    this.#liveRingBytes = options.liveRingBytes ?? (() => DEFAULT_LIVE_RING_BYTES);
    const { retained } = options;
    this.#tally = new RetainedTally(retained);
    this.#opening = new OpeningStreams(this.#tally);
    retained?.onShortage('lingering', (bytes, share) => this.releaseLingering(bytes, share));
    retained?.onShortage('followed-ring', (bytes, share = '') => this.#rings.shorten(bytes, share));
    const turns = options.turns ?? new TurnBudget(time);
    const deadlines = new DeadlineWheel(time, WHEEL_GRANULARITY_MS, { turns });
    this.#deadlines = deadlines;
    const keeper = new KeptBatches(deadlines, this.#tally, MAX_KEPT_ENCODING_BYTES);
    this.#environment = { tally: this.#tally, keeper };
    this.#patterns = new PatternReaders(turns);
    this.#pages = new HistoryPages(store, metrics, turns, deadlines, this.#tally);
    this.#lines = new PublishLines(
      store,
      metrics,
      turns,
      this.#tally,
      (destination) => this.#held.get(destination)?.owesTooMuch === true,
    );
    this.#flush = new Flush({
      time,
      turns,
      metrics,
      groupsOf: (stream) => this.#patterns.groupsOf(stream),
      onTold: (stream) => this.#told(stream),
    });
    this.#held = new HeldStreams({
      deadlines,
      lingerMs: options.lingerMs ?? DEFAULT_LINGER_MS,
      isReadByPattern: (stream) => this.#patterns.groupsOf(stream).length > 0,
      onReleased: (stream) => this.#released(stream),
    });
    store.setFeedListener((entry) => this.#accept(entry));
  }

  /**
   * Appends to a stream, in the order of the calls. Nothing reaches a reader but through the store's feed (semantics S1). While the
   * readers of the stream have not been told of as much as its ring holds, it waits (semantics O2).
   */
  publish(destination: string, message: Message, options: AppendOptions): Promise<Appended> {
    if (!this.#hasRoom(destination, message, options)) return Promise.reject(noRoom());
    this.#metrics.count('publications_appended');
    return this.#lines.append(destination, message, options);
  }

  /**
   * Opens a reader of one stream; it misses nothing from when the promise resolves (semantics S4). A stream that is born for it is
   * charged to `owner`; default: the server.
   */
  async open(
    destination: string,
    sink: DeliverySink,
    cursor: string | undefined,
    owner?: Owner,
  ): Promise<OpenedReader> {
    let stream: Stream;
    do {
      // Nothing is awaited that is known at once: the place is the one at the moment of subscribing.
      const held = this.#hold(destination, owner);
      stream = held instanceof Stream ? held : await held;
      // It may have been let go of already when there was no room.
    } while (!this.#held.holds(stream) && !stream.isInterrupted);
    const reader = new ExactReader(stream, sink, this.#readerLeft);
    stream.addReader(reader);
    this.#held.keep(stream);
    let start: ReaderStart;
    try {
      start = await this.#startOf(stream, cursor);
    } catch (error) {
      this.#leave(stream, reader);
      throw error;
    }
    reader.begin(
      new StreamCursor(stream, this.#pages, start.nextOffset, start.history, () => sink.ready()),
    );
    if (start.recovered !== undefined) {
      this.#metrics.count('recoveries', { recovered: String(start.recovered) });
    }
    return { source: reader, cursor: reader.text, recovered: start.recovered };
  }

  /**
   * Opens a reader of all streams inside a pattern, those born later from their start (semantics S5). Its places are charged to `owner`;
   * default: the server.
   */
  async openPattern(
    pattern: DestinationPattern,
    sink: DeliverySink,
    cursor: string | undefined,
    owner?: Owner,
  ): Promise<OpenedReader> {
    const left = (): void => this.#leavePattern(group, reader);
    const reader: PatternReader = new PatternReader(this.#pages, this.#tally, sink, left, owner);
    const group = this.#patterns.join(pattern, reader);
    try {
      const following = this.#store.followPattern(pattern.text);
      if (isThenable(following)) await following;
    } catch (error) {
      this.#leavePattern(group, reader);
      throw error;
    }
    this.#patterns.open(reader);
    // A pattern's cursor is not issued yet, so none can be recovered from.
    return {
      source: reader,
      cursor: undefined,
      recovered: cursor === undefined ? undefined : false,
    };
  }

  /** Streams held at this moment, for metrics and tests. */
  get heldCount(): number {
    return this.#held.count;
  }

  /** Whether every reader was told of all that there is, and nothing waits to be appended. */
  get isSettled(): boolean {
    return this.#flush.isIdle && this.#lines.count === 0;
  }

  /** Octets that rings, encodings kept for the next who ask, places of readers and waiting appends cost. Asking costs nothing. */
  get retainedBytes(): number {
    return this.#tally.totalBytes;
  }

  /** The part of them that is kept for readers who may come back. */
  get lingeringBytes(): number {
    return this.#tally.lingeringBytes;
  }

  /**
   * Lets go of rings that nobody reads, least recently left first, until about `bytes` octets are free. Answers how many are. Readers who
   * come back for one of them recover from its history, or are told that they were not recovered. With a `share`: of those
   * of which the newest is its own.
   */
  releaseLingering(bytes: number, share?: string): number {
    return this.#held.releaseLingering(bytes, share);
  }

  close(): void {
    this.#isClosed = true;
    this.#deadlines.stop();
    this.#held.clear();
    this.#patterns.clear();
    this.#flush.clear();
    this.#lines.close();
    this.#pages.clear();
    this.#rings.clear();
    for (const repair of this.#repairs.values()) repair.end();
    this.#repairs.clear();
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
    const outcome =
      this.#pages.known(stream, nextOffset) ??
      (await new Promise<PageOutcome>((told) => {
        this.#pages.read(stream, nextOffset, FIRST_HISTORY_BYTES, told);
      }));
    if (outcome === 'fault') {
      throw new RequestError('stream/unavailable', 'the history of the stream cannot be read now');
    }
    return outcome === 'unrecoverable'
      ? { nextOffset: stream.nextOffset, recovered: false }
      : { nextOffset, history: outcome, recovered: true };
  }

  /** Whether the ring may grow by that message, if anybody holds it: the store judges what it keeps itself. */
  #hasRoom(
    destination: string,
    { body }: Message,
    { owner = SERVER_OWNER }: AppendOptions,
  ): boolean {
    const bytes = body.length + PUBLICATION_OVERHEAD_BYTES;
    const growthBytes = this.#held.get(destination)?.growthBy(bytes) ?? 0;
    return growthBytes === 0 || this.#tally.admits(owner, growthBytes);
  }

  #hold(destination: string, owner: Owner | undefined): Stream | Promise<Stream> {
    if (this.#isClosed) {
      throw new RequestError('stream/unavailable', 'the streams of this server are closed');
    }
    const held = this.#held.get(destination);
    if (held !== undefined) return held;
    const opening = this.#opening.answerOf(destination);
    if (opening !== undefined) return opening;
    const position = this.#store.follow(destination, owner);
    if (!isThenable(position)) return this.#begin(destination, position);
    return this.#opening.begin(
      destination,
      position,
      this.#liveRingBytes(destination),
      (top, entries) => this.#held.get(destination) ?? this.#join(destination, top, entries),
    );
  }

  /** Begins a stream where its store says that it stands, and catches up with what the feed brought meanwhile. */
  #join(destination: string, top: StreamPosition, entries: readonly FeedEntry[]): Stream {
    const [oldest] = entries;
    const isJoined = oldest === undefined || oldest.previousOffset <= top.offset;
    const start = isJoined ? top : { epoch: oldest.epoch, offset: oldest.previousOffset };
    const stream = this.#begin(destination, start);
    for (const entry of entries) this.#place(entry);
    return this.#held.get(destination) ?? stream;
  }

  #begin(destination: string, position: StreamPosition): Stream {
    const stream = new Stream(
      destination,
      position,
      this.#liveRingBytes(destination),
      this.#patterns.openingNumber,
      this.#environment,
      this.#interrupted.get(destination)?.missedBy,
    );
    this.#held.add(stream);
    return stream;
  }

  /** What is brought while one is being taken waits: a store, or a hook of the application, may call back in. */
  #accept(entry: FeedEntry): void {
    if (this.#isClosed) return;
    if (this.#isTaking) {
      this.#untaken.push(entry);
      return;
    }
    this.#isTaking = true;
    for (let next: FeedEntry | undefined = entry; next; next = this.#untaken.shift()) {
      try {
        this.#place(next);
      } catch {
        // The store has appended it. Its readers find the gap at the next one.
        this.#metrics.count('feed_entries_failed');
      }
    }
    this.#isTaking = false;
  }

  #place(entry: FeedEntry): void {
    const { destination } = entry.publication;
    const stream = this.#held.get(destination) ?? this.#birth(entry);
    if (stream === undefined) this.#opening.add(entry);
    else this.#take(stream, entry);
  }

  #take(stream: Stream, entry: FeedEntry): void {
    if (stream.isRepairing) {
      this.#repairs.get(stream)?.add(entry);
      return;
    }
    const outcome = stream.accept(entry, this.#patterns.openingNumber);
    if (outcome === 'taken') this.#hasNews(stream, entry);
    else if (outcome === 'gap') this.#repair(stream, entry);
    else if (outcome === 'lost') this.#interrupt(stream);
  }

  #hasNews(stream: Stream, { publication: { owner = SERVER_OWNER } }: FeedEntry): void {
    this.#rings.note(stream, owner.share);
    if (stream.isDirty) return;
    if (this.#isRead(stream)) this.#flush.add(stream);
    else stream.skipRound();
  }

  #isRead(stream: Stream): boolean {
    return stream.isPinned || this.#patterns.groupsOf(stream).length > 0;
  }

  /** An entry did not come: it is read, for all readers at once, while what follows waits (semantics S3). */
  #repair(stream: Stream, entry: FeedEntry): void {
    const repair = new GapRepair(stream, entry, {
      store: this.#store,
      deadlines: this.#deadlines,
      metrics: this.#metrics,
      tally: this.#tally,
      take: (lost) => {
        const isTaken = stream.accept(lost, this.#patterns.openingNumber) === 'taken';
        if (isTaken) this.#hasNews(stream, lost);
        return isTaken;
      },
      onClosed: (waiting) => {
        this.#endRepair(stream);
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          this.#accept(next);
        }
      },
      onFailed: () => this.#interrupt(stream),
    });
    this.#repairs.set(stream, repair);
    stream.isRepairing = true;
    repair.begin();
  }

  #endRepair(stream: Stream): void {
    if (!stream.isRepairing) return;
    stream.isRepairing = false;
    this.#repairs.get(stream)?.end();
    this.#repairs.delete(stream);
  }

  /** An entry was lost, or the stream began anew: its readers are told, later ones get a new ring (semantics S3). */
  #interrupt(stream: Stream): void {
    if (stream.isInterrupted) return;
    stream.interrupt(this.#patterns.openingNumber);
    this.#metrics.count('streams_interrupted');
    if (this.#isRead(stream)) {
      this.#interrupted.set(stream.destination, stream);
      this.#flush.add(stream);
    }
    this.#held.remove(stream);
  }

  #released(stream: Stream): void {
    const { destination } = stream;
    this.#endRepair(stream);
    this.#pages.forget(stream);
    this.#rings.forget(stream);
    this.#unfollow(() => this.#store.unfollow(destination));
    this.#lines.drain(destination);
  }

  /** A stream that nobody held, but that a pattern is interested in. */
  #birth({ publication, epoch, previousOffset }: FeedEntry): Stream | undefined {
    const { destination } = publication;
    const groups = this.#patterns.groupsFor(destination);
    if (groups.length === 0) return undefined;
    const stream = this.#begin(destination, { epoch, offset: previousOffset });
    this.#patterns.found(stream, groups);
    // It is in the feed already; following keeps the store from forgetting it.
    void this.#follow(destination);
    return stream;
  }

  async #follow(destination: string): Promise<void> {
    try {
      await this.#store.follow(destination);
    } catch {
      this.#metrics.count('streams_not_followed');
    }
  }

  /** A store that fails here fails alone. */
  #unfollow(act: () => void): void {
    try {
      act();
    } catch {
      this.#metrics.count('store_faults', { operation: 'unfollow' });
    }
  }

  #told(stream: Stream): void {
    const { destination } = stream;
    if (!stream.isDirty && this.#interrupted.get(destination) === stream) {
      this.#interrupted.delete(destination);
    }
    this.#lines.drain(destination);
  }

  #leave(stream: Stream, reader: StreamReader): void {
    stream.removeReader(reader);
    if (!stream.isPinned) this.#held.linger(stream);
  }

  #leavePattern(group: PatternGroup, reader: PatternReader): void {
    if (!this.#patterns.leave(group, reader)) return;
    this.#unfollow(() => this.#store.unfollowPattern(group.pattern.text));
  }
}
