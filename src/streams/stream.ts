/** Owns one stream on this node: the ring that live cursors share, who reads it, and how far they have been told (semantics S9). */
import { equalOctets, type TurnBudget } from '../foundation/index.js';
import type { Publication, StreamPosition } from '../message/index.js';
import { Batch, type BatchKeeper, type Delivery } from '../session/index.js';
import { DueReaders } from './due-readers.js';
import { LiveRing } from './live-ring.js';
import { OpeningMarks } from './opening-marks.js';
import type { RetainedTally } from './retained-tally.js';
import type { FeedEntry } from './stream-store.js';

/** Who is told that a stream has more. */
export interface StreamReader {
  streamReady(stream: Stream): void;
  /** Where it goes on in the ring, where it was told and pulls in a later turn for want of room in this one; undefined otherwise. */
  owedFrom(stream: Stream): number | undefined;
}

/** Readers that are told of many streams. */
export interface ReaderGroup {
  readonly readers: ReadonlySet<StreamReader>;
}

export type BatchDelivery = Extract<Delivery, { readonly kind: 'publications' }>;

/** What all streams of a node share. */
export interface StreamEnvironment {
  readonly tally: RetainedTally;
  /** Of the batches that live readers share. */
  readonly keeper: BatchKeeper & { forget(batch: Batch): void };
}

/** `gap`: one before it never came (semantics S3). `lost`: what follows cannot be joined to what was read. */
export type Acceptance = 'taken' | 'known' | 'gap' | 'lost';

/** Octets that a stream costs without its publications: objects, maps, its deadline. Measured on Node 24. */
const STREAM_BYTES = 1_024;
/** Readers that are told between two looks at the budget: a look for each would cost as much as telling it. */
const UNITS_AT_ONCE = 16;
const NO_GROUPS: readonly ReaderGroup[] = [];

/**
 * Publications by offset, the latest `liveRingBytes` of them and all that readers were not told of. They are told in rounds: each
 * round tells everybody of `[tellingFrom, tellingTo)`, in as many slices as it takes; what comes meanwhile is for the next one.
 */
export class Stream {
  readonly destination: string;
  readonly epoch: string;
  readonly #environment: StreamEnvironment;
  /** The offset after the one at which the store said that the stream stands. */
  readonly #followedFrom: number;
  readonly #ring: LiveRing;
  readonly #marks: OpeningMarks;
  #startOffset: number;
  #hasTaken = false;
  /** Those who read it by its name. */
  readonly #readers = new Set<StreamReader>();
  /** Readers by patterns that have something of it to pull. */
  behindCount: number = 0;
  /** Octets of the ring that not every reader was told of. */
  #untoldBytes = 0;
  #tellingFrom: number;
  #tellingTo: number;
  #tellingBytes = 0;
  /** Those who are still to be told in the round under way, and of which group they are. */
  #telling: IterableIterator<StreamReader> | undefined = undefined;
  #isInRound = false;
  #tellingGroups: readonly ReaderGroup[] = NO_GROUPS;
  #tellingGroupCount = 0;
  #due: DueReaders | undefined = undefined;
  /** The batch built last, and the bound it was cut by: readers at the same place share it. */
  #delivery: BatchDelivery | undefined = undefined;
  #batchStart = 0;
  #batchEnd = 0;
  #batchMaxBytes = 0;
  /** Whether the bound ended it rather than the end that was asked for. */
  #batchIsCut = false;
  /** Which patterns read it, and the version of their index in which that was found. Belongs to their owner. */
  groups: readonly ReaderGroup[] = NO_GROUPS;
  groupsVersion: number = -1;
  /** Whether it stands in the line of those that have something to tell. Belongs to the flush. */
  isDirty: boolean = false;
  /** Whose the newest of its ring is. Belongs to those who look for what may be let go of. */
  ringShare: string | undefined = undefined;
  /** Whether a gap is being mended, and entries wait for that. Belongs to the hub. */
  isRepairing: boolean = false;
  /** Set when the feed lost an entry for good. */
  #isInterrupted = false;
  #owesInterruption = false;
  /** Pattern readers up to this opening have missed something of it. */
  #missedBy: number;
  #countedBytes = STREAM_BYTES;
  #isHeld = true;
  #isLingering = false;

