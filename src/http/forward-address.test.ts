/** Proves that every address is judged by what it leads to, whichever way it is written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AddressGuard, guardedLookup, type AddressClass } from './forward-address.js';

const guard = new AddressGuard();

/** Numbers of 32 bits: an oracle that shares nothing with the lists but the standard. */
const V4_RANGES: readonly (readonly [first: string, last: string, kind: AddressClass])[] = [
  ['0.0.0.0', '0.255.255.255', 'refused'],
  ['10.0.0.0', '10.255.255.255', 'private'],
  ['100.64.0.0', '100.100.100.199', 'private'],
  ['100.100.100.200', '100.100.100.200', 'refused'],
  ['100.100.100.201', '100.127.255.255', 'private'],
  ['127.0.0.0', '127.255.255.255', 'private'],
  ['168.63.129.16', '168.63.129.16', 'refused'],
  ['169.254.0.0', '169.254.255.255', 'refused'],
  ['172.16.0.0', '172.31.255.255', 'private'],
  ['192.0.0.0', '192.0.0.255', 'refused'],
  ['192.0.2.0', '192.0.2.255', 'refused'],
  ['192.88.99.0', '192.88.99.255', 'refused'],
  ['192.168.0.0', '192.168.255.255', 'private'],
  ['198.18.0.0', '198.19.255.255', 'refused'],
  ['198.51.100.0', '198.51.100.255', 'refused'],
  ['203.0.113.0', '203.0.113.255', 'refused'],
  ['224.0.0.0', '255.255.255.255', 'refused'],
];

const numberOf = (address: string): number =>
  address.split('.').reduce((number, octet) => number * 256 + Number(octet), 0);
const dotted = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
const ranges = V4_RANGES.map(
  ([first, last, kind]) => [numberOf(first), numberOf(last), kind] as const,
);
const expectedOf = (number: number): AddressClass =>
  ranges.find(([first, last]) => number >= first && number <= last)?.[2] ?? 'public';

/** Any address, and often one at the edge of a range. */
const v4 = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc
    .tuple(fc.constantFrom(...ranges.flatMap(([first, last]) => [first, last])), fc.nat(2))
    .map(([edge, step]) => Math.min(0xffffffff, Math.max(0, edge + step - 1))),
);
const hex = (number: number): string =>
  `${Math.floor(number / 65_536).toString(16)}:${(number % 65_536).toString(16)}`;

test('an IPv4 address has the class of its range, to the very edges', () => {
  fc.assert(
    fc.property(v4, (number) => {
      assert.equal(guard.classOf(dotted(number)), expectedOf(number), dotted(number));
    }),
    { numRuns: 2_000 },
  );
});

test('an IPv4 address in IPv6 clothes is judged by itself: compatible, mapped, translated, NAT64, 6to4', () => {
  const forms: readonly ((number: number) => string)[] = [
    (number) => `::ffff:${dotted(number)}`,
    (number) => `::ffff:${hex(number)}`,
    (number) => `0:0:0:0:0:FFFF:${hex(number).toUpperCase()}`,
    (number) => `::ffff:0:${hex(number)}`,
    (number) => `64:ff9b::${dotted(number)}`,
    (number) => `64:ff9b:0:0:0:0:${hex(number)}`,
    (number) => `2002:${hex(number)}::1`,
    (number) => `2002:${hex(number)}:1:2:3:4:5`,
    (number) => `::ffff:${dotted(number)}%eth0`,
  ];
  fc.assert(
    fc.property(v4, fc.constantFrom(...forms), (number, form) => {
      assert.equal(guard.classOf(form(number)), expectedOf(number), form(number));
    }),
    { numRuns: 3_000 },
  );
  // The loopback address of IPv6 would be the unspecified network of IPv4.
  fc.assert(
    fc.property(v4, (number) => {
      const expected = number === 1 ? 'private' : expectedOf(number);
      assert.equal(guard.classOf(`::${dotted(number)}`), expected, dotted(number));
    }),
  );
});

const group = fc.integer({ min: 0, max: 0xffff }).map((number) => number.toString(16));
const groups = (length: number): fc.Arbitrary<string> =>
  fc.array(group, { minLength: length, maxLength: length }).map((all) => all.join(':'));

test('an IPv6 address is public only inside global unicast, and not where that is reserved', () => {
  const under = (first: readonly [min: number, max: number], kind: AddressClass): void => {
    const start = fc.integer({ min: first[0], max: first[1] });
    fc.assert(
      fc.property(start, groups(7), (head, tail) => {
        assert.equal(guard.classOf(`${head.toString(16)}:${tail}`), kind, `${head}:${tail}`);
      }),
      { numRuns: 300 },
    );
  };
  under([0xfe80, 0xfebf], 'refused');
  under([0xfec0, 0xfeff], 'refused');
  under([0xff00, 0xffff], 'refused');
  under([0x4000, 0xfbff], 'refused');
  under([0x0200, 0x1fff], 'refused');
  under([0x2400, 0x2fff], 'public');
  under([0xfc00, 0xfcff], 'private');
  under([0xfd30, 0xfdff], 'private');
});

test('single addresses: loopback, unspecified, metadata, documentation, Teredo, and what is none', () => {
  const expected: Readonly<Record<string, AddressClass>> = {
    '::1': 'private',
    '0:0:0:0:0:0:0:1': 'private',
    '::1%lo': 'private',
    '::': 'refused',
    'fd00:ec2::254': 'refused',
    'fd00:0ec2:0:0:0:0:0:0254': 'refused',
    'fd20:ce::254': 'refused',
    'fd00:ec2::253': 'private',
    'fe80::1%eth0': 'refused',
    '2001:db8::1': 'refused',
    '2001:0:4136:e378:8000:63bf:3fff:fdd2': 'refused',
    '3fff::1': 'refused',
    '64:ff9b:1::10.0.0.1': 'refused',
    '100::1': 'refused',
    '5f00::1': 'refused',
    '2606:4700::1111': 'public',
    '2001:4860:4860::8888': 'public',
    '8.8.8.8': 'public',
    '': 'refused',
    localhost: 'refused',
    '127.1': 'refused',
    '0x7f.0.0.1': 'refused',
    '[::1]': 'refused',
  };
  for (const [address, kind] of Object.entries(expected)) {
    assert.equal(guard.classOf(address), kind, address);
  }
});

test('a lookup answers only what may be connected to, in either form, and refuses when nothing is left', async () => {
  const ask = (addresses: readonly string[], allowPrivate: boolean, all: boolean) => {
    const lookup = guardedLookup(guard, allowPrivate, () => Promise.resolve(addresses));
    return new Promise((resolve, reject) => {
      lookup('back.example', { all }, (error, found, family) => {
        if (error !== null) reject(error);
        else resolve(all ? found : [found, family]);
      });
    });
  };
  const mixed = ['169.254.169.254', '10.0.0.5', '8.8.8.8', '2606:4700::1111'];
  assert.deepEqual(await ask(mixed, false, true), [
    { address: '8.8.8.8', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ]);
  assert.deepEqual(await ask(mixed, true, false), ['10.0.0.5', 4]);
  await assert.rejects(ask(['10.0.0.5'], false, true), /10\.0\.0\.5: .*allowPrivate/);
  await assert.rejects(ask(['169.254.169.254'], true, true), /never forwarded to/);
  await assert.rejects(ask([], true, false), /no address/);
});
