/** Hardening test 4: a length that cannot be is refused by the header alone, and nothing is allocated for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeCodeFor, grouped, isFullSize, openPeer, serve, tellFigure } from './hardening-rig.js';

const ROUND_COUNT = isFullSize(4) ? 500 : 20;
const MAX_MESSAGE_BYTES = 16 * 1_048_576;
const MAX_GROWTH_BYTES = 1_048_576;

/** The header of a masked binary frame of a 64-bit length, and not one octet of its payload. */
function header(length: bigint): Buffer {
  const octets = Buffer.alloc(14);
  octets[0] = 0x82;
  octets[1] = 0xff;
  octets.writeBigUInt64BE(length, 2);
  return octets;
}

const CASES: readonly (readonly [bigint, readonly number[]])[] = [
  [0xffff_ffff_ffff_ffffn, [1002]],
  [1n << 63n, [1002]],
  [(1n << 63n) - 1n, [1009]],
  [1n << 53n, [1009]],
  [(1n << 53n) - 1n, [1009]],
  [1n << 32n, [1009]],
  [BigInt(MAX_MESSAGE_BYTES) + 1n, [1009]],
];

async function probeAll(port: number): Promise<void> {
  for (const [length, expected] of CASES) {
    const peer = await openPeer(port);
    const code = closeCodeFor(peer);
    peer.write(header(length));
    const seen = await code;
    assert.ok(seen !== undefined && expected.includes(seen), `length ${length}: ${seen}`);
  }
}

test('[hardening 4] lengths beyond 2^63, 2^53 and the limit are refused without memory', async (context) => {
  const { port } = await serve(context, { maxMessageBytes: MAX_MESSAGE_BYTES });
  for (let round = 0; round < 10; round++) await probeAll(port);
  const { arrayBuffers: before } = process.memoryUsage();
  let peak = before;
  for (let round = 0; round < ROUND_COUNT; round++) {
    await probeAll(port);
    peak = Math.max(peak, process.memoryUsage().arrayBuffers);
  }
  // RSS is the sum of too much that is not the engine's; what a payload would stand in is counted apart.
  assert.ok(peak - before < MAX_GROWTH_BYTES, `${peak - before} octets`);
  tellFigure(
    context,
    `${ROUND_COUNT * CASES.length} headers, at most ${grouped(peak - before)} octets of buffers more at any time`,
  );
});
