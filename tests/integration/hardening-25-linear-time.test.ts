/** Hardening test 25: header values, topic patterns and bodies made to hurt take time in proportion to their length. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBound } from '../acceptance-bound.js';
import { isFullSize, tellFigure } from './hardening-rig.js';

interface Grammar {
  readonly parseExtensions: (header: string) => unknown;
  readonly parseSubprotocols: (header: string) => unknown;
  readonly hasToken: (list: string, token: string) => boolean;
  readonly isToken: (text: string) => boolean;
}
interface Foundation {
  readonly parseJson: (text: string) => unknown;
  readonly decodeBase64: (text: string) => unknown;
}
interface Patterns {
  readonly DestinationPattern: { parse(text: string): { matches(destination: string): boolean } };
}
const built = (path: string): string => new URL(`../../../dist/${path}`, import.meta.url).href;
const grammar = (await import(built('protocol/websocket/index.js'))) as Grammar;
const foundation = (await import(built('foundation/index.js'))) as Foundation;
const patterns = (await import(built('message/index.js'))) as Patterns;

/** Ten times the first are the 16 KiB that a door lets through. Two sizes, because caches and collections add to one of them. */
const SIZES = [1_600, 10_000];
const ROUND_COUNT = isFullSize(25) ? 30 : 1;
/** Ten times the input. */
const MAX_RATIO = 12;
/** Shorter than this, a clock and a collection are most of it. */
const FLOOR_MS = 0.001;

const HEADERS: Readonly<Record<string, (length: number) => string>> = {
  spaces: (length) => `a${' '.repeat(length)}b`,
  'spaces at the end': (length) => `a${' '.repeat(length)}`,
  commas: (length) => ','.repeat(length),
  semicolons: (length) => `a${';'.repeat(length)}`,
  'an unclosed quote': (length) => `a; b="${'x'.repeat(length)}`,
  backslashes: (length) => `a; b="${'\\'.repeat(length)}`,
  'quotes and backslashes': (length) => `a; b="${'\\"'.repeat(length / 2)}`,
  'parameters without an end': (length) => `a${'; b=c'.repeat(length / 5)}; d=`,
  'names of the prototype': (length) => '__proto__; constructor=1, '.repeat(length / 26),
  'quotes that are not closed': (length) => 'a; b="'.repeat(length / 6),
  parameters: (length) => 'a;b=c,'.repeat(length / 6),
  'one long token': (length) => `${'a'.repeat(length)}\u0000`,
  'tokens and spaces': (length) => 'a , '.repeat(length / 4),
};

const PATHS: Readonly<Record<string, (length: number) => string>> = {
  slashes: (length) => '/'.repeat(length),
  stars: (length) => `/${'*'.repeat(length)}`,
  'stars in segments': (length) => '/*'.repeat(length / 2),
  'an unclosed capture': (length) => `/{${'a'.repeat(length)}`,
  captures: (length) => '/{a}'.repeat(length / 4),
  'double stars': (length) => '/**'.repeat(length / 3),
  dots: (length) => '/..'.repeat(length / 3),
  percents: (length) => `/${'%2f'.repeat(length / 3)}`,
};

const BODIES: Readonly<Record<string, (length: number) => string>> = {
  quotes: (length) => '"'.repeat(length),
  backslashes: (length) => '\\'.repeat(length),
  'escaped quotes': (length) => '\\"'.repeat(length / 2),
  'strings of a backslash': (length) => '"\\\\'.repeat(length / 3),
  lists: (length) => '['.repeat(length),
  members: (length) => '{"":'.repeat(length / 4),
  'base64 without an end': (length) => 'pa'.repeat(length / 2),
};

function quietly(run: () => unknown): void {
  try {
    run();
  } catch {
    // A refusal is an answer too.
  }
}

/** Time of one run, of so many. */
function msOf(runCount: number, run: () => unknown): number {
  const startedAtMs = performance.now();
  for (let count = 0; count < runCount; count++) quietly(run);
  return (performance.now() - startedAtMs) / runCount;
}

let worstRatio = 0;

function checkLinear(
  words: string,
  textOf: (length: number) => string,
  read: (text: string) => unknown,
): void {
  const ratio = Math.min(...SIZES.map((size) => ratioAt(textOf, read, size)));
  worstRatio = Math.max(worstRatio, ratio);
  checkBound(ratio <= MAX_RATIO, `${words}: ten times the input takes ${ratio} times the time`);
}

/** How many times the time ten times the input takes; the best of rounds in turn. */
function ratioAt(
  textOf: (length: number) => string,
  read: (text: string) => unknown,
  size: number,
): number {
  const [few, many] = [textOf(size), textOf(size * 10)];
  const manyRuns = Math.ceil(20_000 / size);
  let [fewMs, manyMs] = [Infinity, Infinity];
  for (let round = 0; round < ROUND_COUNT; round++) {
    // As much work here as there, so that a collection meets both.
    fewMs = Math.min(
      fewMs,
      msOf(manyRuns * 10, () => read(few)),
    );
    manyMs = Math.min(
      manyMs,
      msOf(manyRuns, () => read(many)),
    );
  }
  return manyMs / Math.max(fewMs, FLOOR_MS);
}

test('[hardening 25] header values made to hurt are read in linear time', () => {
  for (const [words, textOf] of Object.entries(HEADERS)) {
    checkLinear(`extensions, ${words}`, textOf, grammar.parseExtensions);
    checkLinear(`subprotocols, ${words}`, textOf, grammar.parseSubprotocols);
    checkLinear(`list, ${words}`, textOf, (text) => grammar.hasToken(text, 'upgrade'));
    checkLinear(`token, ${words}`, textOf, grammar.isToken);
  }
  assert.equal(({} as { a?: unknown }).a, undefined);
});

test('[hardening 25] bodies made to hurt are read in linear time', () => {
  for (const [words, textOf] of Object.entries(BODIES)) {
    checkLinear(`JSON, ${words}`, textOf, foundation.parseJson);
    checkLinear(`base64, ${words}`, textOf, foundation.decodeBase64);
  }
});

test('[hardening 25] patterns and destinations made to hurt are read in linear time', (context) => {
  const any = patterns.DestinationPattern.parse('/a/{b}/*/**');
  for (const [words, textOf] of Object.entries(PATHS)) {
    checkLinear(`pattern, ${words}`, textOf, (text) => patterns.DestinationPattern.parse(text));
    checkLinear(`destination, ${words}`, textOf, (text) => any.matches(text));
  }
  tellFigure(context, `at most ${worstRatio.toFixed(1)} times the time for ten times the input`);
});
