/** Owns many patterns, found by destination: the cost of a look is that of the destination's depth, not of the count of patterns. */
import type { DestinationPattern } from './pattern.js';

/** One pattern that nothing else shares its further segments with: it needs no nodes for them. */
class Leaf<T> {
  readonly pattern: DestinationPattern;
  readonly value: T;

  constructor(pattern: DestinationPattern, value: T) {
    this.pattern = pattern;
    this.value = value;
  }
}

type Child<T> = Node<T> | Leaf<T>;

/** The patterns that share their first segments. */
class Node<T> {
  /** For `*` and captures. */
  one: Child<T> | undefined = undefined;
  /** By the text of the pattern that ends here: captures of different names end in one place. */
  values: Map<string, T> | undefined = undefined;
  /** Of patterns that end in `**` here. */
  restValues: Map<string, T> | undefined = undefined;
  /** Made for the second. */
  #literals: Map<string, Child<T>> | undefined = undefined;
  /** A segment that stands alone, as most prefixes do, is compared where it is and not cut out. */
  #onlyText: string | undefined = undefined;
  #onlyChild: Child<T> | undefined = undefined;
  /** Bits of the lengths and of the first characters that segments here have had: most that are not here are told by them. */
  #lengths = 0;
  #firsts = 0;

  get isEmpty(): boolean {
    return (
      this.#onlyChild === undefined &&
      this.#literals === undefined &&
      this.one === undefined &&
      this.values === undefined &&
      this.restValues === undefined
    );
  }

  /** The child for a segment of a pattern. */
  child(segment: string): Child<T> | undefined {
    if (isOne(segment)) return this.one;
    return this.#onlyText === segment ? this.#onlyChild : this.#literals?.get(segment);
  }

