/** Hardening test 18 on the server: a session that never reads ends as a slow consumer, and the others do not feel it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TidewayServer } from 'tideway';
import { checkBound } from '../acceptance-bound.js';
import type { Dialect, LatencyReport } from '../acceptance/dialect-load.js';
import { dialectLoad, listening } from '../acceptance/server-rig.js';
import { isFullSize, tellFigure } from './hardening-rig.js';

const isFull = isFullSize(18);
const READERS_OF_EACH = isFull ? 10 : 2;
const PER_SECOND = 1_000;
/** Publications under way to the others in the small form. */
const BATCH_COUNT = 5;
const ROUND_COUNT = isFull ? 5 : 1;
const MESSAGE_COUNT = isFull ? 5_000 : 500;
/** More than the kernel takes for a peer that does not read, and the ring of its topic. */
const PAYLOAD = '.'.repeat(isFull ? 4_096 : 40_000);

/** Publishes to all until so many have been published. */
async function publish(server: TidewayServer, from: number, until: number): Promise<void> {
  for (let count = from; count < until; count++) {
    await server.publish('/topic/all', {
      at: Number(process.hrtime.bigint()) / 1e6,
      text: PAYLOAD,
    });
  }
}

for (const dialect of ['native', 'stomp'] as const satisfies readonly Dialect[]) {
  test(`[hardening 18] a ${dialect} session that never reads ends, and the others have everything, once`, async (context) => {
    const { server, metrics, port } = await listening(context);
    const load = dialectLoad(context);
    await load('readers', { port, dialect: 'native', count: READERS_OF_EACH });
    await load('readers', { port, dialect: 'stomp', count: READERS_OF_EACH });
    const readerCount = 2 * READERS_OF_EACH;
    assert.equal(server.sessionCount, readerCount);

    /** The p99 of the others, once all of them have everything. */
    const round = async (): Promise<number> => {
      const startedAtMs = performance.now();
      let [publishedCount, receivedCount] = [0, 0];
      while (receivedCount < readerCount * MESSAGE_COUNT) {
        // At a rate; in the small form as fast as the others read, since a busy machine would make slow readers of them all.
        const due = isFull
          ? ((performance.now() - startedAtMs) * PER_SECOND) / 1_000
          : receivedCount / readerCount + BATCH_COUNT;
        const until = Math.min(MESSAGE_COUNT, Math.floor(due));
        await publish(server, publishedCount, until);
        publishedCount = Math.max(publishedCount, until);
        if (isFull && publishedCount < MESSAGE_COUNT) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        receivedCount = await load<number>('receivedCount');
      }
      const seen = await load<LatencyReport>('latencies');
      assert.equal(seen.count, readerCount * MESSAGE_COUNT, 'every reader has every message, once');
      return seen.p99Ms;
    };

    if (isFull) await round();
    const aloneMs: number[] = [];
    const besideMs: number[] = [];
    for (let index = 0; index < ROUND_COUNT; index++) {
      aloneMs.push(await round());
      await load('stuck', { port, dialect, count: 1 });
      assert.equal(server.sessionCount, readerCount + 1);
      besideMs.push(await round());
      // It is left alone while it does not read, and costs nobody anything; heartbeats end it in the end.
      assert.equal(server.sessionCount, readerCount + 1);
      assert.equal(await load('readOn'), 1, 'it is told that it was too slow');
      while (server.sessionCount > readerCount) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    assert.equal(
      metrics.value('sessions_disconnected', { code: 'session/slow-consumer' }),
      ROUND_COUNT,
    );
    // The best of each: what else the machine does only adds, and what a stuck reader does would add every time.
    const [alone, beside] = [Math.min(...aloneMs), Math.min(...besideMs)];
    checkBound(beside < 2 * Math.max(alone, 1), `p99 ${beside} ms, alone ${alone} ms`);
    tellFigure(
      context,
      `the server, a ${dialect} reader: p99 of ${readerCount} others ${beside.toFixed(2)} ms (${alone.toFixed(2)} without it)`,
    );
  });
}
