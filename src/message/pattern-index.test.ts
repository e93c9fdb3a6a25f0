/** Proves the index of patterns against the patterns themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DestinationPattern, PatternIndex } from './index.js';

/** Few names, so that patterns and destinations meet. */
const NAMES = ['a', 'b', 'ab'] as const;
const destinations = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 5 })
  .map((segments) => `/${segments.join('/')}`);
const patterns = fc
  .tuple(
    fc.array(fc.constantFrom(...NAMES, '*', '*', '{x}'), { minLength: 1, maxLength: 4 }),
    fc.boolean(),
  )
  .map(([segments, isRest]) => {
    const named = segments.map((segment, index) => (segment === '{x}' ? `{x${index}}` : segment));
    return DestinationPattern.parse(`/${named.join('/')}${isRest ? '/**' : ''}`);
  });

function found(index: PatternIndex<string>, destination: string): readonly string[] {
  return index.matching(destination).toSorted();
}

test('[D2] finds exactly the patterns that match, while patterns come and go', () => {
  const steps = fc.array(fc.tuple(patterns, fc.integer({ min: 0, max: 3 })), { maxLength: 40 });
  fc.assert(
    fc.property(steps, fc.array(destinations, { minLength: 1 }), (changes, looks) => {
      const index = new PatternIndex<string>();
      const known = new Map<string, DestinationPattern>();
      for (const [pattern, kind] of changes) {
        if (kind === 0) {
          assert.equal(index.delete(pattern), known.delete(pattern.text));
        } else {
          index.set(pattern, pattern.text);
          known.set(pattern.text, pattern);
        }
        assert.equal(index.size, known.size);
        assert.equal(index.get(pattern), known.get(pattern.text)?.text);
        for (const destination of looks) {
          const expected = [...known.values()].filter((one) => one.matches(destination));
          assert.deepEqual(found(index, destination), expected.map(({ text }) => text).toSorted());
          assert.equal(index.matches(destination), expected.length > 0);
        }
      }
      for (const pattern of known.values()) index.delete(pattern);
      for (const destination of looks) assert.deepEqual(found(index, destination), []);
    }),
    { numRuns: 300 },
  );
});

test('`**` is the root of all, and stands for one segment or more', () => {
  const index = new PatternIndex<string>();
  for (const text of ['/**', '/a/**', '/a/*', '/a/{name}']) {
    index.set(DestinationPattern.parse(text), text);
  }
  assert.deepEqual(found(index, '/a'), ['/**']);
  assert.deepEqual(found(index, '/a/b'), ['/**', '/a/*', '/a/**', '/a/{name}']);
  index.clear();
  assert.deepEqual([index.size, found(index, '/a/b')], [0, []]);
});

test('a look costs the depth of the destination, not the count of patterns', () => {
  const visits = (count: number): number => {
    const index = new PatternIndex<number>();
    for (let one = 0; one < count; one++) {
      index.set(DestinationPattern.parse(`/topic/${one}/*/status`), one);
    }
    const before = index.visitCount;
    assert.deepEqual(index.matching('/topic/7/x/status'), [7]);
    assert.deepEqual(index.matching('/topic/none/x/status'), []);
    return index.visitCount - before;
  };
  assert.equal(visits(10), visits(10_000));
});

test('the version tells when what was found has to be looked up again', () => {
  const index = new PatternIndex<number>();
  const pattern = DestinationPattern.parse('/a/*');
  const versions = [index.version];
  index.set(pattern, 1);
  versions.push(index.version);
  index.matching('/a/b');
  assert.equal(index.version, versions[1]);
  index.delete(pattern);
  versions.push(index.version);
  assert.equal(index.delete(pattern), false);
  assert.deepEqual([new Set(versions).size, index.version], [3, versions[2]]);
});

test('what stands alone costs one visit, however many segments it has', () => {
  const index = new PatternIndex<number>();
  const tail = 'a/'.repeat(20);
  for (let one = 0; one < 100; one++) {
    index.set(DestinationPattern.parse(`/x/${one % 10}/${tail}${one}/*`), one);
  }
  index.set(DestinationPattern.parse(`/other/${tail}*`), -1);
  const before = index.visitCount;
  assert.deepEqual(index.matching(`/other/${tail}x`), [-1]);
  assert.equal(index.visitCount - before, 2, 'the root and itself');
  assert.deepEqual(index.matching(`/x/3/${tail}none/x`), []);
  assert.deepEqual(index.matching(`/x/3/${tail}13/x`), [13]);
});
