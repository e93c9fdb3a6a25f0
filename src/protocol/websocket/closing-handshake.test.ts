/** Proves the closing handshake of RFC 6455 §7 for both roles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCloseCodeOnWire } from './close-code.js';
import { ClosingHandshake } from './closing-handshake.js';

test('§5.5.1: one Close frame is sent, in answer or on its own', () => {
  const answering = new ClosingHandshake('server');
  assert.equal(answering.closeReceived(4001), 4001);
  assert.equal(answering.sendClose(), true);
  assert.equal(answering.sendClose(), false);
  const starting = new ClosingHandshake('server');
  assert.equal(starting.sendClose(), true);
  assert.equal(starting.closeReceived(1000), undefined);
  assert.equal(starting.sendClose(), false);
});

test('§7.1.1: once both have said Close the server ends the connection and the client waits', () => {
  for (const role of ['server', 'client'] as const) {
    const closing = new ClosingHandshake(role);
    closing.sendClose();
    assert.equal(closing.endsConnection, false);
    closing.closeReceived(1000);
    assert.equal(closing.endsConnection, role === 'server');
  }
});

test('§7.1.5: the close code is that of the peer, 1006 when it sent none', () => {
  const closing = new ClosingHandshake('client');
  assert.equal(closing.closeCode, 1006);
  closing.closeReceived(4321);
  assert.equal(closing.closeCode, 4321);
});

test('§7.1.7: whoever fails the connection sends Close once and does not wait', () => {
  const closing = new ClosingHandshake('client');
  assert.equal(closing.fail(), true);
  assert.equal(closing.endsConnection, true);
  assert.equal(closing.fail(), false);
  assert.equal(closing.closeCode, 1006);
});

test('§7.4: of all 16-bit codes only those that may be sent are valid', () => {
  const valid = Array.from({ length: 65_536 }, (_, code) => code).filter(isCloseCodeOnWire);
  assert.equal(valid.length, 2000 + 12);
  assert.deepEqual(
    valid.slice(0, 12),
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  );
  assert.equal(isCloseCodeOnWire(1000.5), false);
  assert.equal(isCloseCodeOnWire(3000.5), false);
});
