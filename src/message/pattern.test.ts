/** Proves patterns: what matches, what is captured, and that one covers another only when it truly does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestError } from '../foundation/index.js';
import { DestinationPattern } from './index.js';

const parse = (text: string): DestinationPattern => DestinationPattern.parse(text);

const MATCHES: readonly (readonly [pattern: string, destination: string, matches: boolean])[] = [
  ['/topic/a', '/topic/a', true],
  ['/topic/a', '/topic/A', false],
  ['/topic/a', '/topic/a/b', false],
  ['/topic/caf\u00e9', '/topic/cafe\u0301', false],
  ['/topic/*', '/topic/a', true],
  ['/topic/*', '/topic', false],
  ['/topic/*', '/topic/a/b', false],
  ['/topic/**', '/topic', false],
  ['/topic/**', '/topic/a', true],
  ['/topic/**', '/topic/a/b/c', true],
  ['/*/a', '/topic/a', true],
  ['/*/*/**', '/a/b', false],
  ['/*/*/**', '/a/b/c/d', true],
  ['/topic/a.*', '/topic/a.b', false],
];

for (const [pattern, destination, matches] of MATCHES.filter(([text]) => !text.includes('.'))) {
  test(`[D2] ${pattern} ${matches ? 'matches' : 'does not match'} ${destination}`, () => {
    assert.equal(parse(pattern).matches(destination), matches);
  });
}

test('[D2] what Ant knows and Tideway does not is an error, not a surprise', () => {
  const refused = [
    '/topic/a*',
    '/topic/a?',
    '/topic/**/a',
    '/**/a',
    '/{a',
    '/a}',
    '/{}',
    '/{1a}',
    '/{a b}',
    '/{a}{b}',
    '/x{a}',
    '/***',
    '/{*}',
    '/topic/a.*',
  ];
  for (const text of [...refused, '/{a}/{a}', 'topic/*', '/topic//*', '/topic/../*', '/*/', '']) {
    assert.throws(
      () => parse(text),
      (error) => error instanceof RequestError && error.code === 'destination/invalid',
      text,
    );
  }
});

test('[D2] captures are the segments that they stand for', () => {
  const captures = parse('/app/{room}/*/{user}').capturesOf('/app/lobby/x/ada');
  assert.deepEqual(
    [...(captures ?? [])],
    [
      ['room', 'lobby'],
      ['user', 'ada'],
    ],
  );
  assert.equal(parse('/app/{room}').capturesOf('/app/a/b'), undefined);
  assert.deepEqual([...(parse('/app/{a}/**').capturesOf('/app/x/y/z') ?? [])], [['a', 'x']]);
  assert.equal(parse('/app/{__proto__}').capturesOf('/app/x')?.get('__proto__'), 'x');
});

test('[D3] a capture that meets a wildcard has the wildcard as its value', () => {
  const captures = parse('/topic/{room}').capturesOfPattern(parse('/topic/*'));
  assert.equal(captures?.get('room'), '*');
});

test('a pattern is exact when it names one destination', () => {
  assert.ok(parse('/topic/a').isExact);
  for (const text of ['/topic/*', '/topic/**', '/topic/{a}']) assert.ok(!parse(text).isExact);
  assert.ok(parse('/{a}').hasCaptures);
  assert.ok(!parse('/*').hasCaptures);
});

const NAMES = ['a', 'b', 'c'] as const;
const name = fc.constantFrom(...NAMES);
const inner = fc.oneof(name, fc.constant('*'));
const pattern = fc
  .tuple(fc.array(inner, { maxLength: 4 }), fc.oneof(inner, fc.constant('**')))
  .map(([segments, last]) => `/${[...segments, last].join('/')}`);

/** Every destination of one to five segments over three names would be too many: those up to four. */
function allDestinations(): readonly string[] {
  let level: readonly string[] = [''];
  const all: string[] = [];
  for (let depth = 0; depth < 4; depth++) {
    level = level.flatMap((prefix) => NAMES.map((segment) => `${prefix}/${segment}`));
    all.push(...level);
  }
  return all;
}

test('[D3] if a covers b, every destination that matches b matches a; and if not, one does not', () => {
  const destinations = allDestinations();
  const deep = ['/a/a/a/a/a', '/c/c/c/c/c/c', '/z', '/z/z', '/z/z/z', '/z/z/z/z', '/z/z/z/z/z'];
  let coveredCount = 0;
  fc.assert(
    fc.property(pattern, pattern, (left, right) => {
      const [a, b] = [parse(left), parse(right)];
      // A segment that no pattern names stands for all the others, so the converse can be seen too.
      const fresh = right.replaceAll('**', 'z/z').replaceAll('*', 'z');
      const shortest = right.replaceAll('**', 'z').replaceAll('*', 'z');
      const within = [...destinations, ...deep, fresh, shortest].filter((one) => b.matches(one));
      assert.ok(within.length > 0);
      const isCovered = within.every((one) => a.matches(one));
      assert.equal(a.covers(b), isCovered, `${left} covers ${right}`);
      if (isCovered) coveredCount += 1;
    }),
    { numRuns: 2_000 },
  );
  assert.ok(coveredCount > 50, 'the property was not tried on covered pairs');
});

test('[D2] whether a destination matches and what it captures never disagree', () => {
  const name = fc.constantFrom('a', 'b', 'ab', 'ba', 'é');
  const wanted = fc.oneof(name, fc.constant('*'));
  const pathOf = (names: readonly string[]): string => `/${names.join('/')}`;
  const patterns = fc
    .tuple(fc.array(wanted, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([names, hasRest]) => pathOf(hasRest ? [...names, '**'] : names));
  const destinations = fc.array(name, { minLength: 1, maxLength: 5 }).map(pathOf);
  fc.assert(
    fc.property(patterns, destinations, (text, destination) => {
      const pattern = parse(text);
      const isCaptured = pattern.capturesOf(destination) !== undefined;
      assert.equal(pattern.matches(destination), isCaptured);
    }),
    { numRuns: 2_000 },
  );
});
