/** Owns many patterns, found by destination: the cost of a look is that of the destination's depth, not of the count of patterns. */
import type { DestinationPattern } from './pattern.js';

/** The patterns that share their first segments. */
class Node<T> {
  /** For `*` and captures. */
  one: Node<T> | undefined = undefined;
  /** By the text of the pattern that ends here: captures of different names end in one place. */
  values: Map<string, T> | undefined = undefined;
  /** Of patterns that end in `**` here. */
  restValues: Map<string, T> | undefined = undefined;
  /** Made for the first: most nodes are the last of their pattern. */
  #literals: Map<string, Node<T>> | undefined = undefined;
  /** A segment that stands alone, as most prefixes do, is compared where it is and not cut out. */
  #onlyText: string | undefined = undefined;
  #onlyChild: Node<T> | undefined = undefined;
  /** Bits of the lengths and of the first characters that segments here have had: most that are not here are told by them. */
  #lengths = 0;
  #firsts = 0;

  get isEmpty(): boolean {
    return (
      this.#literals === undefined &&
      this.one === undefined &&
      this.values === undefined &&
      this.restValues === undefined
    );
  }

  literal(segment: string): Node<T> | undefined {
    return this.#literals?.get(segment);
  }

  /** The child for the segment that a destination has in `[start, end)`. */
  literalAt(destination: string, start: number, end: number): Node<T> | undefined {
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

  add(segment: string): Node<T> {
    const child = new Node<T>();
    (this.#literals ??= new Map<string, Node<T>>()).set(segment, child);
    this.#lengths |= 1 << (segment.length & 31);
    this.#firsts |= 1 << (segment.charCodeAt(0) & 31);
    this.#findOnly();
    return child;
  }

  remove(segment: string): void {
    this.#literals?.delete(segment);
    if (this.#literals?.size === 0) {
      this.#literals = undefined;
      this.#lengths = 0;
      this.#firsts = 0;
    }
    this.#findOnly();
  }

  #findOnly(): void {
    const [only] = this.#literals?.size === 1 ? this.#literals : [];
    this.#onlyText = only?.[0];
    this.#onlyChild = only?.[1];
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
    const segments = text.slice(1).split('/');
    const isRest = segments.at(-1) === '**';
    if (isRest) segments.pop();
    let node = this.#root;
    for (const segment of segments) node = childOf(node, segment);
    if (isRest) (node.restValues ??= new Map<string, T>()).set(text, value);
    else (node.values ??= new Map<string, T>()).set(text, value);
    this.#values.set(text, value);
    this.#version += 1;
  }

  /** Whether it was there. */
  delete(pattern: DestinationPattern): boolean {
    const { text } = pattern;
    if (!this.#values.delete(text)) return false;
    prune(this.#root, text, text.slice(1).split('/'), 0);
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
    this.#collect(this.#root, destination, 1);
    const found = this.#found;
    this.#found = undefined;
    return found ?? NONE;
  }

  /** Whether any pattern matches a destination. */
  matches(destination: string): boolean {
    return this.matching(destination).length > 0;
  }

  #collect(node: Node<T>, destination: string, start: number): void {
    this.#visitCount += 1;
    this.#add(node.restValues);
    const slash = destination.indexOf('/', start);
    const end = slash < 0 ? destination.length : slash;
    const { one } = node;
    const literal = node.literalAt(destination, start, end);
    if (slash < 0) {
      this.#add(literal?.values);
      this.#add(one?.values);
      return;
    }
    if (literal !== undefined) this.#collect(literal, destination, end + 1);
    if (one !== undefined) this.#collect(one, destination, end + 1);
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

function childOf<T>(node: Node<T>, segment: string): Node<T> {
  if (isOne(segment)) return (node.one ??= new Node());
  return node.literal(segment) ?? node.add(segment);
}

/** Takes a pattern out, with the nodes that nothing else needs. */
function prune<T>(node: Node<T>, text: string, segments: readonly string[], depth: number): void {
  const segment = segments[depth];
  if (segment === undefined) {
    node.values?.delete(text);
    if (node.values?.size === 0) node.values = undefined;
  } else if (segment === '**') {
    node.restValues?.delete(text);
    if (node.restValues?.size === 0) node.restValues = undefined;
  } else if (isOne(segment)) {
    if (node.one === undefined) return;
    prune(node.one, text, segments, depth + 1);
    if (node.one.isEmpty) node.one = undefined;
  } else {
    const child = node.literal(segment);
    if (child === undefined) return;
    prune(child, text, segments, depth + 1);
    if (child.isEmpty) node.remove(segment);
  }
}
