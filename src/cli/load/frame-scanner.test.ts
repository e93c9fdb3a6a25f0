/** Proves that the scanner counts what the parser would, however the octets are cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrames, FrameParser, OPCODE_CLOSE } from '../../protocol/websocket/index.js';
import { FrameBelt } from './frame-belt.js';
import { FrameScanner } from './frame-scanner.js';

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 130 }),
  fc.integer({ min: 65_530, max: 65_540 }),
  fc.integer({ min: 0, max: 3000 }),
);
const frames = fc.array(
  fc.oneof(
    fc.record({ opcode: fc.constantFrom(1, 2), size: sizes }),
    fc.record({ opcode: fc.constantFrom(9, 10), size: fc.integer({ min: 0, max: 125 }) }),
  ),
  { maxLength: 12 },
);

/** What a scanner makes of octets that come in chunks of these sizes, in turn. */
function scanned(octets: Uint8Array, chunkSizes: readonly number[]) {
  const pings: number[] = [];
  const closes: number[] = [];
  const scanner = new FrameScanner({
    pingReceived: (payload) => void pings.push(payload.length),
    closeReceived: (code) => void closes.push(code),
  });
  let messageCount = 0;
  for (let at = 0, turn = 0; at < octets.length; turn++) {
    const chunk = octets.subarray(at, at + chunkSizes[turn % chunkSizes.length]!);
    messageCount += scanner.scan(chunk, chunk.length);
    at += chunk.length;
  }
  return { messageCount, payloadBytes: scanner.payloadBytes, pings, closes };
}

test('messages, octets and pings are counted, however they are cut', () => {
  const chunkSizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(frames, chunkSizes, (sent, cuts) => {
      const octets = encodeFrames(
        sent.map(({ opcode, size }) => ({ opcode, octets: new Uint8Array(size).fill(0x61) })),
      );
      const data = sent.filter(({ opcode }) => opcode < 8);
      assert.deepEqual(scanned(octets, cuts), {
        messageCount: data.length,
        payloadBytes: data.reduce((sum, { size }) => sum + size, 0),
        pings: sent.filter(({ opcode }) => opcode === 9).map(({ size }) => size),
        closes: [],
      });
    }),
    { numRuns: 200 },
  );
});

test('a message of several fragments is one message', () => {
  const octets = Uint8Array.of(0x01, 1, 0x61, 0x00, 1, 0x62, 0x80, 1, 0x63, 0x82, 0);
  assert.equal(scanned(octets, [3]).messageCount, 2);
});

test('a Close frame is told with its code', () => {
  const withCode = encodeFrames([{ opcode: OPCODE_CLOSE, octets: Uint8Array.of(3, 0xe9) }]);
  assert.deepEqual(scanned(withCode, [1]).closes, [1001]);
  assert.deepEqual(scanned(Uint8Array.of(0x88, 0), [2]).closes, [1005]);
});

test('the frames of a belt are what a server reads as the same message, with keys that differ', () => {
  const payload = new TextEncoder().encode('x'.repeat(200));
  const belt = new FrameBelt(1, payload, 300);
  const read: number[] = [];
  const parser = new FrameParser(
    {
      onText: (octets, start, end) => {
        read.push(Buffer.compare(octets.subarray(start, end), payload));
      },
      onBinary: () => assert.fail('binary'),
      onPing: () => assert.fail('ping'),
      onPong: () => assert.fail('pong'),
      onClose: () => assert.fail('close'),
      onViolation: ({ message }) => assert.fail(message),
    },
    { role: 'server', maxMessageBytes: 1000, maxFragmentCount: 1 },
  );
  const some = belt.take(250);
  assert.notDeepEqual(some.subarray(4, 8), some.subarray(208 + 4, 208 + 8));
  // What is parsed is unmasked in place.
  for (const taken of [some, belt.take(40), belt.take(300)]) parser.parse(Buffer.from(taken));
  assert.deepEqual(
    read,
    Array.from({ length: 590 }, () => 0),
  );
  const scanner = new FrameScanner({ pingReceived: () => {}, closeReceived: () => {} });
  assert.equal(scanner.scan(belt.take(7), 7 * 208), 7, 'masked frames that come back are counted');
});
