/** Hardening test 31, its part about ids: as many session ids as anybody will see are unique and come from the system's source. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from 'tideway';
import { NativePeer } from './native-peer.js';
import { ConnectionPair, VirtualTime } from 'tideway/testing';

/** `npm run acceptance -- 31` runs it at full size. */
const ID_COUNT = process.env['TIDEWAY_ACCEPTANCE'] === '31' ? 1_000_000 : 20_000;
const ID = /^[A-Za-z0-9_-]{22}$/;

test(`[hardening 31] ${ID_COUNT} session ids are unique, of 128 bits, each bit as often 0 as 1`, async (context) => {
  const server = createServer();
  const time = new VirtualTime();
  const seen = new Set<string>();
  const ones = Array.from({ length: 128 }, () => 0);
  const decoder = new TextDecoder();
  for (let made = 0; made < ID_COUNT; made++) {
    const pair = new ConnectionPair(time, server.accept);
    pair.sendText('{"type":"connect"}');
    await Promise.resolve();
    for (let turn = 0; turn < 5 && seen.size === made; turn++) {
      await Promise.resolve();
      for (const { octets } of pair.take()) {
        const { sessionId } = JSON.parse(decoder.decode(octets)) as { sessionId: string };
        assert.match(sessionId, ID);
        seen.add(sessionId);
        for (const [index, octet] of Buffer.from(sessionId, 'base64url').entries()) {
          for (let bit = 0; bit < 8; bit++) ones[index * 8 + bit]! += (octet >> bit) & 1;
        }
      }
    }
    pair.close();
    time.advance(0);
  }
  await server.close();
  assert.equal(seen.size, ID_COUNT);
  // Seven standard deviations: a fair source fails once in 10^9 runs.
  const slack = 7 * Math.sqrt(ID_COUNT / 4);
  for (const count of ones) assert.ok(Math.abs(count - ID_COUNT / 2) < slack, `${count} ones`);
  context.diagnostic(`${seen.size} ids, no two the same`);
});

test('[hardening 31] ids of two servers have nothing in common: the source is the system, not a seed', async () => {
  const ids: unknown[] = [];
  for (let index = 0; index < 2; index++) {
    const server = createServer();
    await server.listen({ port: 0 });
    const peer = await NativePeer.open(server.url);
    ids.push((await peer.frame('connected'))['sessionId']);
    await peer.close();
    await server.close();
  }
  assert.notEqual(ids[0], ids[1]);
});
