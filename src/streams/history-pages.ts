/** Owns the parts of streams that readers replay: read once and encoded once for all who are at the same place. */
import { DeadlineWheel, Ring, type Metrics, type TurnBudget } from '../foundation/index.js';
import type { Publication } from '../message/index.js';
import { Batch } from '../session/index.js';
import { GivenPages } from './given-pages.js';
import { KeptBatches } from './kept-batches.js';
import type { RetainedTally } from './retained-tally.js';
import type { BatchDelivery, Stream } from './stream.js';
import type { HistoryPart, StreamStore } from './stream-store.js';

/** What a read came to. `fault`: the store failed, or answered what cannot be. */
export type PageOutcome = Batch | 'unrecoverable' | 'fault';

type Told = (outcome: PageOutcome) => void;

interface KeptPage {
  readonly stream: Stream;
  readonly start: number;
  /** Octets beside those of the encodings. */
  readonly ownBytes: number;
}

/** Octets of pages, their encodings included, that are kept for the next who come by. */
const MAX_KEPT_BYTES = 8_388_608;
/** Octets of pages that were given to readers who have not pulled them yet. */
const MAX_GIVEN_BYTES = 16_777_216;
/**
 * Pages end where these many publications begin, so that readers who begin at different places meet in the next page; the
 * further a start is aligned, the longer its page.
 */
const PAGE_ALIGNMENT = 16;

export class HistoryPages {
  readonly #store: StreamStore;
  readonly #metrics: Metrics;
  readonly #turns: TurnBudget;
  readonly #kept: KeptBatches;
  readonly #given: GivenPages;
  /** By their first offsets. */
  readonly #pages = new Map<Stream, Map<number, Batch>>();
  readonly #placeOf = new Map<Batch, KeptPage>();
  /** Who waits for a read that is under way, by the offset it begins at. */
  readonly #reading = new Map<Stream, Map<number, Told[]>>();
  /** Those whose read has come, until their turn. */
  readonly #answered = new Ring<() => void>();
  #isAnswering = false;
  readonly #answer = (): void => this.#answerSome();

  constructor(
    store: StreamStore,
    metrics: Metrics,
    turns: TurnBudget,
    deadlines: DeadlineWheel,
    tally: RetainedTally,
  ) {
    this.#store = store;
    this.#metrics = metrics;
    this.#turns = turns;
    this.#given = new GivenPages(tally, MAX_GIVEN_BYTES);
    this.#kept = new KeptBatches(deadlines, tally, MAX_KEPT_BYTES, (batch) => this.#forgot(batch));
  }

  /**
   * What the ring has in `[start, end)`, about `maxBytes` of it; undefined when there is nothing yet. Those who pull when they are told
   * share one batch, those who are behind share pages, which hold only what everybody was told of.
   */
  ofRing(stream: Stream, start: number, maxBytes: number, end: number): BatchDelivery | undefined {
    const shared = stream.sharedFrom(start, maxBytes, end);
    if (shared !== undefined) return shared;
    const { toldTo } = stream;
    // The live edge: those who were told of the last round begin where it does.
    if (start >= toldTo || start === stream.tellingFrom)
      return stream.shareFrom(start, maxBytes, end);
    let batch = this.known(stream, start);
    if (batch === undefined || start + batch.publications.length > toldTo) {
      const pageTo = Math.min(toldTo, pageEnd(start));
      batch = this.#keep(stream, start, stream.publicationsFrom(start, pageTo, maxBytes));
    }
    return { kind: 'publications', batch };
  }

  /** A page that is kept. */
  known(stream: Stream, start: number): Batch | undefined {
    return this.#pages.get(stream)?.get(start);
  }

  /** Keeps a page for a reader that is about to pull it; a later one of others may take its room. */
  give(reader: object, page: Batch): void {
    this.#given.give(reader, page);
  }

  /** The page that was given to a reader, or one that is kept for whoever is there. */
  takeGiven(reader: object, stream: Stream, start: number): Batch | undefined {
    return this.#given.take(reader) ?? this.known(stream, start);
  }

  /** It does not come for what it was given. */
  readerLeft(reader: object): void {
    this.#given.take(reader);
  }

