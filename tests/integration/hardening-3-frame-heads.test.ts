/** Hardening test 3: every first octet, and every control frame that is too long or fragmented: 1002, or it is valid. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeCodeFor, openPeer, serve, tellFigure } from './hardening-rig.js';

const CONTINUATION = 0;
const BINARY = 2;
const CLOSE = 8;
const PONG = 10;

/** What RFC 6455 §5.2 and §5.5 say of a frame with this first octet and this many octets, the first of a connection. */
function isRefused(first: number, payloadBytes: number): boolean {
  const opcode = first & 0x0f;
  const isFinal = (first & 0x80) !== 0;
  if ((first & 0x70) !== 0) return true;
  if (opcode === CONTINUATION || (opcode > BINARY && opcode < CLOSE) || opcode > PONG) return true;
  return opcode >= CLOSE && (!isFinal || payloadBytes > 125);
}

/** With a zero mask; then a Close frame with 1000, so that a connection that lives on ends too. */
function probe(first: number, payloadBytes: number): Buffer {
  const head =
    payloadBytes < 126
      ? [first, 0x80 | payloadBytes]
      : [first, 0xfe, payloadBytes >> 8, payloadBytes & 255];
  // Any payload of the probes is text; that of a Close frame begins with a code.
  const payload = Buffer.alloc(payloadBytes, 'a');
  if ((first & 0x0f) === CLOSE && payloadBytes >= 2) payload.writeUInt16BE(1000);
  const close = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), payload, Buffer.from(close)]);
}

test('[hardening 3] reserved bits, reserved opcodes and bad control frames are refused with 1002', async (context) => {
  const { port } = await serve(context);
  let refusedCount = 0;
  let validCount = 0;
  for (let first = 0; first < 256; first++) {
    const codes = [2, 125, 126].map(async (payloadBytes) => {
      const peer = await openPeer(port);
      const code = closeCodeFor(peer);
      peer.write(probe(first, payloadBytes));
      const expected = isRefused(first, payloadBytes) ? 1002 : 1000;
      if (expected === 1002) refusedCount += 1;
      else validCount += 1;
      assert.equal(await code, expected, `first octet ${first}, ${payloadBytes} octets`);
    });
    await Promise.all(codes);
  }
  assert.ok(refusedCount > 700 && validCount > 10);
  tellFigure(context, `${refusedCount} bad heads refused, ${validCount} good ones taken`);
});
