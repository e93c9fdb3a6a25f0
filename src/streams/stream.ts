/** Owns one stream on this node: the ring that live cursors share, and who reads it (semantics S9). */
import { Ring } from '../foundation/index.js';
import type { Publication, StreamPosition } from '../message/index.js';
import { Batch, type Delivery } from '../session/index.js';
import type { FeedEntry } from './stream-store.js';

/** Who is told that a stream has more. */
export interface StreamReader {
  streamReady(stream: Stream): void;
  /** Whether all that the stream has was pulled. Only readers that come back by themselves have it. */
  hasRead?(stream: Stream): boolean;
  /** The stream is let go: it will be born anew when there is more. Goes with `hasRead`. */
  forget?(stream: Stream): void;
}

type BatchDelivery = Extract<Delivery, { readonly kind: 'publications' }>;

/** Publications by offset, the latest `liveRingBytes` of them. */
export class Stream {
  readonly destination: string;
  readonly epoch: string;
  readonly #maxRingBytes: number;
  /** The offset after the one at which the store said that the stream stands. */
  readonly #followedFrom: number;
  #ring: Ring<Publication>;
  #startOffset: number;
  #hasTaken = false;
  readonly #readers = new Set<StreamReader>();
  /** Readers that want this very stream and would not come back to another. */
  #pinCount = 0;
  #ringBytes = 0;
  /** Octets of it that no reader has been told of. */
  #untoldBytes = 0;
  /** The batch built last, and the bound it was cut by: readers at the same place share it. */
  #delivery: BatchDelivery | undefined;
  #batchStart = 0;
  #batchEnd = 0;
  #batchMaxBytes = 0;
  /** Whether the bound ended it rather than the ring's head. */
  #batchIsCut = false;
  /** Whether a flush is due. Belongs to the hub that owns the stream. */
  isDirty: boolean = false;
  /** Set when the feed lost an entry: what follows cannot be joined to what was read. */
  isInterrupted: boolean = false;

  /** `position` is the last one before the ring begins. */
  constructor(destination: string, position: StreamPosition, maxRingBytes: number) {
    this.destination = destination;
    this.epoch = position.epoch;
    this.#maxRingBytes = maxRingBytes;
    this.#followedFrom = position.offset + 1;
    this.#startOffset = this.#followedFrom;
    this.#ring = new Ring(this.#startOffset);
  }

  /** The first offset that the ring still has. */
  get tailOffset(): number {
    return this.#ring.tail;
  }

  /** The first offset that came, or that will come, through the feed. */
  get startOffset(): number {
    return this.#startOffset;
  }

  /** The offset that the next publication will have. */
  get nextOffset(): number {
    return Math.max(this.#ring.head, this.#followedFrom);
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Whether somebody reads it by its name, and not by a pattern alone. */
  get isPinned(): boolean {
    return this.#pinCount > 0;
  }

  /** Whether no reader by a pattern has anything left to pull. */
  get isReadToTheEnd(): boolean {
    return [...this.#readers].every((reader) => reader.hasRead?.(this) === true);
  }

  /** Each reader once. */
  addReader(reader: StreamReader): void {
    this.#readers.add(reader);
    if (reader.hasRead === undefined) this.#pinCount += 1;
  }

  removeReader(reader: StreamReader): void {
    if (this.#readers.delete(reader) && reader.hasRead === undefined) this.#pinCount -= 1;
  }

  /** Lets go of readers by patterns. */
  forgetReaders(): void {
    for (const reader of this.#readers) reader.forget?.(this);
    this.#readers.clear();
  }

  /**
   * Whether taking this one would push out what no reader has been told of: a burst of one turn must not overflow readers
   * who had no turn to read it.
   */
  owesReadersBefore(publication: Publication): boolean {
    return (
      this.#untoldBytes > 0 && this.#untoldBytes + publication.retainedBytes > this.#maxRingBytes
    );
  }

  /** Takes an entry of the feed; `lost` means that one before it never came (semantics S3). */
  accept(entry: FeedEntry): 'taken' | 'known' | 'lost' {
    if (entry.epoch !== this.epoch) return 'lost';
    if (!this.#hasTaken && entry.offset < this.#ring.head) this.#rewindTo(entry.offset);
    if (entry.offset < this.#ring.head) return 'known';
    if (entry.offset > this.#ring.head) return 'lost';
    this.#hasTaken = true;
    this.#ring.push(entry.publication);
    const { retainedBytes } = entry.publication;
    this.#ringBytes += retainedBytes;
    this.#untoldBytes += retainedBytes;
    // The newest stays, however large it is: otherwise a message larger than the ring could never be read.
    while (this.#ringBytes > this.#maxRingBytes && this.#ring.size > 1) {
      this.#ringBytes -= this.#ring.shift()?.retainedBytes ?? 0;
    }
    return 'taken';
  }

  /**
   * A store may say where a stream stands while what it counted is still on its way through the feed. Readers of a
   * pattern are owed that too.
   */
  #rewindTo(offset: number): void {
    this.#startOffset = offset;
    this.#ring = new Ring(offset);
  }

  /** Tells every reader that there is more. */
  notifyReaders(): void {
    this.#untoldBytes = 0;
    for (const reader of this.#readers) reader.streamReady(this);
  }

  /** The publications from `offset` on, about `maxBytes` of them; undefined when there is none yet. */
  deliveryFrom(offset: number, maxBytes: number): BatchDelivery | undefined {
    const head = this.#ring.head;
    if (offset >= head) return undefined;
    const isSame =
      this.#batchStart === offset &&
      this.#batchMaxBytes === maxBytes &&
      (this.#batchIsCut || this.#batchEnd === head);
    if (this.#delivery !== undefined && isSame) return this.#delivery;
    return this.#build(offset, maxBytes);
  }

  #build(offset: number, maxBytes: number): BatchDelivery {
    const publications: Publication[] = [];
    let takenBytes = 0;
    let next = offset;
    for (; next < this.#ring.head && takenBytes < maxBytes; next++) {
      const publication = this.#ring.at(next);
      if (publication === undefined) break;
      publications.push(publication);
      takenBytes += publication.retainedBytes;
    }
    this.#batchStart = offset;
    this.#batchEnd = next;
    this.#batchMaxBytes = maxBytes;
    this.#batchIsCut = takenBytes >= maxBytes;
    const isLast = !this.#batchIsCut;
    return (this.#delivery = { kind: 'publications', batch: new Batch(publications), isLast });
  }
}
