/** Proves that what is sent to many in one tick is encoded once, and that nobody gets the octets of another message. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { FIN_BIT, OPCODE_BINARY, OPCODE_TEXT } from '../../../protocol/websocket/index.js';
import { EngineLoop } from './engine-loop.js';
import { FrameSender } from './frame-sender.js';
import { SharedFrames } from './shared-frames.js';

const TEXT = FIN_BIT | OPCODE_TEXT;
const BINARY = FIN_BIT | OPCODE_BINARY;

test('the second who sends the same gets a frame, and the third the same frame', () => {
  const frames = new SharedFrames();
  assert.equal(frames.frameOf(TEXT, 'héllo'), undefined);
  const frame = frames.frameOf(TEXT, 'héllo');
  assert.deepEqual(frame, Buffer.concat([Buffer.of(0x81, 6), Buffer.from('héllo')]));
  assert.equal(frames.frameOf(TEXT, 'héllo'), frame);
  assert.equal(frames.frameOf(BINARY, 'héllo'), undefined);
  frames.forget();
  assert.equal(frames.frameOf(BINARY, 'héllo'), undefined);
});

test('octets that were changed since the last one are another message', () => {
  const frames = new SharedFrames();
  const data = Buffer.from([1, 2, 3]);
  frames.frameOf(BINARY, data);
  const before = frames.frameOf(BINARY, data);
  data[1] = 9;
  const after = frames.frameOf(BINARY, data);
  assert.deepEqual(before, Buffer.of(0x82, 3, 1, 2, 3));
  assert.deepEqual(after, Buffer.of(0x82, 3, 1, 9, 3));
});

test('the whole of the same parts is made once', () => {
  const frames = new SharedFrames();
  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  const whole = frames.whole([one, two], 6);
  assert.equal(String(whole), 'onetwo');
  assert.equal(frames.whole([one, two], 6), whole);
  assert.equal(String(frames.whole([two, one], 6)), 'twoone');
});

/** A sender whose stream keeps each write as it was given. */
function recorder(loop: EngineLoop): { sender: FrameSender; writes: Buffer[]; all: () => Buffer } {
  const writes: Buffer[] = [];
  const stream = new Duplex({
    write: (chunk: Buffer, _, done) => {
      writes.push(chunk);
      done();
    },
  });
  const sender = new FrameSender(stream, loop, false, { drained: () => {} });
  return { sender, writes, all: () => Buffer.concat(writes) };
}

async function tick(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((next) => setImmediate(next));
}

test('ten messages to many leave as one write each, of one buffer for all', async () => {
  const loop = new EngineLoop();
  const receivers = Array.from({ length: 5 }, () => recorder(loop));
  const messages = Array.from({ length: 10 }, (_, index) => Buffer.from(`message ${index}`));
  for (const message of messages) for (const { sender } of receivers) sender.frame(BINARY, message);
  await tick();
  const expected = Buffer.concat(messages.map((text) => Buffer.concat([Buffer.of(0x82, 9), text])));
  for (const { all } of receivers) assert.deepEqual(all(), expected);
  const [, , third, fourth] = receivers;
  assert.equal(third?.writes.length, 1);
  assert.equal(third.writes[0], fourth?.writes[0]);
});

test('a message of its own in between stays in its place', async () => {
  const loop = new EngineLoop();
  const receivers = Array.from({ length: 4 }, () => recorder(loop));
  for (const { sender } of receivers) sender.textAs(TEXT, 'all');
  receivers[2]?.sender.textAs(TEXT, 'you');
  for (const { sender } of receivers) sender.textAs(TEXT, 'all');
  await tick();
  const all = '\u0081\u0003all';
  for (const [index, { all: octets }] of receivers.entries()) {
    const expected = index === 2 ? `${all}\u0081\u0003you${all}` : all + all;
    assert.equal(octets().toString('latin1'), expected);
  }
});
