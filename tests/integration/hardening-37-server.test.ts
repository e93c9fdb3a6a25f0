/** Hardening test 37 on the server: sessions that come, subscribe, send and go by the thousand leave nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBound } from '../acceptance-bound.js';
import type { Dialect } from '../acceptance/dialect-load.js';
import { dialectLoad, listening, withoutSessions } from '../acceptance/server-rig.js';
import { grouped, isFullSize, tellFigure, usedBytes } from './hardening-rig.js';

const isFull = isFullSize(37);
const MINUTES = Number(process.env['TIDEWAY_ACCEPTANCE_MINUTES'] ?? 5);
const FOR_MS = isFull ? MINUTES * 60_000 : 1_500;
const PER_SECOND = isFull ? 500 : 100;
const MAX_BYTES_PER_SESSION = isFull ? 8 : 2_000;
const KINDS = ['TCPSocketWrap', 'TCPServerWrap', 'Timeout', 'listeners', 'PipeWrap'];

/** Handles and timers of the process by kind, and listeners of the process. */
function counts(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) found[kind] = (found[kind] ?? 0) + 1;
  const listeners = process.eventNames().map((name) => process.listenerCount(name as 'exit'));
  return { ...found, listeners: listeners.reduce((sum, count) => sum + count, 0) };
}

/** The last sockets of the other process may still be on their way out of the handles. */
async function settled(before: Record<string, number>): Promise<readonly string[]> {
  const more = (): string[] => {
    const after = counts();
    return KINDS.filter((kind) => (after[kind] ?? 0) > (before[kind] ?? 0));
  };
  for (let round = 0; round < 400 && more().length > 0; round++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return more();
}

for (const dialect of ['native', 'stomp'] as const satisfies readonly Dialect[]) {
  test(`[hardening 37] after ${PER_SECOND} ${dialect} sessions a second everything is as before`, async (context) => {
    // What readers share is no session's: a small ring is full before the count begins.
    const topics = { '/topic/churn/**': { liveRingBytes: 16_384 } };
    const { server, port } = await listening(context, { topics });
    const load = dialectLoad(context);
    // Code is compiled, pools and tables have their size.
    await load('churn', { port, dialect, perSecond: PER_SECOND, forMs: isFull ? 10_000 : 500 });
    await withoutSessions(server);
    const before = await usedBytes();
    const countsBefore = counts();
    const count = await load<number>('churn', {
      port,
      dialect,
      perSecond: PER_SECOND,
      forMs: FOR_MS,
    });
    await withoutSessions(server);
    const growth = (await usedBytes()) - before;
    assert.ok(count > 0);
    assert.equal(server.sessionCount, 0);
    assert.deepEqual(await settled(countsBefore), []);
    checkBound(growth / count < MAX_BYTES_PER_SESSION, `${growth} octets after ${count}`);
    tellFigure(
      context,
      `the server, ${grouped(count)} ${dialect} sessions: ` +
        `heap ${growth < 0 ? '−' : '+'}${grouped(Math.abs(growth))} octets; handles, timers, listeners as before`,
    );
  });
}
