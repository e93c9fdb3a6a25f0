/** Proves octet arithmetic against Node's own. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  concatOctets,
  decodeBase64,
  decodeUtf8,
  encodeBase64,
  encodeBase64Url,
  encodeUtf8,
  equalOctets,
  utf8ByteLength,
} from './index.js';

/** Any sequence of UTF-16 units, halves of surrogate pairs among them. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd7f0, max: 0xe010 })), { maxLength: 40 })
  .map((units) => String.fromCharCode(...units));

test('utf8ByteLength is the length that encoding has, lone surrogates included', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(utf8ByteLength(text), encodeUtf8(text).length);
    }),
    { numRuns: 1_000 },
  );
  assert.equal(utf8ByteLength('a\u00e9\u20ac\u{1f600}\ud800'), 1 + 2 + 3 + 4 + 3);
});

test('base64 and base64url are those of Node, and base64 reads back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (octets) => {
      const text = encodeBase64(octets);
      assert.equal(text, Buffer.from(octets).toString('base64'));
      assert.equal(encodeBase64Url(octets), Buffer.from(octets).toString('base64url'));
      assert.deepEqual(decodeBase64(text), octets);
    }),
  );
});

test('base64 that is not canonical is refused', () => {
  const refused = [
    'A',
    'AA',
    'AAA',
    '=',
    '====',
    'A===',
    'AB==',
    'AAB=',
    'AA==AAAA',
    'AA A',
    'AA-_',
    'QQ==\n',
    'Q\u0100==',
    'é===',
  ];
  for (const text of refused) assert.equal(decodeBase64(text), undefined, text);
  assert.deepEqual(decodeBase64(''), new Uint8Array(0));
});

test('decodeBase64 never throws, and what it reads is written the same', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      const octets = decodeBase64(text);
      if (octets !== undefined) assert.equal(encodeBase64(octets), text);
    }),
  );
});

test('a megabyte of base64 is read whole', () => {
  const text = encodeBase64(new Uint8Array(1_048_576).fill(0xa5));
  assert.equal(decodeBase64(text)?.length, 1_048_576);
});

test('decodeUtf8 refuses invalid octets and keeps a byte order mark', () => {
  assert.throws(() => decodeUtf8(Uint8Array.of(0xc3)), TypeError);
  assert.throws(() => decodeUtf8(Uint8Array.of(0xed, 0xa0, 0x80)), TypeError);
  assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41)), '\ufeffA');
});

test('concatenation and comparison', () => {
  const whole = concatOctets([Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)]);
  assert.ok(equalOctets(whole, Uint8Array.of(1, 2, 3)));
  assert.ok(!equalOctets(whole, Uint8Array.of(1, 2)));
  assert.ok(!equalOctets(whole, Uint8Array.of(1, 2, 4)));
});
