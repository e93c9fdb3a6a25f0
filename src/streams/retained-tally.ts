/** Owns the sum of octets that the streams of a node keep, added to where they come and go so that asking for it costs nothing. */
import {
  RequestError,
  SERVER_OWNER,
  Shares,
  type Owner,
  type RetainedBudget,
} from '../foundation/index.js';
import type { Publication } from '../message/index.js';

/** Places of all pattern readers together, beside the few that each may always have. */
const MAX_PLACE_COUNT = 524_288;

/** What all rings, kept encodings, places of readers and waiting appends cost together. */
export class RetainedTally {
  readonly #budget: RetainedBudget | undefined;
  #ownedBytes = 0;
  totalBytes: number = 0;
  /** Places of pattern readers in streams that they are behind in: whose they are. */
  readonly places: Shares;
  /** The part of it that is kept for readers who may come back. */
  lingeringBytes: number = 0;

  /** `budget`: what publications in rings are charged to their owners in, and all the rest is measured for. */
  constructor(budget?: RetainedBudget, maxPlaceCount: number = MAX_PLACE_COUNT) {
    this.#budget = budget;
    this.places = new Shares(maxPlaceCount);
    budget?.measure(() => this.totalBytes - this.#ownedBytes);
  }

  /** Whether so much more may be kept for an owner. */
  admits({ share }: Owner, bytes: number): boolean {
    return this.#budget?.admits(share, bytes) ?? true;
  }

  /** A publication stands in a ring from now on, or does no more. The ring counts it in the total. */
  own({ owner = SERVER_OWNER, retainedBytes }: Publication, isKept: boolean): void {
    const bytes = isKept ? retainedBytes : -retainedBytes;
    this.#ownedBytes += bytes;
    this.#budget?.charge(owner.share, bytes);
  }
}

/** What a publisher gets for whom no room can be made. */
export function noRoom(): RequestError {
  return new RequestError(
    'stream/unavailable',
    'the server keeps all that it can (maxRetainedBytes), and this publisher has its share of it; try again later',
  );
}
