/** Proves the grammar of destinations, limit by limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestError } from '../foundation/index.js';
import { checkDestination, destinationFault, isWithin, quoted } from './index.js';

const repeated = (segment: string, count: number): string => `/${segment}`.repeat(count);

const ACCEPTED: readonly (readonly [why: string, destination: string])[] = [
  ['one segment', '/a'],
  ['case and marks count', '/Topic/a-b_c.d~e!f$g&h'],
  ['percent is a character like any other', '/topic/%2e%2E%2f'],
  ['a space', '/topic/a b'],
  ['three dots', '/topic/...'],
  ['a segment that begins with a dot', '/topic/.hidden'],
  ['any script', '/topic/prix/café/数据/🌊'],
  ['decomposed letters stay as they are', '/topic/cafe\u0301'],
  ['a no-break space and a zero-width joiner', '/topic/\u00a0\u200d'],
  ['a backslash', '/topic/..\\x'],
  ['255 octets in a segment', `/${'a'.repeat(255)}`],
  ['255 octets in two-octet letters and one', `/${'é'.repeat(127)}a`],
  ['32 segments', repeated('a', 32)],
  ['1,024 octets', `${repeated('a'.repeat(255), 4)}`],
];

const REFUSED: readonly (readonly [why: string, destination: string, fault: RegExp])[] = [
  ['empty', '', /begin with/],
  ['no slash', 'topic/a', /begin with/],
  ['only a slash', '/', /empty segment/],
  ['trailing slash', '/topic/', /empty segment/],
  ['double slash', '/topic//a', /empty segment/],
  ['dot', '/topic/./a', /segment is "\."/],
  ['dot dot', '/topic/../ops', /segment is "\.\."/],
  ['star', '/topic/*', /\*/],
  ['star within', '/topic/a*b', /\*/],
  ['rest', '/topic/**', /\*/],
  ['question mark', '/topic/a?', /\?/],
  ['capture', '/topic/{name}', /\{/],
  ['closing brace', '/topic/}', /\}/],
  ['NUL', '/topic/\u0000', /control/],
  ['line feed', '/topic/a\nb', /control/],
  ['carriage return', '/topic/a\rb', /control/],
  ['tab', '/topic/\t', /control/],
  ['DEL', '/topic/\u007f', /control/],
  ['C1 control', '/topic/\u0085', /control/],
  ['high surrogate alone', '/topic/\ud83c', /surrogate/],
  ['low surrogate alone', '/topic/\udf0a', /surrogate/],
  ['surrogates the wrong way round', '/topic/\udf0a\ud83c', /surrogate/],
  ['256 octets in a segment', `/${'a'.repeat(256)}`, /segment is longer than 255/],
  ['256 octets in two-octet letters', `/${'é'.repeat(128)}`, /segment is longer than 255/],
  ['33 segments', repeated('a', 33), /32 segments/],
  ['1,025 octets', `${repeated('a'.repeat(203), 5)}/aaaa`, /1024 octets/],
  [
    '1,025 octets, fewer characters',
    `${repeated('é'.repeat(100), 5)}/${'é'.repeat(7)}aaaaa`,
    /1024/,
  ],
];

for (const [why, destination] of ACCEPTED) {
  test(`[D1] a destination is accepted: ${why}`, () => {
    assert.equal(destinationFault(destination), undefined);
    assert.doesNotThrow(() => checkDestination(destination));
  });
}

for (const [why, destination, fault] of REFUSED) {
  test(`[D1] a destination is refused: ${why}`, () => {
    assert.match(destinationFault(destination) ?? 'accepted', fault);
    assert.throws(
      () => checkDestination(destination),
      (error) => error instanceof RequestError && error.code === 'destination/invalid',
    );
  });
}

test('[D1] any text is judged without an exception, in the same way twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      assert.equal(destinationFault(`/${text}`), destinationFault(`/${text}`));
    }),
  );
});

test('an error message shows the beginning of a long destination, escaped', () => {
  assert.equal(quoted('/a\u0000"'), '"/a\\u0000\\""');
  assert.ok(quoted('x'.repeat(10_000)).length < 100);
});

test('a destination is within a prefix by whole segments only', () => {
  assert.ok(isWithin('/topic', '/topic'));
  assert.ok(isWithin('/topic', '/topic/a'));
  assert.ok(!isWithin('/topic', '/topics/a'));
  assert.ok(!isWithin('/topic/a', '/topic'));
});