  /** Reads what begins at `start` from the store, once for all who ask meanwhile; `told` hears of it in a later turn or tick. */
  read(stream: Stream, start: number, maxBytes: number, told: Told): void {
    const readings = this.#reading.get(stream) ?? new Map<number, Told[]>();
    this.#reading.set(stream, readings);
    const waiting = readings.get(start);
    if (waiting !== undefined) {
      waiting.push(told);
      return;
    }
    readings.set(start, [told]);
    void this.#readPart(stream, start, maxBytes).then((outcome) => {
      const all = readings.get(start) ?? [];
      readings.delete(start);
      if (readings.size === 0 && this.#reading.get(stream) === readings) {
        this.#reading.delete(stream);
      }
      for (const one of all) this.#answered.push(() => one(outcome));
      if (!this.#isAnswering) this.#answerSome();
    });
  }

  /** Forgets what is kept of a stream that nobody reads any more. */
  forget(stream: Stream): void {
    for (const batch of this.#pages.get(stream)?.values() ?? []) this.#kept.forget(batch);
  }

  clear(): void {
    this.#kept.forgetAll();
    this.#given.clear();
    this.#reading.clear();
  }

  async #readPart(stream: Stream, start: number, maxBytes: number): Promise<PageOutcome> {
    let part: HistoryPart;
    try {
      const after = { epoch: stream.epoch, offset: start - 1 };
      part = await this.#store.read(stream.destination, after, maxBytes);
    } catch {
      return this.#fault();
    }
    if (part.kind === 'unrecoverable') return 'unrecoverable';
    // More should be there: a store that answers nothing, or something else, would be asked for ever.
    const { publications } = part;
    if (publications[0]?.offset !== start) return this.#fault();
    let first: Batch | undefined;
    for (let from = 0; from < publications.length;) {
      const end = Math.min(publications.length, pageEnd(start + from) - start);
      const page = this.#keep(stream, start + from, publications.slice(from, end));
      first ??= page;
      from = end;
    }
    return first ?? this.#fault();
  }

  #fault(): 'fault' {
    this.#metrics.count('store_faults', { operation: 'read' });
    return 'fault';
  }

  /** Many may have waited for one read: each pulls and encodes and writes, so they come in slices too. */
  #answerSome(): void {
    this.#isAnswering = true;
    for (let next = this.#answered.shift(); next !== undefined; next = this.#answered.shift()) {
      try {
        next();
      } catch {
        // A reader that fails fails alone.
        this.#metrics.count('readers_failed');
      }
      if (!this.#turns.spend() && this.#answered.size > 0) {
        this.#turns.later(this.#answer, 'prompt');
        return;
      }
    }
    this.#isAnswering = false;
  }

  #keep(stream: Stream, start: number, publications: readonly Publication[]): Batch {
    this.#turns.spend(publications.length);
    const batch = new Batch(publications, this.#kept);
    const pages = this.#pages.get(stream) ?? new Map<number, Batch>();
    const known = pages.get(start);
    if (known !== undefined) this.#kept.forget(known);
    this.#pages.set(stream, pages);
    pages.set(start, batch);
    let ownBytes = 0;
    for (const { retainedBytes } of publications) ownBytes += retainedBytes;
    this.#placeOf.set(batch, { stream, start, ownBytes });
    this.#kept.batchGrew(batch, ownBytes);
    return batch;
  }

  #forgot(batch: Batch): number {
    const place = this.#placeOf.get(batch);
    if (place === undefined) return 0;
    const { stream, start, ownBytes } = place;
    this.#placeOf.delete(batch);
    const pages = this.#pages.get(stream);
    pages?.delete(start);
    if (pages?.size === 0) this.#pages.delete(stream);
    return ownBytes;
  }
}

/** Where a page that begins at `start` ends at the latest. */
function pageEnd(start: number): number {
  const isAligned = start % PAGE_ALIGNMENT === 0;
  if (!isAligned) return start + PAGE_ALIGNMENT - (start % PAGE_ALIGNMENT);
  let length = PAGE_ALIGNMENT;
  while (start % (2 * length) === 0 && length < MAX_PAGE_COUNT) length *= 2;
  return start + length;
}

/** Publications of one page: octets bound it before that, unless they are very small. */
const MAX_PAGE_COUNT = 1_024;
