/** Hardening test 35 on the server: what ten thousand idle sessions of each dialect cost, and their heartbeats. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBound } from '../acceptance-bound.js';
import type { Dialect } from '../acceptance/dialect-load.js';
import { dialectLoad, listening, withoutSessions } from '../acceptance/server-rig.js';
import { grouped, isFullSize, tellFigure, usedBytes } from './hardening-rig.js';

const isFull = isFullSize(35);
const SESSION_COUNT = isFull ? 10_000 : 200;
const HEARTBEAT_MS = isFull ? 25_000 : 500;
const FOR_MS = isFull ? 50_000 : 0;
/** Socket, connection and session together. */
const MAX_BYTES = 12_000;

for (const dialect of ['native', 'stomp'] as const satisfies readonly Dialect[]) {
  test(`[hardening 35] ${SESSION_COUNT} idle ${dialect} sessions stay and are small, with heartbeats`, async (context) => {
    const { server, port } = await listening(context, {
      limits: { heartbeatIntervalMs: HEARTBEAT_MS, heartbeatTimeoutMs: 60_000 },
    });
    const load = dialectLoad(context);
    // Code is compiled, pools and tables have their size.
    await load('idle', { port, dialect, count: SESSION_COUNT / 10 });
    await load('end');
    await withoutSessions(server);
    const before = await usedBytes();
    const residentBefore = process.memoryUsage().rss;
    assert.equal(await load('idle', { port, dialect, count: SESSION_COUNT }), SESSION_COUNT);
    const each = ((await usedBytes()) - before) / SESSION_COUNT;
    const residentEach = (process.memoryUsage().rss - residentBefore) / SESSION_COUNT;
    assert.equal(server.sessionCount, SESSION_COUNT);
    const [cpu, startedAtMs] = [process.cpuUsage(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, Math.max(FOR_MS, 3 * HEARTBEAT_MS)));
    const { user, system } = process.cpuUsage(cpu);
    const part = (user + system) / 1000 / (performance.now() - startedAtMs);
    assert.equal(server.sessionCount, SESSION_COUNT, 'nobody was dropped');
    checkBound(each < MAX_BYTES, `${each} octets each`);
    checkBound(!isFull || part < 0.1, `${part * 100} % of a core`);
    await load('end');
    await withoutSessions(server);
    const left = ((await usedBytes()) - before) / SESSION_COUNT;
    checkBound(left < each / 10, `${left} octets of each session stay`);
    tellFigure(
      context,
      `the server, ${grouped(SESSION_COUNT)} ${dialect} sessions: ${grouped(each)} octets of heap each, ` +
        `resident ${grouped(residentEach)}; ` +
        `a Ping every ${HEARTBEAT_MS / 1000} s: ${(part * 100).toFixed(1)} % of a core; ${grouped(left)} octets of each stay`,
    );
  });
}
