/** Proves that connections whose requests are given up end in turns, with the answer that node:http would give. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { test } from 'node:test';
import { TurnBudget } from '../foundation/index.js';
import { endFailedInTurns } from './failed-requests.js';

class FakeSocket {
  readonly written: string[] = [];
  writable = true;
  isDestroyed = false;
  _httpMessage: { headersSent: boolean } | undefined;

  write(text: string): void {
    this.written.push(text.split('\r\n', 1)[0]!);
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

function rig() {
  let nowMs = 0;
  let due: (() => void)[] = [];
  const turns = new TurnBudget({
    nowMs: () => nowMs,
    // Each look finds that a millisecond has passed.
    monotonicMs: () => (nowMs += 1),
    afterTick: (callback) => callback(),
    afterTurn: (callback) => void due.push(callback),
  });
  const turn = (): void => {
    const callbacks = due;
    due = [];
    for (const callback of callbacks) callback();
  };
  const server = new EventEmitter();
  endFailedInTurns(server as unknown as Server, turns);
  const fail = (code: string): FakeSocket => {
    const socket = new FakeSocket();
    server.emit('clientError', Object.assign(new Error(code), { code }), socket);
    return socket;
  };
  return { turn, fail };
}

test('a crowd that is late ends in several turns, each with its answer', () => {
  const { turn, fail } = rig();
  const sockets = Array.from({ length: 100 }, () => fail('ERR_HTTP_REQUEST_TIMEOUT'));
  const endedCount = (): number => sockets.filter(({ isDestroyed }) => isDestroyed).length;
  assert.equal(endedCount(), 0);
  turn();
  assert.ok(endedCount() > 0 && endedCount() < 50, `${endedCount()} in one turn`);
  for (let count = 0; count < 100; count++) turn();
  assert.equal(endedCount(), 100);
  for (const { written } of sockets) assert.deepEqual(written, ['HTTP/1.1 408 Request Timeout']);
});

test('each fault has its status; a connection that is gone, or has an answer begun, gets none', () => {
  const { turn, fail } = rig();
  const sockets = ['HPE_HEADER_OVERFLOW', 'HPE_INVALID_METHOD', 'ECONNRESET', 'HPE_INVALID_METHOD'];
  const failed = sockets.map(fail);
  failed.at(-1)!._httpMessage = { headersSent: true };
  for (let count = 0; count < 10; count++) turn();
  assert.deepEqual(
    failed.map(({ written }) => written),
    [['HTTP/1.1 431 Request Header Fields Too Large'], ['HTTP/1.1 400 Bad Request'], [], []],
  );
  assert.ok(failed.every(({ isDestroyed }) => isDestroyed));
});
