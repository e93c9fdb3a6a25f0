/** Proves masking by words against masking by octets, at every alignment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Masker, NOT_ASCII_BITS, readMask, rotateMask } from './masking.js';

test('§5.3: octet i is XORed with octet i modulo 4 of the key, at every alignment and length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.nat({ max: 9 }),
      (key, payload, offset) => {
        const memory = new Uint8Array(offset + payload.length + 5);
        const view = memory.subarray(offset);
        view.set(payload);
        const seen = new Masker().apply(view, 0, payload.length, readMask(key, 0));
        const expected = payload.map((octet, index) => octet ^ key[index % 4]!);
        assert.deepEqual(view.subarray(0, payload.length), expected);
        assert.equal(
          (seen & NOT_ASCII_BITS) === 0,
          expected.every((octet) => octet < 0x80),
        );
        assert.ok(memory.subarray(offset + payload.length).every((octet) => octet === 0));
      },
    ),
    { numRuns: 300 },
  );
});

test('§5.3: a key that is rotated by the octets consumed goes on where it stopped', () => {
  const key = readMask(Uint8Array.of(0x81, 0x02, 0xf3, 0x44), 0);
  const whole = new Uint8Array(100).fill(0x5a);
  const parts = whole.slice();
  new Masker().apply(whole, 0, 100, key);
  for (const cut of [1, 2, 3, 4, 50, 97]) {
    const octets = parts.slice();
    const masker = new Masker();
    masker.apply(octets, 0, cut, key);
    masker.apply(octets, cut, 100, rotateMask(key, cut));
    assert.deepEqual(octets, whole, `cut at ${cut}`);
  }
});
