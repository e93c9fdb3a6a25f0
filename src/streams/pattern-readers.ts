/** Owns the readers by patterns of this node, in groups of one pattern, and which of them a stream concerns. */
import type { TurnBudget } from '../foundation/index.js';
import { PatternIndex, type DestinationPattern } from '../message/index.js';
import type { PatternReader } from './pattern-reader.js';
import type { ReaderGroup, Stream } from './stream.js';

export interface PatternGroup extends ReaderGroup {
  readonly pattern: DestinationPattern;
  readonly readers: Set<PatternReader>;
}

/** Visits to nodes of the index that cost about as much as telling one reader. */
const VISITS_A_UNIT = 32;

const NONE: readonly PatternGroup[] = [];

export class PatternReaders {
  readonly #index = new PatternIndex<PatternGroup>();
  readonly #turns: TurnBudget;
  #openingNumber = 0;

  constructor(turns: TurnBudget) {
    this.#turns = turns;
  }

  /** How many were opened so far: what came under a smaller number is nothing that a reader is owed. */
  get openingNumber(): number {
    return this.#openingNumber;
  }

  /** The group of a pattern, made for its first reader. */
  join(pattern: DestinationPattern, reader: PatternReader): PatternGroup {
    let group = this.#index.get(pattern);
    if (group === undefined) {
      group = { pattern, readers: new Set() };
      this.#index.set(pattern, group);
    }
    group.readers.add(reader);
    return group;
  }

  /** A reader that has joined is open. */
  open(reader: PatternReader): void {
    this.#openingNumber += 1;
    reader.begin(this.#openingNumber);
  }

  /** Answers whether it was the last of its pattern. */
  leave(group: PatternGroup, reader: PatternReader): boolean {
    if (!group.readers.delete(reader) || group.readers.size > 0) return false;
    return this.#index.get(group.pattern) === group && this.#index.delete(group.pattern);
  }

  /** The groups that read a destination of which no stream is held yet. */
  groupsFor(destination: string): readonly PatternGroup[] {
    return this.#index.size === 0 ? NONE : this.#look(destination);
  }

  /** What was found a moment ago is not looked up again. */
  found(stream: Stream, groups: readonly ReaderGroup[]): void {
    stream.groups = groups;
    stream.groupsVersion = this.#index.version;
  }

  /** The groups that read a stream; looked up again only when patterns have come or gone. */
  groupsOf(stream: Stream): readonly ReaderGroup[] {
    if (stream.groupsVersion !== this.#index.version) {
      this.found(stream, this.#look(stream.destination));
    }
    return stream.groups;
  }

  clear(): void {
    this.#index.clear();
  }

  /** Patterns of many wildcards cost more than the depth of a destination: that counts as work of the turn. */
  #look(destination: string): readonly PatternGroup[] {
    const before = this.#index.visitCount;
    const found = this.#index.matching(destination);
    const visitCount = this.#index.visitCount - before;
    if (visitCount >= VISITS_A_UNIT) this.#turns.spend(Math.floor(visitCount / VISITS_A_UNIT));
    return found;
  }
}
