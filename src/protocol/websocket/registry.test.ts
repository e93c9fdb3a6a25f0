/** Proves that the tables of the registry are whole, and that the code which judges frames agrees with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CLOSE_CODES,
  CLOSE_CODE_RANGES,
  EXTENSIONS,
  HEADER_BITS,
  OPCODES,
  PROTOCOL_VERSION,
  RESERVED_BITS,
  SUBPROTOCOLS,
  VERSIONS,
  clientReactionTo,
  closeCodeEntry,
  isCloseCodeOnWire,
  isToken,
} from './index.js';
import * as closeCodes from './close-code.js';
import * as violations from './violation.js';

const EVERY_CODE = Array.from({ length: 65_536 }, (_, code) => code);

test('a close code is valid on the wire exactly when the registry says so, or it is free for applications', () => {
  for (const code of EVERY_CODE) {
    const entry = closeCodeEntry(code);
    const { owner } = CLOSE_CODE_RANGES.find(({ first, last }) => code >= first && code <= last)!;
    // RFC 6455 §7.4.2: 3000 to 4999 need no entry to be sent.
    const expected = entry?.isOnWire ?? (owner === 'registered' || owner === 'private');
    assert.equal(isCloseCodeOnWire(code), expected, String(code));
  }
});

test('every 16-bit number lies in exactly one range of close codes', () => {
  let next = 0;
  for (const { first, last } of CLOSE_CODE_RANGES) {
    assert.equal(first, next);
    next = last + 1;
  }
  assert.equal(next, 65_536);
});

test('every close code that the engine names or sends is registered, and it may send what it sends', () => {
  const named = Object.entries(closeCodes).filter(([, value]) => typeof value === 'number');
  assert.ok(named.length >= 11);
  for (const [name, code] of named) assert.ok(closeCodeEntry(code as number) !== undefined, name);
  for (const violation of Object.values(violations)) {
    // A peer that has gone silent is sent no Close frame.
    if (violation === violations.HEARTBEAT_TIMEOUT) continue;
    // It is a server's sum over its connections.
    const senders = violation === violations.INPUT_OVERFLOW ? ['server'] : ['client', 'server'];
    assert.deepEqual(closeCodeEntry(violation.closeCode)?.sentBy, senders);
  }
});

test('what nobody may send is not on the wire, and who alone may send what RFC 6455 says', () => {
  const silent = CLOSE_CODES.filter(({ sentBy }) => sentBy.length === 0).map(({ code }) => code);
  assert.deepEqual(silent, [1004, 1005, 1006, 1015]);
  for (const { code, sentBy, isOnWire } of CLOSE_CODES) {
    assert.equal(isOnWire, sentBy.length > 0, String(code));
  }
  // RFC 6455 §7.4.1: 1010 is not used by the server, because it can fail the handshake instead.
  assert.deepEqual(closeCodeEntry(1010)?.sentBy, ['client']);
});

test('a client waits before it comes back, asks about what is private, and leaves what would fail again', () => {
  assert.equal(clientReactionTo(1000), 'doNotReconnect');
  for (const code of [1001, 1006, 1011, 1012, 1013, 1014, 3008]) {
    assert.equal(clientReactionTo(code), 'reconnectAfterDelay', String(code));
  }
  for (const code of [1002, 1003, 1007, 1008, 1009, 1010, 3003]) {
    assert.equal(clientReactionTo(code), 'doNotReconnect', String(code));
  }
  for (const code of [3000, 3500, 4000, 4999]) {
    assert.equal(clientReactionTo(code), 'askApplication', String(code));
  }
  for (const code of [0, 999, 1016, 2999, 5000, 65_535]) {
    assert.equal(clientReactionTo(code), 'doNotReconnect', String(code));
  }
});

test('every table is in order and has each value once', () => {
  const inOrder = [VERSIONS.map((e) => e.version), OPCODES.map((e) => e.opcode)];
  inOrder.push(CLOSE_CODES.map((e) => e.code));
  for (const numbers of inOrder) {
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
    );
  }
  for (const names of [SUBPROTOCOLS, EXTENSIONS].map((table) => table.map(({ name }) => name))) {
    // RFC 7936 §2: names that differ by case only are not registered.
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length);
    for (const name of names) assert.ok(isToken(name), name);
  }
  for (const { parameters } of EXTENSIONS) assert.ok(parameters.every(isToken));
});

test('one version is standard and it is the one that is spoken', () => {
  const standard = VERSIONS.filter(({ status }) => status === 'standard');
  assert.deepEqual(
    standard.map(({ version }) => String(version)),
    [PROTOCOL_VERSION],
  );
});

test('the reserved bits of a header are those of the registry', () => {
  assert.equal(
    HEADER_BITS.reduce((bits, { bit }) => bits | bit, 0),
    RESERVED_BITS,
  );
});