  /**
   * `position` is the last one before the ring begins. Pattern readers up to the opening `missedBy` have still to hear that the one
   * before it was interrupted.
   */
  constructor(
    destination: string,
    position: StreamPosition,
    maxRingBytes: number,
    openingNumber: number,
    environment: StreamEnvironment,
    missedBy: number = 0,
  ) {
    this.destination = destination;
    this.epoch = position.epoch;
    this.#environment = environment;
    this.#missedBy = missedBy;
    this.#followedFrom = position.offset + 1;
    this.#startOffset = this.#followedFrom;
    this.#tellingFrom = this.#startOffset;
    this.#tellingTo = this.#startOffset;
    this.#ring = new LiveRing(this.#startOffset, maxRingBytes, environment.tally);
    this.#marks = new OpeningMarks(openingNumber);
    environment.tally.totalBytes += STREAM_BYTES;
  }

  /** The first offset that the ring still has. */
  get tailOffset(): number {
    return this.#ring.tail;
  }

  /** The offset that the feed has to bring next. */
  get headOffset(): number {
    return this.#ring.head;
  }

  /** The offset that the next publication will have. */
  get nextOffset(): number {
    return Math.max(this.#ring.head, this.#followedFrom);
  }

  /** Where the round under way, or the last one, begins. */
  get tellingFrom(): number {
    return this.#tellingFrom;
  }

  /** Up to here it tells. */
  get tellingTo(): number {
    return this.#tellingTo;
  }

  /** Of what is before it everybody was told. */
  get toldTo(): number {
    return this.#isInRound ? this.#tellingFrom : this.#tellingTo;
  }

  get maxRingBytes(): number {
    return this.#ring.maxBytes;
  }

  /** Octets that its ring would grow by. */
  growthBy(bytes: number): number {
    return this.#ring.growthBy(bytes);
  }

  /** Whether the newest of it is of that share. */
  isOf(share: string): boolean {
    return this.#ring.isOf(share);
  }

  /** Whether somebody reads it by its name, and not by a pattern alone. */
  get isPinned(): boolean {
    return this.#readers.size > 0;
  }

  /** Whether its readers are owed more than the ring holds. */
  get owesTooMuch(): boolean {
    const { maxBytes, retainedBytes } = this.#ring;
    return this.#untoldBytes > maxBytes || (this.hasDueReaders && retainedBytes > maxBytes);
  }

  /** Whether some were told and had no room to pull in their turn. */
  get hasDueReaders(): boolean {
    return this.#due !== undefined;
  }

  /** Looks at those again, once in a turn; answers how many there were. */
  reviewDueReaders(): number {
    const count = this.#due?.review(this) ?? 0;
    if (this.#due?.from === Infinity) this.#due = undefined;
    this.#trim();
    return count;
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  get retainedBytes(): number {
    return this.#countedBytes;
  }

  /** Each reader once. */
  addReader(reader: StreamReader): void {
    this.#readers.add(reader);
  }

  removeReader(reader: StreamReader): void {
    this.#readers.delete(reader);
  }

  /** Takes an entry of the feed; `openingNumber` says how many pattern readers have been opened. */
  accept({ publication, epoch, offset }: FeedEntry, openingNumber: number): Acceptance {
    if (epoch !== this.epoch) return 'lost';
    if (!this.#hasTaken && offset < this.#ring.head) this.#rewindTo(offset);
    if (offset < this.#ring.head) {
      const known = this.#ring.at(offset);
      // An engine that was rolled back says another thing under the same offset.
      return known === undefined || isSame(known, publication) ? 'known' : 'lost';
    }
    if (offset > this.#ring.head) return 'gap';
    this.#hasTaken = true;
    const { retainedBytes } = publication;
    this.#marks.note(openingNumber, offset);
    this.#ring.push(publication, retainedBytes);
    this.#untoldBytes += retainedBytes;
    this.#trim();
    return 'taken';
  }

  /**
   * A store may say where a stream stands while what it counted is still on its way through the feed. Readers of a
   * pattern are owed that too.
   */
  #rewindTo(offset: number): void {
    this.#startOffset = offset;
    this.#tellingFrom = offset;
    this.#tellingTo = offset;
    this.#ring.beginAt(offset);
  }

  /** The feed lost an entry for good: whoever reads it is told so, and it takes nothing any more. */
  interrupt(openingNumber: number): void {
    this.#isInterrupted = true;
    this.#owesInterruption = true;
    this.#missedBy = openingNumber;
  }

  /** Pattern readers up to this opening have missed something of it: 0 when there are none. */
  get missedBy(): number {
    return this.#missedBy;
  }

  /** Nobody is there to be told. */
  skipRound(): void {
    this.#tellingFrom = this.#tellingTo = this.#ring.head;
    this.#untoldBytes = 0;
    this.#marks.forgetBefore(this.#tellingTo);
    this.#trim();
  }

  /** Tells up to `maxCount` of those who read it by its name or by `groups`; false when some are left. */
  tell(groups: readonly ReaderGroup[], maxCount: number, turns: TurnBudget): boolean {
    if (!this.#isInRound) this.#beginRound(groups);
    let count = 0;
    while (this.#telling !== undefined) {
      // It goes on where it was left, with those who came meanwhile and without those who left.
      for (const reader of this.#telling) {
        reader.streamReady(this);
        count += 1;
        if (turns.pendingDeliveryCount > 0) this.#noteDue(reader);
        if (count % UNITS_AT_ONCE !== 0 && turns.hasRoom) continue;
        if (!turns.spend(UNITS_AT_ONCE) || count >= maxCount) return false;
      }
      this.#telling = this.#tellingGroups[this.#tellingGroupCount++]?.readers.values() as
        IterableIterator<StreamReader> | undefined;
    }
    turns.spend(count % UNITS_AT_ONCE);
    return true;
  }

  #noteDue(reader: StreamReader): void {
    const from = reader.owedFrom(this);
    if (from !== undefined) (this.#due ??= new DueReaders()).add(reader, from);
  }

  #beginRound(groups: readonly ReaderGroup[]): void {
    this.#tellingFrom = this.#tellingTo;
    this.#tellingTo = this.#ring.head;
    this.#tellingBytes = this.#untoldBytes;
    this.#isInRound = true;
    this.#owesInterruption = false;
    this.#tellingGroups = groups;
    this.#tellingGroupCount = 0;
    this.#telling = this.#readers.values();
  }

  /** Everybody was told: what the ring kept for them may go. Answers whether there is another round to begin. */
  endRound(): boolean {
    this.#isInRound = false;
    this.#untoldBytes -= this.#tellingBytes;
    this.#tellingBytes = 0;
    this.#tellingGroups = NO_GROUPS;
    this.#marks.forgetBefore(this.#tellingTo);
    this.#trim();
    return this.#ring.head > this.#tellingTo || this.#owesInterruption;
  }

  /** Where in the round under way a reader begins that was opened as the `openingNumber`th; undefined: not in it. */
  roundStartFor(openingNumber: number): number | undefined {
    const first = this.#marks.firstAfter(openingNumber, this.#tellingFrom);
    return first === undefined || first >= this.#tellingTo ? undefined : first;
  }

  /** The batch that readers at this place share, if the last one built is theirs. */
  sharedFrom(offset: number, maxBytes: number, end: number): BatchDelivery | undefined {
    const isTheirs =
      this.#batchStart === offset &&
      this.#batchMaxBytes === maxBytes &&
      (this.#batchIsCut ? this.#batchEnd <= end : this.#batchEnd === end);
    return isTheirs ? this.#delivery : undefined;
  }

  /** Builds that batch: the publications in `[offset, end)`, about `maxBytes` of them. */
  shareFrom(offset: number, maxBytes: number, end: number): BatchDelivery | undefined {
    if (offset >= end) return undefined;
    const publications = this.#ring.take(offset, end, maxBytes);
    const { keeper } = this.#environment;
    if (this.#delivery !== undefined) keeper.forget(this.#delivery.batch);
    this.#batchStart = offset;
    this.#batchEnd = offset + publications.length;
    this.#batchMaxBytes = maxBytes;
    this.#batchIsCut = this.#batchEnd < end;
    const batch = new Batch(publications, keeper);
    return (this.#delivery = { kind: 'publications', batch, isLast: !this.#batchIsCut });
  }

  /** The publications in `[offset, end)`, about `maxBytes` of them, for a batch of somebody else. */
  publicationsFrom(offset: number, end: number, maxBytes: number): readonly Publication[] {
    return this.#ring.take(offset, end, maxBytes);
  }

  /**
   * Lets go of about so many octets that everybody was told of, the oldest first, though its ring has room for them; answers how many.
   * Who has not pulled them has overflowed.
   */
  shorten(bytes: number): number {
    const freedBytes = this.#ring.shorten(
      bytes,
      Math.min(this.toldTo, this.#due?.from ?? Infinity),
    );
    if (freedBytes > 0) this.#forgetDelivery();
    this.#count();
    return freedBytes;
  }

  /** It is kept for readers who may come back, or not any more for them alone. */
  set isLingering(isLingering: boolean) {
    if (isLingering === this.#isLingering || !this.#isHeld) return;
    this.#isLingering = isLingering;
    this.#environment.tally.lingeringBytes += isLingering
      ? this.#countedBytes
      : -this.#countedBytes;
  }

  /** It belongs to nobody any more, but to readers that have still to hear of it. */
  letGo(): void {
    this.isLingering = false;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#due = undefined;
    this.#environment.tally.totalBytes -= this.#countedBytes;
    this.#ring.disown();
    if (this.#delivery !== undefined) this.#environment.keeper.forget(this.#delivery.batch);
  }

  /** It would keep alive what the ring has let go of. */
  #forgetDelivery(): void {
    if (this.#delivery === undefined || this.#batchStart >= this.#ring.tail) return;
    this.#environment.keeper.forget(this.#delivery.batch);
    this.#delivery = undefined;
  }

  #trim(): void {
    const toldTo = this.#isInRound ? this.#tellingFrom : this.#tellingTo;
    this.#ring.trim(Math.min(toldTo, this.#due?.from ?? Infinity));
    this.#count();
  }

  #count(): void {
    const bytes = STREAM_BYTES + this.#ring.retainedBytes;
    const change = bytes - this.#countedBytes;
    this.#countedBytes = bytes;
    if (!this.#isHeld) return;
    const { tally } = this.#environment;
    tally.totalBytes += change;
    if (this.#isLingering) tally.lingeringBytes += change;
  }
}

/** The part of a delivery that there is room for; the rest is pulled again from where it stands. */
export function firstOf(
  delivery: BatchDelivery | undefined,
  maxCount: number = Infinity,
): BatchDelivery | undefined {
  if (delivery === undefined || delivery.batch.publications.length <= maxCount) return delivery;
  const { publications } = delivery.batch;
  return { kind: 'publications', batch: new Batch(publications.slice(0, maxCount)) };
}

/** Whether two publications with one position say the same. */
function isSame(left: Publication, right: Publication): boolean {
  if (left === right) return true;
  return (
    left.publishedAtMs === right.publishedAtMs &&
    left.messageId === right.messageId &&
    left.key === right.key &&
    left.contentType === right.contentType &&
    equalOctets(left.body, right.body)
  );
}
