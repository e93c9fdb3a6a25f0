/** Proves the spelling of names as segments: any name has one, no two share one, and no name has another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { destinationFault, escapeName, unescapeName } from './index.js';

/** Names that fit into a segment when every octet of them is escaped. */
const names = fc
  .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 15 }), fc.constantFrom('.', '..'))
  .filter((name) => Buffer.byteLength(name) <= 80);

test('[U3] every name has a segment, which spells that name again', () => {
  fc.assert(
    fc.property(names, (name) => {
      const segment = escapeName(name);
      assert.equal(destinationFault(`/user/${segment}/queue`), undefined);
      assert.equal(unescapeName(segment), name);
    }),
  );
});

test('[U3] a segment spells a name only as escapeName writes it', () => {
  const pieces = fc.constantFrom('%', '%2F', '%2f', '%25', '%41', 'a', 'é', '%C3%A9', '%FF', '2F');
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 6 }), (parts) => {
      const segment = parts.join('');
      const name = unescapeName(segment);
      if (name !== undefined) assert.equal(escapeName(name), segment);
    }),
  );
  for (const segment of ['%', '%2f', '%41', '%C3%A9', '%FF', 'a%', '%2F%2']) {
    assert.equal(unescapeName(segment), undefined, segment);
  }
});

test('a name that is none is refused in words', () => {
  const words = /^TypeError: the user's name is undefined; an anonymous principal has none$/;
  assert.throws(() => escapeName(undefined as unknown as string), words);
  assert.throws(() => escapeName(5 as unknown as string), /^TypeError: the user's name is no text/);
});
