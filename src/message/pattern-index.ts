/** Owns many patterns, found by destination: the cost of a look is that of the destination's depth, not of the count of patterns. */
import type { DestinationPattern } from './pattern.js';

/** The patterns that share their first segments. */
class Node<T> {
  literals: Map<string, Node<T>> | undefined = undefined;
  /** For `*` and captures. */
  one: Node<T> | undefined = undefined;
  /** By the text of the pattern that ends here: captures of different names end in one place. */
  values: Map<string, T> | undefined = undefined;
  /** Of patterns that end in `**` here. */
  restValues: Map<string, T> | undefined = undefined;

  get isEmpty(): boolean {
    return (
      this.literals === undefined &&
      this.one === undefined &&
      this.values === undefined &&
      this.restValues === undefined
    );
  }
}

/** A trie of segments with one value for each pattern. */
export class PatternIndex<T> {
  #root = new Node<T>();
  readonly #values = new Map<string, T>();
  #version = 0;
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
    const found: T[] = [];
    this.#collect(this.#root, destination, 1, found);
    return found.length === 0 ? NONE : found;
  }

  /** Whether any pattern matches a destination. */
  matches(destination: string): boolean {
    return this.matching(destination).length > 0;
  }

  #collect(node: Node<T>, destination: string, start: number, found: T[]): void {
    this.#visitCount += 1;
    addAll(node.restValues, found);
    const slash = destination.indexOf('/', start);
    const end = slash < 0 ? destination.length : slash;
    const { literals, one } = node;
    const literal = literals?.get(destination.slice(start, end));
    if (slash < 0) {
      addAll(literal?.values, found);
      addAll(one?.values, found);
      return;
    }
    if (literal !== undefined) this.#collect(literal, destination, end + 1, found);
    if (one !== undefined) this.#collect(one, destination, end + 1, found);
  }
}

/** One for all that found nothing. */
const NONE: readonly never[] = [];

function addAll<T>(values: ReadonlyMap<string, T> | undefined, found: T[]): void {
  if (values === undefined) return;
  for (const value of values.values()) found.push(value);
}

function isOne(segment: string): boolean {
  return segment === '*' || segment.startsWith('{');
}

function childOf<T>(node: Node<T>, segment: string): Node<T> {
  if (isOne(segment)) return (node.one ??= new Node());
  const literals = (node.literals ??= new Map<string, Node<T>>());
  let child = literals.get(segment);
  if (child === undefined) literals.set(segment, (child = new Node()));
  return child;
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
    const child = node.literals?.get(segment);
    if (child === undefined) return;
    prune(child, text, segments, depth + 1);
    if (!child.isEmpty) return;
    node.literals?.delete(segment);
    if (node.literals?.size === 0) node.literals = undefined;
  }
}
