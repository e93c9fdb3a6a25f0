/** Hardening test 20: a small payload that the application keeps does not keep the read that it came in. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { checkBound } from '../acceptance-bound.js';
import {
  clientFrame,
  grouped,
  isFullSize,
  openPeer,
  serve,
  tellFigure,
  usedBytes,
  written,
} from './hardening-rig.js';

const KEPT_COUNT = isFullSize(20) ? 100_000 : 2_000;
const READ_BYTES = 65_536;
const FILLER_BYTES = 600;
/** What the process itself gains and loses meanwhile, a part of each payload: five octets of it at full size. */
const NOISE_BYTES = 500_000 / KEPT_COUNT;

/** One message that is kept, and those that fill the read and are not. */
function readOf(first: number, keptBytes: number): Buffer {
  const kept = clientFrame(first, Buffer.alloc(keptBytes, 'a'));
  const filler = clientFrame(first, Buffer.alloc(FILLER_BYTES, 'b'));
  const count = Math.floor((READ_BYTES - kept.length) / filler.length);
  return Buffer.concat([kept, ...Array.from({ length: count }, () => filler)]);
}

/** What comes of a message, and is kept if it is one of the small ones. */
type Keep = (data: Buffer) => unknown;

/** Octets used for each message of `keptBytes` octets, of so many kept. */
async function keptBytesOf(
  context: TestContext,
  first: number,
  keptBytes: number,
  keep: Keep,
): Promise<number> {
  const { server, port } = await serve(context);
  const warmCount = 500;
  let kept: unknown[] = [];
  let wanted = warmCount;
  let reached = (): void => {};
  server.on('connection', (client) => {
    client.on('message', (data) => {
      const octets = data as Buffer;
      if (octets.length !== keptBytes) return;
      kept.push(keep(octets));
      if (kept.length === wanted) reached();
    });
  });
  const peer = await openPeer(port);
  const read = readOf(first, keptBytes);
  const receive = async (count: number): Promise<void> => {
    wanted = count;
    const all = new Promise<void>((resolve) => (reached = resolve));
    for (let index = 0; index < count; index++) {
      const done = written(peer, read);
      if (index % 16 === 0) await done;
    }
    await all;
  };
  await receive(warmCount);
  kept = [];
  const before = await usedBytes();
  await receive(KEPT_COUNT);
  const used = (await usedBytes()) - before;
  assert.equal(kept.length, KEPT_COUNT);
  peer.destroy();
  return used / KEPT_COUNT;
}

/** What as many Buffers cost that have nothing behind them but their own octets. */
async function ownBytesOf(keptBytes: number): Promise<number> {
  const kept: Buffer[] = [];
  const before = await usedBytes();
  for (let index = 0; index < KEPT_COUNT; index++) {
    kept.push(Buffer.allocUnsafeSlow(keptBytes).fill(0x61));
  }
  const used = (await usedBytes()) - before;
  assert.equal(kept.length, KEPT_COUNT);
  return used / KEPT_COUNT;
}

for (const [words, first] of [
  ['binary', 0x82],
  ['text', 0x81],
] as const) {
  test(`[hardening 20] kept ${words} payloads of 10 octets hold nothing but themselves`, async (context) => {
    const own = await ownBytesOf(10);
    const kept = await keptBytesOf(context, first, 10, (data) => data);
    // A Buffer is an object of two hundred octets whatever it holds; what is beyond such an object of the
    // payload's own size is what the engine keeps behind it.
    const behind = kept - own;
    checkBound(
      behind <= 3 * 10 + NOISE_BYTES,
      `${kept} octets each, of a Buffer of its own ${own}`,
    );
    tellFigure(
      context,
      `${grouped(KEPT_COUNT)} ${words} payloads of 10: ${kept.toFixed(0)} octets each, of a Buffer of its own ${own.toFixed(0)}`,
    );
  });
}

test('[hardening 20] kept payloads of 100 octets hold a pool of Node at most, never the read', async (context) => {
  const own = await ownBytesOf(100);
  const kept = await keptBytesOf(context, 0x82, 100, (data) => data);
  // Node's Buffer.from cuts copies below 4 KiB from a pool; a memory of its own would take three times the time.
  checkBound(kept - own <= Buffer.poolSize + 1024, `${kept} octets each`);
  tellFigure(context, `binary payloads of 100 hold the pool of Buffer: ${grouped(kept)} octets`);
});

test('[hardening 20] kept strings of text payloads cost at most three times their octets', async (context) => {
  const each = await keptBytesOf(context, 0x81, 20, (data) => data.toString());
  // Beside its octets a string has two words of head, and the list of those kept a word for each, twice that at most.
  const own = 16 + 16;
  checkBound(each - own <= 3 * 20 + NOISE_BYTES, `${each} octets each`);
  tellFigure(context, `strings of 20: ${each.toFixed(0)} octets each`);
});
