/** Owns consecutive publications of one stream that sessions share, with what each dialect made of them. */
import type { Publication } from '../message/index.js';
import type { SharedBatch } from './shared-message.js';

/** Variants beside the first that a batch remembers; what is beyond is encoded anew for each who asks. */
const MAX_KEPT_VARIANT_COUNT = 256;
/** Octets of those, about. */
const MAX_KEPT_VARIANT_BYTES = 4_194_304;

/** Publications of one destination in the order of their offsets, encoded at most once for each variant. */
export class Batch {
  readonly publications: readonly Publication[];
  /** Whether none of them is for some sessions only. */
  readonly isForEveryone: boolean;
  #firstVariant: string | undefined = undefined;
  #firstEncoding: SharedBatch | undefined = undefined;
  #encodings: Map<string, SharedBatch> | undefined = undefined;
  #keptBytes = 0;

  constructor(publications: readonly Publication[]) {
    this.publications = publications;
    this.isForEveryone = publications.every(({ audience }) => audience === undefined);
  }

  /** The encoding of a variant (dialect and options), made by `encode` for the first who asks. */
  encodedAs(variant: string, encode: (batch: Batch) => SharedBatch): SharedBatch {
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
    } else this.#keep(variant, encoding);
    return encoding;
  }

  /** Within a bound: clients choose what makes a variant, and a batch lives as long as its stream has nothing newer. */
  #keep(variant: string, encoding: SharedBatch): void {
    this.#encodings ??= new Map();
    for (const { octets } of encoding.messages) this.#keptBytes += octets.length;
    const hasRoom =
      this.#encodings.size < MAX_KEPT_VARIANT_COUNT && this.#keptBytes <= MAX_KEPT_VARIANT_BYTES;
    if (hasRoom) this.#encodings.set(variant, encoding);
  }
}
