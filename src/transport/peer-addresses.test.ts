/** Proves whose connection a socket is: what a client writes itself counts for nothing, whatever it writes. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Peer } from '../session/index.js';
import { CONTRADICTION, PeerAddresses, trustedProxyFault } from './peer-addresses.js';

function socketFrom(remoteAddress: string | undefined, encrypted: boolean = false): Duplex {
  return Object.assign(new Duplex(), { remoteAddress, remotePort: 4711, encrypted });
}

function peerOf(
  trusted: readonly string[],
  remoteAddress: string | undefined,
  ...rawHeaders: string[]
): Peer {
  const peer = new PeerAddresses(trusted).peerOf(socketFrom(remoteAddress), rawHeaders);
  assert.notEqual(peer, CONTRADICTION);
  return peer as Peer;
}

const PROXY = '10.0.0.1';
const FOR = 'X-Forwarded-For';

test('[C1] without a trusted proxy it is the address of the socket, in one spelling', () => {
  const claim = [FOR, '198.51.100.7', 'Forwarded', 'for=198.51.100.7'];
  assert.deepEqual(peerOf([], '203.0.113.9', ...claim), {
    address: '203.0.113.9',
    port: 4711,
    isSecure: false,
    share: '203.0.113.9',
  });
  assert.equal(peerOf([PROXY], '203.0.113.9', ...claim).address, '203.0.113.9');
  const mapped = peerOf([], '::ffff:203.0.113.9');
  assert.deepEqual([mapped.address, mapped.share], ['203.0.113.9', '203.0.113.9']);
  const six = peerOf([], '2001:db8:0:1:a:b:c:d');
  assert.deepEqual([six.address, six.share], ['2001:db8:0:1:a:b:c:d', '2001:db8:0:1::/64']);
  assert.equal(peerOf([], '2001:db8:0:1::1').share, six.share, 'a /64 is one share');
  assert.equal(peerOf([], 'fe80::1%eth0').address, 'fe80::1');
  const secure = new PeerAddresses().peerOf(socketFrom('::1', true), []) as Peer;
  assert.equal(secure.isSecure, true);
});

test('[C2] loopback, a trusted proxy and a socket file have no share of their own', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', undefined]) {
    assert.equal(peerOf([], address).share, undefined, address);
  }
  assert.equal(peerOf([PROXY], PROXY).share, undefined);
  assert.deepEqual(peerOf([PROXY], PROXY, FOR, '10.0.0.1').share, undefined);
});

test('[C1] a proxy is followed from the right to the first that is not trusted', () => {
  const trusted = ['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.1'];
  const cases: readonly (readonly [string, string])[] = [
    ['203.0.113.9', '203.0.113.9'],
    ['198.51.100.7, 203.0.113.9', '203.0.113.9'],
    ['203.0.113.9, 10.1.2.3', '203.0.113.9'],
    ['1.1.1.1, 203.0.113.9, 192.0.2.1, 2001:db8:ffff::7,10.9.9.9', '203.0.113.9'],
    ['203.0.113.9:50123', '203.0.113.9'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    // All of them trusted: the one that is farthest.
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    // What cannot be read ends the way.
    ['203.0.113.9, unknown', PROXY],
    ['203.0.113.9, unknown, 10.0.0.2', '10.0.0.2'],
    ['203.0.113.9,', PROXY],
    ['203.0.113.9 10.0.0.2', PROXY],
    ['203.0.113.9:99999', PROXY],
    ['[203.0.113.9]', PROXY],
    ['', PROXY],
  ];
  for (const [value, expected] of cases) {
    assert.equal(peerOf(trusted, PROXY, FOR, value).address, expected, value);
  }
  const peer = peerOf(trusted, PROXY, FOR, '203.0.113.9:50123');
  assert.deepEqual([peer.port, peer.share], [50_123, '203.0.113.9']);
  // Each proxy may add a field of its own.
  assert.equal(
    peerOf(trusted, PROXY, FOR, '1.1.1.1', 'x-forwarded-for', '203.0.113.9').address,
    '203.0.113.9',
  );
});

test('Forwarded (RFC 7239) is read the same way, quoted or not', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['for=203.0.113.9', '203.0.113.9'],
    ['For="203.0.113.9:80";proto=https;by=10.0.0.1', '203.0.113.9'],
    ['for=1.1.1.1, for="[2001:db8::1]:4711"', '2001:db8::1'],
    ['proto=http;for=203.0.113.9, for=10.0.0.7', '203.0.113.9'],
    ['for=203.0.113.9;host="a, for=6.6.6.6"', '203.0.113.9'],
    ['for=203.0.113.9;host="a\\", for=6.6.6.6;x=\\""', '203.0.113.9'],
    ['for=203.0.113.9;host="a;for=6.6.6.6"', '203.0.113.9'],
    // A quote that a client left open.
    ['for="6.6.6.6, for=203.0.113.9', '203.0.113.9'],
    ['for=_hidden', PROXY],
    ['for=unknown', PROXY],
    ['proto=https', PROXY],
    ['for=203.0.113.9;for=6.6.6.6', PROXY],
    ['for="203.0.113.9', PROXY],
  ];
  for (const [value, expected] of cases) {
    assert.equal(peerOf(['10.0.0.0/8'], PROXY, 'Forwarded', value).address, expected, value);
  }
});

test('[C1] two fields that name different clients are a contradiction, and never a choice', () => {
  const addresses = new PeerAddresses([PROXY]);
  const of = (listed: string, forwarded: string) =>
    addresses.peerOf(socketFrom(PROXY), [FOR, listed, 'Forwarded', forwarded]);
  assert.equal(of('203.0.113.9', 'for=198.51.100.7'), CONTRADICTION);
  assert.equal((of('203.0.113.9', 'for="203.0.113.9:1"') as Peer).address, '203.0.113.9');
  assert.equal((of('203.0.113.9', 'for=unknown') as Peer).address, '203.0.113.9');
});

test('whoever comes through a socket file is followed only where that is said', () => {
  assert.equal(peerOf([], undefined, FOR, '203.0.113.9').address, '');
  assert.equal(peerOf(['10.0.0.0/8'], undefined, FOR, '203.0.113.9').address, '');
  assert.equal(peerOf(['unix'], undefined, FOR, '203.0.113.9').address, '203.0.113.9');
  assert.equal(peerOf(['unix'], '203.0.113.1', FOR, '198.51.100.7').address, '203.0.113.1');
});

test('what is wrong with trustedProxies is said at once, with the value', () => {
  const wrong = [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    'localhost',
    '*',
    '',
    '::/129',
    '1.2.3.4/8/8',
    '::ffff:1.2.3.4/90',
    5,
  ];
  for (const range of wrong) {
    assert.ok(trustedProxyFault(range)?.includes(JSON.stringify(range)), String(range));
    const given = [range] as string[];
    assert.throws(() => new PeerAddresses(given), /^RangeError: trustedProxies: .* is no address/);
  }
  assert.throws(() => new PeerAddresses(['0.0.0.0/0']), /would trust everybody/);
  assert.throws(() => new PeerAddresses(['::/0']), /would trust everybody/);
  assert.equal(peerOf(['::ffff:10.0.0.0/104'], PROXY, FOR, '203.0.113.9').address, '203.0.113.9');
});

test('[C1] whatever a client writes, in whatever field, the address is the one that the proxy has added', () => {
  const pieces = fc.constantFrom(
    '"',
    '\\',
    ',',
    ';',
    '=',
    ' ',
    'for=',
    'For="',
    '[',
    ']',
    ':',
    '6.6.6.6',
    '::1',
    '127.0.0.1',
    '10.0.0.1',
    'unknown',
    '\t',
    '\0',
    'é',
    '_x',
    ', for=6.6.6.6',
    '";for="6.6.6.6"',
  );
  const value = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 30 }).map((list) => list.join('')),
  );
  const client = fc.constantFrom('203.0.113.9', '2001:db8::9');
  fc.assert(
    fc.property(value, client, fc.boolean(), (written, own, isForwarded) => {
      const [name, added] = isForwarded
        ? ['Forwarded', `for="${own.includes(':') ? `[${own}]` : own}"`]
        : [FOR, own];
      const joined = peerOf(['10.0.0.0/8'], PROXY, name, `${written}, ${added}`);
      const apart = peerOf(['10.0.0.0/8'], PROXY, name, written, name, added);
      assert.deepEqual([joined.address, apart.address], [own, own]);
      // Alone, it never makes an address that it does not have, nor an exception.
      const alone = new PeerAddresses(['10.0.0.0/8']).peerOf(socketFrom('203.0.113.1'), [
        name,
        written,
      ]);
      assert.equal((alone as Peer).address, '203.0.113.1');
    }),
    { numRuns: 3_000 },
  );
});

test('a long list costs no more than its length, and the way has an end', () => {
  const many = Array.from({ length: 100_000 }, () => '10.0.0.2').join(',');
  assert.equal(peerOf(['10.0.0.0/8'], PROXY, FOR, `203.0.113.9,${many}`).address, '10.0.0.2');
  const quotes = 'for="'.repeat(20_000);
  assert.equal(peerOf(['10.0.0.0/8'], PROXY, 'Forwarded', quotes).address, PROXY);
  const slashes = `for="${'\\'.repeat(100_000)}"`;
  assert.equal(peerOf(['10.0.0.0/8'], PROXY, 'Forwarded', slashes).address, PROXY);
});
