/** Proves under which key somebody's use is counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SERVER_OWNER, type Owner } from '../foundation/index.js';
import { ConnectionPair, VirtualTime } from '../testing/index.js';
import {
  ANONYMOUS,
  connectionShareKey,
  sessionOwner,
  sessionShareKey,
  type Connection,
  type Principal,
} from './index.js';

function connectionFrom(share: string | undefined, connectionId: string = 'c'): Connection {
  const peer = { address: share ?? '127.0.0.1', port: 1, isSecure: false, share };
  const receiver = { textReceived() {}, binaryReceived() {}, writable() {}, closed() {} };
  const options = { connectionId, handshake: { peer } };
  return new ConnectionPair(new VirtualTime(), () => receiver, options).connection;
}

const keyOf = (principal: Principal, share?: string, sessionId: string = 's'): string =>
  sessionShareKey({ sessionId, principal, connection: connectionFrom(share) });

test('[C2] a name has one share, whatever the addresses and sessions; without one the address has it; else each session', () => {
  const ada = { ...ANONYMOUS, name: 'ada' };
  assert.equal(keyOf(ada, '203.0.113.1', 'a'), keyOf(ada, undefined, 'b'));
  assert.equal(keyOf(ANONYMOUS, '203.0.113.1', 'a'), keyOf(ANONYMOUS, '203.0.113.1', 'b'));
  assert.notEqual(keyOf(ANONYMOUS, '203.0.113.1'), keyOf(ANONYMOUS, '203.0.113.2'));
  assert.notEqual(keyOf(ANONYMOUS, undefined, 'a'), keyOf(ANONYMOUS, undefined, 'b'));
});

const ownerOf = (principal: Principal, share?: string, sessionId: string = 's'): Owner =>
  sessionOwner({ sessionId, principal, connection: connectionFrom(share) });

test('[Q1] [S8] what is kept is charged to the share, while message ids are those of a name, or of one session', () => {
  const ada = { ...ANONYMOUS, name: 'ada' };
  assert.deepEqual(ownerOf(ada, '203.0.113.1', 'a'), ownerOf(ada, undefined, 'b'));
  const [one, other] = [
    ownerOf(ANONYMOUS, '203.0.113.1', 'a'),
    ownerOf(ANONYMOUS, '203.0.113.1', 'b'),
  ];
  assert.equal(one.share, other.share);
  assert.notEqual(one.id, other.id);
  assert.equal(ownerOf(ANONYMOUS, undefined, 'a').id, one.id, 'the address is no part of it');
  for (const [principal, share] of [
    [ada, '203.0.113.1'],
    [ANONYMOUS, '203.0.113.1'],
    [ANONYMOUS, undefined],
  ] as const) {
    assert.equal(ownerOf(principal, share).share, keyOf(principal, share));
  }
});

test('[Q1] no name makes the id or the share of somebody else, nor of the server', () => {
  const sessions = [ownerOf(ANONYMOUS, '203.0.113.1'), ownerOf(ANONYMOUS), SERVER_OWNER];
  const keys = sessions.flatMap(({ id, share }) => [id, share]);
  for (const name of [...keys, ...keys.map((key) => `name ${key}`), '']) {
    const { id, share } = ownerOf({ ...ANONYMOUS, name }, '203.0.113.1');
    assert.ok(!keys.includes(id) && !keys.includes(share), name);
    assert.notEqual(id, ownerOf({ ...ANONYMOUS, name: `name ${name}` }).id);
  }
});

test('no name is the key of an address or of a session', () => {
  for (const name of ['203.0.113.1', 'address 203.0.113.1', 's', 'session s', '']) {
    const named = keyOf({ ...ANONYMOUS, name });
    assert.notEqual(named, keyOf(ANONYMOUS, '203.0.113.1'));
    assert.notEqual(named, keyOf(ANONYMOUS));
  }
});

test('before there is a session, the address has the share; else each connection', () => {
  const [one, other] = [connectionFrom('203.0.113.1', 'a'), connectionFrom('203.0.113.1', 'b')];
  assert.equal(connectionShareKey(one), connectionShareKey(other));
  assert.equal(connectionShareKey(one), keyOf(ANONYMOUS, '203.0.113.1'), 'as after it');
  const [first, second] = [connectionFrom(undefined, 'a'), connectionFrom(undefined, 'b')];
  assert.notEqual(connectionShareKey(first), connectionShareKey(second));
});
