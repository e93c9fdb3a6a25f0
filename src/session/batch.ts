/** Owns consecutive publications of one stream that sessions share, with what each dialect made of them. */
import type { Publication } from '../message/index.js';
import type { SharedBatch } from './shared-message.js';

/** Publications of one destination in the order of their offsets, encoded at most once for each variant. */
export class Batch {
  readonly publications: readonly Publication[];
  /** Whether none of them is for some sessions only. */
  readonly isForEveryone: boolean;
  #firstVariant: string | undefined = undefined;
  #firstEncoding: SharedBatch | undefined = undefined;
  #encodings: Map<string, SharedBatch> | undefined = undefined;

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
    } else (this.#encodings ??= new Map()).set(variant, encoding);
    return encoding;
  }
}