  /** The child for the segment that a destination has in `[start, end)`. */
  literalAt(destination: string, start: number, end: number): Child<T> | undefined {
    const length = end - start;
    const mayBe =
      (this.#lengths >>> (length & 31)) &
      (this.#firsts >>> (destination.charCodeAt(start) & 31)) &
      1;
    if (mayBe === 0) return undefined;
    if (this.#onlyText === undefined) return this.#literals?.get(destination.slice(start, end));
    const isOnly =
      this.#onlyText.length === length && destination.startsWith(this.#onlyText, start);
    return isOnly ? this.#onlyChild : undefined;
  }

  /** Adds the child for a segment, or puts another in its place. */
  put(segment: string, child: Child<T>): void {
    if (isOne(segment)) {
      this.one = child;
      return;
    }
    this.#lengths |= 1 << (segment.length & 31);
    this.#firsts |= 1 << (segment.charCodeAt(0) & 31);
    const isFirst = this.#literals === undefined && this.#onlyText === undefined;
    if (isFirst || this.#onlyText === segment) {
      this.#onlyText = segment;
      this.#onlyChild = child;
      return;
    }
    if (this.#literals === undefined) {
      this.#literals = new Map([[this.#onlyText!, this.#onlyChild!]]);
      this.#onlyText = this.#onlyChild = undefined;
    }
    this.#literals.set(segment, child);
  }

  remove(segment: string): void {
    if (isOne(segment)) {
      this.one = undefined;
      return;
    }
    this.#literals?.delete(segment);
    if (this.#onlyText === segment) this.#onlyText = this.#onlyChild = undefined;
    if (this.#literals?.size === 1) {
      const [only] = this.#literals;
      this.#literals = undefined;
      [this.#onlyText, this.#onlyChild] = only!;
    }
    if (this.#onlyText !== undefined || this.#literals !== undefined) return;
    this.#lengths = 0;
    this.#firsts = 0;
  }
}

/** A trie of segments with one value for each pattern. */
export class PatternIndex<T> {
  #root = new Node<T>();
  readonly #values = new Map<string, T>();
  #version = 0;
  /** Of the look under way; an array of its own from the first that is found. */
  #found: T[] | undefined = undefined;
  #visitCount = 0;

  get size(): number {
    return this.#values.size;
  }

  /** Rises whenever a pattern comes or goes: what was found before it may be kept until then. */
  get version(): number {
    return this.#version;
  }

  /**
   * Nodes that all looks have visited so far: where literals and wildcards stand in the same places, one look visits more
   * than the destination has segments, and whoever has a budget counts that.
   */
  get visitCount(): number {
    return this.#visitCount;
  }

  /** The value of this very pattern. */
  get(pattern: DestinationPattern): T | undefined {
    return this.#values.get(pattern.text);
  }

  set(pattern: DestinationPattern, value: T): void {
    const { text } = pattern;
    const leaf = new Leaf(pattern, value);
    const segments = segmentsOf(pattern);
    let node = this.#root;
    /** Those of the one leaf that may be in its way: it is pushed down as far as both go the same way. */
    let pushed: readonly string[] | undefined;
    for (const [depth, segment] of segments.entries()) {
      const child = node.child(segment);
      const isSame = child instanceof Leaf && child.pattern.text === text;
      if (child === undefined || isSame) {
        node.put(segment, leaf);
        return this.#noted(text, value);
      }
      if (child instanceof Leaf) {
        const inner = new Node<T>();
        pushed ??= segmentsOf(child.pattern);
        putBelow(inner, child, pushed, depth + 1);
        node.put(segment, inner);
        node = inner;
      } else node = child;
    }
    putBelow(node, leaf, segments, segments.length);
    this.#noted(text, value);
  }

  /** Whether it was there. */
  delete(pattern: DestinationPattern): boolean {
    const { text } = pattern;
    if (!this.#values.delete(text)) return false;
    prune(this.#root, text, segmentsOf(pattern), 0);
    this.#version += 1;
    return true;
  }

  clear(): void {
    this.#root = new Node();
    this.#values.clear();
    this.#version += 1;
  }

  /** The values of all patterns that match a destination, in no particular order. */
  matching(destination: string): readonly T[] {
    if (this.#values.size === 0) return NONE;
    this.#collect(this.#root, destination, 0, 1);
    const found = this.#found;
    this.#found = undefined;
    return found ?? NONE;
  }

  /** Whether any pattern matches a destination. */
  matches(destination: string): boolean {
    return this.matching(destination).length > 0;
  }

  #noted(text: string, value: T): void {
    this.#values.set(text, value);
    this.#version += 1;
  }

  #collect(node: Node<T>, destination: string, depth: number, start: number): void {
    this.#visitCount += 1;
    this.#add(node.restValues);
    const slash = destination.indexOf('/', start);
    const end = slash < 0 ? destination.length : slash;
    const { one } = node;
    const literal = node.literalAt(destination, start, end);
    if (literal !== undefined) this.#follow(literal, destination, depth, end);
    if (one !== undefined) this.#follow(one, destination, depth, end);
  }

  /** The child is that of the segment of that depth, which ends at `end`. */
  #follow(child: Child<T>, destination: string, depth: number, end: number): void {
    if (child instanceof Leaf) {
      this.#visitCount += 1;
      const isMatch = child.pattern.matches(destination, depth + 1, end + 1);
      if (isMatch) (this.#found ??= []).push(child.value);
    } else if (end === destination.length) this.#add(child.values);
    else this.#collect(child, destination, depth + 1, end + 1);
  }

  #add(values: ReadonlyMap<string, T> | undefined): void {
    if (values === undefined) return;
    this.#found ??= [];
    for (const value of values.values()) this.#found.push(value);
  }
}

/** One for all that found nothing. */
const NONE: readonly never[] = [];

function isOne(segment: string): boolean {
  return segment === '*' || segment.startsWith('{');
}

/** Those that stand for one segment each: `**` is what a node has beside its children. */
function segmentsOf({ text }: DestinationPattern): readonly string[] {
  const segments = text.slice(1).split('/');
  if (segments.at(-1) === '**') segments.pop();
  return segments;
}

/** Puts a leaf where its segments lead from a node of that depth: to a child, or to the node itself where it ends there. */
function putBelow<T>(
  node: Node<T>,
  leaf: Leaf<T>,
  segments: readonly string[],
  depth: number,
): void {
  const segment = segments[depth];
  const { text } = leaf.pattern;
  if (segment !== undefined) node.put(segment, leaf);
  else if (text.endsWith('/**')) (node.restValues ??= new Map<string, T>()).set(text, leaf.value);
  else (node.values ??= new Map<string, T>()).set(text, leaf.value);
}

/** Takes a pattern out, with the nodes that nothing else needs. */
function prune<T>(node: Node<T>, text: string, segments: readonly string[], depth: number): void {
  const segment = segments[depth];
  if (segment === undefined) {
    if (text.endsWith('/**')) {
      node.restValues?.delete(text);
      if (node.restValues?.size === 0) node.restValues = undefined;
    } else {
      node.values?.delete(text);
      if (node.values?.size === 0) node.values = undefined;
    }
    return;
  }
  const child = node.child(segment);
  if (child === undefined) return;
  if (!(child instanceof Leaf)) prune(child, text, segments, depth + 1);
  if (child instanceof Leaf ? child.pattern.text === text : child.isEmpty) node.remove(segment);
}
