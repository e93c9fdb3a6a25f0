/** Proves which texts are addresses, and that each address has one spelling. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipAddressOctets, ipAddressText } from './ip-address.js';

const spellingOf = (text: string): string | undefined => {
  const octets = ipAddressOctets(text);
  return octets && ipAddressText(octets);
};

test('every spelling of an address becomes the one of RFC 5952', () => {
  const spellings: readonly (readonly [string, string])[] = [
    ['203.0.113.9', '203.0.113.9'],
    ['::1', '::1'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::FFFF:cb00:7109', '203.0.113.9'],
    ['64:ff9b::203.0.113.9', '64:ff9b::cb00:7109'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ];
  for (const [text, expected] of spellings) assert.equal(spellingOf(text), expected, text);
});

test('what is no address is none', () => {
  const wrong =
    ' 1.2.3.4|1.2.3|1.2.3.4.5|01.2.3.4|1.2.3.256|1.2.3.-1|1.2.3.4 |0x1.2.3.4|1.2.3.4:80|[::1]|::1%eth0|:::|1::2::3|:1|1:|' +
    '1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1:2:3:4::5:6:7:8|12345::|g::|::1.2.3|1.2.3.4::|::1.2.3.4:5||localhost|::ffff:1.2.3.256';
  for (const text of wrong.split('|')) assert.equal(spellingOf(text), undefined, text);
  assert.equal(spellingOf('1'.repeat(1_000_000)), undefined);
});

test('octets and text are the same thing, and any text is read without an exception', () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
      .map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(octets, (given) => {
      const text = ipAddressText(given);
      // As other software spells it.
      if (given.length === 16) assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`);
      const read = ipAddressOctets(text);
      const isMapped = given.length === 16 && read?.length === 4;
      assert.deepEqual(read, isMapped ? given.slice(12) : given);
    }),
    { numRuns: 1_000 },
  );
  const marks = fc.string({
    unit: fc.constantFrom(':', '.', '0', '1', '2', '3', 'a', 'f', '%', '[', ']', '/', ' '),
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), marks), (text) => {
      const spelling = spellingOf(text);
      if (spelling !== undefined) assert.equal(spellingOf(spelling), spelling);
    }),
    { numRuns: 2_000 },
  );
});
