/** Hardening test 37: connections that come and go by the thousand leave nothing: no handles, timers, listeners, memory. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { WebSocketServer } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import { LoadProcess, grouped, isFullSize, serve, tellFigure, usedBytes } from './hardening-rig.js';

const isFull = isFullSize(37);
const MINUTES = Number(process.env['TIDEWAY_ACCEPTANCE_MINUTES'] ?? 10);
const FOR_MS = isFull ? MINUTES * 60_000 : 3_000;
const PER_SECOND = isFull ? 500 : 200;
const MAX_BYTES_PER_CONNECTION = isFull ? 8 : 400;

/** Handles and timers of the process by kind, and listeners of the process. */
function counts(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) found[kind] = (found[kind] ?? 0) + 1;
  const listeners = process.eventNames().map((name) => process.listenerCount(name as 'exit'));
  return { ...found, listeners: listeners.reduce((sum, count) => sum + count, 0) };
}

async function churn(load: LoadProcess, port: number, forMs: number): Promise<number> {
  const done = load.report('done');
  load.start({ kind: 'churn', port, perSecond: PER_SECOND, forMs });
  return (await done).count;
}

/** The load has seen the end of every connection; the server may see the last ones a moment later. */
async function empty(server: WebSocketServer): Promise<void> {
  const left = [...server.clients];
  await Promise.all(left.map((client) => once(client, 'close')));
}

test(`[hardening 37] after ${PER_SECOND} connects and disconnects a second everything is as before`, async (context) => {
  const limits = { heartbeatIntervalMs: 25_000, messageTimeoutMs: 60_000, idleTimeoutMs: 600_000 };
  const { server, port } = await serve(context, limits);
  server.on('connection', (client) => {
    client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
    client.on('error', () => {});
  });
  const load = new LoadProcess(context);
  // Code is compiled, pools and tables have their size.
  await churn(load, port, isFull ? 10_000 : 1_500);
  await empty(server);
  const bytesBefore = await usedBytes();
  const before = counts();
  const count = await churn(load, port, FOR_MS);
  await empty(server);
  const growth = (await usedBytes()) - bytesBefore;
  const after = counts();
  assert.equal(server.clients.size, 0);
  // The last sockets of the other process may still be on their way out of the handles.
  const kinds = ['TCPSocketWrap', 'TCPServerWrap', 'Timeout', 'listeners', 'PipeWrap'];
  for (const kind of kinds) {
    assert.ok(
      (after[kind] ?? 0) <= (before[kind] ?? 0),
      `${kind}: ${before[kind]}, ${after[kind]}`,
    );
  }
  checkBound(count >= (FOR_MS / 1000) * PER_SECOND * 0.9, `${count} connections`);
  checkBound(growth / count < MAX_BYTES_PER_CONNECTION, `${growth} octets after ${count}`);
  tellFigure(
    context,
    `${grouped(count)} connections in ${(FOR_MS / 60_000).toFixed(2)} min: heap ` +
      `${growth < 0 ? '−' : '+'}${grouped(Math.abs(growth))} octets; handles, timers, listeners as before`,
  );
});
