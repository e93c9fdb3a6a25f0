/** Owns consecutive publications of one stream that sessions share, with what each dialect made of them. */
import type { Publication } from '../message/index.js';
import type { SharedBatch } from './shared-message.js';

/** Variants beside the first that a batch remembers; what is beyond is encoded anew for each who asks. */
const MAX_KEPT_VARIANT_COUNT = 256;
/** What a character of a header costs, in octets of a body. */
const HEADER_WEIGHT = 8;
/** What a message has on the wire beside its body, about. */
const FRAME_BYTES = 256;
const LARGE_BYTES = 12_288;
/** Octets of those, about. */
const MAX_KEPT_VARIANT_BYTES = 4_194_304;

/** Who counts what the encodings of a batch cost, and lets go of them. */
export interface BatchKeeper {
  /** An encoding was made and is kept. */
  batchGrew(batch: Batch, bytes: number): void;
}

/** Publications of one destination in the order of their offsets, encoded at most once for each variant. */
export class Batch {
  readonly publications: readonly Publication[];
  /** Whether none of them is for some sessions only. */
  readonly isForEveryone: boolean;
  readonly #keeper: BatchKeeper | undefined;
  #firstVariant: string | undefined = undefined;
  #units = 0;
  #isLarge = false;
  #firstEncoding: SharedBatch | undefined = undefined;
  #encodings: Map<string, SharedBatch> | undefined = undefined;
  /** Octets of the encodings beside the first. */
  #keptBytes = 0;
  #encodedBytes = 0;
  /** Who is the how many-th to be given the encoding that was asked for last; whoever wants to know sets it to 1 before. */
  lastReaderCount: number = 1;

  /** `keeper` is told of what the encodings cost; without one they live as long as the batch. */
  constructor(publications: readonly Publication[], keeper?: BatchKeeper) {
    this.publications = publications;
    this.isForEveryone = publications.every(({ audience }) => audience === undefined);
    this.#keeper = keeper;
  }

  /** The variant that was asked for first, nearly always the only one. */
  get firstVariant(): string | undefined {
    return this.#firstVariant;
  }

  /** Octets that the encodings cost as they are kept now, with what transports make of them. */
  get encodedBytes(): number {
    return this.#encodedBytes;
  }

  /** Whether it is some ten kilobytes on the wire: worth a look at what waits for its reader. Ten small ones are not. */
  get isLarge(): boolean {
    return this.units > 0 && this.#isLarge;
  }

  /** What to deliver it costs, in units of a turn's budget. */
  get units(): number {
    if (this.#units === 0) {
      let bytes = 0;
      for (const { body, headers } of this.publications) {
        bytes += body.length;
        // Each is escaped, for each way in which it is written.
        for (const [name, value] of headers) bytes += HEADER_WEIGHT * (name.length + value.length);
      }
      this.#units = this.publications.length + (bytes >> 12);
      this.#isLarge = bytes + this.publications.length * FRAME_BYTES >= LARGE_BYTES;
    }
    return this.#units;
  }

  /** The encoding of a variant (dialect and options), made by `encode` for the first who asks. */
  encodedAs(variant: string, encode: (batch: Batch) => SharedBatch): SharedBatch {
    const encoding = this.#encodingOf(variant, encode);
    this.lastReaderCount = ++encoding.readerCount;
    return encoding;
  }

  #encodingOf(variant: string, encode: (batch: Batch) => SharedBatch): SharedBatch {
    // Nearly all receivers of a batch share one variant, so one slot stands before the map.
    if (this.#firstVariant === variant && this.#firstEncoding !== undefined) {
      return this.#firstEncoding;
    }
    const known = this.#encodings?.get(variant);
    if (known !== undefined) return known;
    const encoding = encode(this);
    if (this.#firstVariant === undefined) {
      this.#firstVariant = variant;
      this.#firstEncoding = encoding;
      this.#grow(encoding.retainedBytes);
    } else this.#keep(variant, encoding);
    return encoding;
  }

  /** Forgets the encodings, and answers what they cost: who asks later has his made anew. */
  forgetEncodings(): number {
    const bytes = this.#encodedBytes;
    this.#firstVariant = undefined;
    this.#firstEncoding = undefined;
    this.#encodings = undefined;
    this.#keptBytes = 0;
    this.#encodedBytes = 0;
    return bytes;
  }

  /** Within a bound: clients choose what makes a variant, and a batch lives as long as its stream has nothing newer. */
  #keep(variant: string, encoding: SharedBatch): void {
    this.#encodings ??= new Map();
    const { retainedBytes } = encoding;
    const hasRoom =
      this.#encodings.size < MAX_KEPT_VARIANT_COUNT &&
      this.#keptBytes + retainedBytes <= MAX_KEPT_VARIANT_BYTES;
    if (!hasRoom) return;
    this.#encodings.set(variant, encoding);
    this.#keptBytes += retainedBytes;
    this.#grow(retainedBytes);
  }

  #grow(bytes: number): void {
    this.#encodedBytes += bytes;
    this.#keeper?.batchGrew(this, bytes);
  }
}
