import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { TurnBudget } from '../../../foundation/index.js';
import { VirtualTime } from '../../../testing/index.js';
import { restAfterRead } from './read-turns.js';

const LARGE = 65_536;

function rig(hasRoom: boolean) {
  const time = new VirtualTime(1);
  const turns = new TurnBudget(time);
  turns.spend = () => hasRoom;
  const socket = new PassThrough();
  const subject = { socket, mayRead: true };
  socket.resume();
  const read = (byteLength: number): void => restAfterRead(subject, byteLength, turns);
  return { time, turns, socket, subject, read };
}

test('[B1] who was read much of when a turn is over is read on in a later one', () => {
  const { time, socket, read } = rig(false);
  read(LARGE);
  assert.equal(socket.isPaused(), true);
  time.advance(0);
  assert.equal(socket.isPaused(), false);
});

test('while there is room, and for a small read, nothing is paused', () => {
  for (const [hasRoom, byteLength] of [
    [true, LARGE],
    [false, 100],
  ] as const) {
    const { socket, turns, read } = rig(hasRoom);
    read(byteLength);
    assert.deepEqual([socket.isPaused(), turns.waitingCount], [false, 0]);
  }
});

test('who is held for another reason meanwhile is not read on for this one', () => {
  const { time, socket, subject, read } = rig(false);
  read(LARGE);
  subject.mayRead = false;
  time.advance(0);
  assert.equal(socket.isPaused(), true);
});
