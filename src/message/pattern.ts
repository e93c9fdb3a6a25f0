/** Owns patterns over destinations (semantics D2, D3): matching, captures, and whether one pattern lies inside another. */
import { RequestError } from '../foundation/index.js';
import { pathFault, quoted } from './destination.js';

/** Values of `{name}` segments. */
export type Captures = ReadonlyMap<string, string>;

const NO_CAPTURES: Captures = new Map();
const CAPTURE = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/;

type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'one'; readonly capture: string | undefined }
  | { readonly kind: 'rest' };

/** `*` is one whole segment, `**` as the last segment the rest (one segment or more), `{name}` captures one. */
export class DestinationPattern {
  readonly text: string;
  readonly #segments: readonly Segment[];
  /** As many rules may ask for them. */
  #splitNames: readonly string[] | undefined = undefined;

  private constructor(text: string, segments: readonly Segment[]) {
    this.text = text;
    this.#segments = segments;
  }

  /** Throws a RequestError `destination/invalid` that says what is wrong. */
  static parse(text: string): DestinationPattern {
    const fault = pathFault(text);
    if (fault !== undefined) throw invalid(text, fault);
    const names = text.slice(1).split('/');
    const segments = names.map((name, index) => {
      const segment = parseSegment(text, name);
      if (segment.kind === 'rest' && index < names.length - 1) {
        throw invalid(text, '"**" may only be the last segment');
      }
      return segment;
    });
    const captures = segments.flatMap((segment) =>
      segment.kind === 'one' && segment.capture !== undefined ? [segment.capture] : [],
    );
    if (new Set(captures).size < captures.length) throw invalid(text, 'a capture is named twice');
    return new DestinationPattern(text, segments);
  }

  /** Whether it names one destination only. */
  get isExact(): boolean {
    return this.#segments.every((segment) => segment.kind === 'literal');
  }

  /** Segments that are `*` or captures. */
  get wildcardCount(): number {
    return this.#segments.filter((segment) => segment.kind === 'one').length;
  }

  get hasCaptures(): boolean {
    return this.#segments.some(
      (segment) => segment.kind === 'one' && segment.capture !== undefined,
    );
  }

  /** The names of its `{name}` segments, from the left. */
  get captureNames(): readonly string[] {
    return this.#segments.flatMap((segment) =>
      segment.kind === 'one' && segment.capture !== undefined ? [segment.capture] : [],
    );
  }

  /**
   * Whether a destination matches: from its segment of that index on, which begins at `start`, where those before it are known to.
   */
  matches(destination: string, index: number = 0, start: number = 1): boolean {
    // Thousands of names are tried for each that matches, so nothing is allocated here.
    for (; index < this.#segments.length; index++) {
      const segment = this.#segments[index]!;
      if (start > destination.length) return false;
      if (segment.kind === 'rest') return true;
      const slash = destination.indexOf('/', start);
      const end = slash < 0 ? destination.length : slash;
      if (segment.kind === 'literal') {
        const { text } = segment;
        if (text.length !== end - start || !destination.startsWith(text, start)) return false;
      }
      start = end + 1;
    }
    return start > destination.length;
  }

  /** The captures of a matching destination, undefined when it does not match. */
  capturesOf(destination: string): Captures | undefined {
    return this.#walk(destination.slice(1).split('/'));
  }

  /**
   * The captures when every destination of `other` matches this pattern too, undefined otherwise.
   * Where a capture meets a wildcard of `other`, its value is the wildcard itself, which no destination contains.
   */
  capturesOfPattern(other: DestinationPattern): Captures | undefined {
    return this.#walk(other.#names);
  }

  /** Whether every destination of `other` matches this pattern too. */
  covers(other: DestinationPattern): boolean {
    return this.capturesOfPattern(other) !== undefined;
  }

  get #names(): readonly string[] {
    return (this.#splitNames ??= this.text.slice(1).split('/'));
  }

  #walk(names: readonly string[]): Captures | undefined {
    let captures: Map<string, string> | undefined;
    for (const [index, segment] of this.#segments.entries()) {
      const name = names[index];
      if (name === undefined) return undefined;
      if (segment.kind === 'rest') return captures ?? NO_CAPTURES;
      if (segment.kind === 'literal') {
        if (segment.text !== name) return undefined;
        continue;
      }
      if (name === '**') return undefined;
      if (segment.capture !== undefined) (captures ??= new Map()).set(segment.capture, name);
    }
    return names.length === this.#segments.length ? (captures ?? NO_CAPTURES) : undefined;
  }
}

function parseSegment(pattern: string, name: string): Segment {
  if (name === '*') return { kind: 'one', capture: undefined };
  if (name === '**') return { kind: 'rest' };
  const capture = CAPTURE.exec(name)?.[1];
  if (capture !== undefined) return { kind: 'one', capture };
  if (/[*?{}]/.test(name)) {
    throw invalid(pattern, '"*", "**" and "{name}" stand for whole segments, "?" for nothing');
  }
  return { kind: 'literal', text: name };
}

function invalid(text: string, fault: string): RequestError {
  return new RequestError('destination/invalid', `${quoted(text)} is not a pattern: ${fault}`);
}
