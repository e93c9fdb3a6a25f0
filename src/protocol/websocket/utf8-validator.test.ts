/** Proves the incremental UTF-8 validator against the host's. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { Utf8Validator } from './utf8-validator.js';

function isValid(octets: Uint8Array, cut: number): boolean {
  const validator = new Utf8Validator();
  return (
    validator.accept(octets, 0, cut) &&
    validator.accept(octets, cut, octets.length) &&
    validator.isComplete
  );
}

test('RFC 3629: every sequence of two octets is judged as the host judges it', () => {
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const octets = Uint8Array.of(first, second);
      assert.equal(isValid(octets, 1), isUtf8(octets), `${first} ${second}`);
    }
  }
});

test('RFC 3629: every lead with every second octet and good ones after is judged as the host does', () => {
  for (let lead = 0xc0; lead < 256; lead++) {
    for (let second = 0; second < 256; second++) {
      for (const octets of [
        Uint8Array.of(lead, second, 0x80),
        Uint8Array.of(lead, second, 0xbf, 0x80),
      ]) {
        assert.equal(isValid(octets, 2), isUtf8(octets), `${lead} ${second}`);
      }
    }
  }
});

test('text with edge characters, mutated and cut anywhere, is judged as the host does', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc
      .constantFrom('\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}', 'ß')
      .map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.nat(), (pieces, seed) => {
      const octets = Buffer.concat(pieces);
      assert.equal(isValid(octets, octets.length === 0 ? 0 : seed % octets.length), isUtf8(octets));
    }),
    { numRuns: 300 },
  );
});

test('it fails at the first octet that cannot belong to text, not at the end', () => {
  for (const octets of [[0xc0], [0xf5], [0x80], [0xe0, 0x9f], [0xed, 0xa0], [0xf4, 0x90]]) {
    const validator = new Utf8Validator();
    assert.equal(validator.accept(Uint8Array.from(octets), 0, octets.length), false, octets.join());
  }
});
