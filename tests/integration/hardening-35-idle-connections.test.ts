/** Hardening test 35: what ten thousand idle connections cost, in octets and, with heartbeats, in CPU time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createServer as createTideway } from 'tideway';
import type { ServerOptions } from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import { LoadProcess, grouped, isFullSize, serve, tellFigure, usedBytes } from './hardening-rig.js';

const isFull = isFullSize(35);
const CONNECTION_COUNT = isFull ? 10_000 : 500;
const HEARTBEAT_MS = isFull ? 25_000 : 500;
/** Generous: what one connection may cost beyond its bare socket. */
const MAX_BYTES = 6_000;

async function openIdle(context: TestContext, port: number, isBare: boolean): Promise<void> {
  const load = new LoadProcess(context);
  const open = load.report('open');
  load.start({ kind: 'idle', port, count: CONNECTION_COUNT, isBare });
  assert.equal((await open).count, CONNECTION_COUNT);
}

/** Octets for each connection that a plain TCP server holds. */
async function bareBytes(context: TestContext): Promise<number> {
  const sockets: Socket[] = [];
  let allOpen = (): void => {};
  const all = new Promise<void>((resolve) => (allOpen = resolve));
  const server = createServer((socket) => {
    socket.on('data', () => {});
    socket.on('error', () => {});
    if (sockets.push(socket) === CONNECTION_COUNT) allOpen();
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  const before = await usedBytes();
  await openIdle(context, (server.address() as AddressInfo).port, true);
  await all;
  const used = (await usedBytes()) - before;
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
  return used / CONNECTION_COUNT;
}

async function engineBytes(
  context: TestContext,
  options: ServerOptions,
): Promise<{ each: number; resident: number }> {
  const { server, port } = await serve(context, options);
  const before = await usedBytes();
  const residentBefore = process.memoryUsage().rss;
  await openIdle(context, port, false);
  const used = (await usedBytes()) - before;
  assert.equal(server.clients.size, CONNECTION_COUNT);
  const resident = (process.memoryUsage().rss - residentBefore) / CONNECTION_COUNT;
  return { each: used / CONNECTION_COUNT, resident };
}

test('[hardening 35] an idle connection costs little more than its socket', async (context) => {
  const bare = await bareBytes(context);
  const { each: plain, resident } = await engineBytes(context, { heartbeatIntervalMs: 0 });
  checkBound(plain - bare < MAX_BYTES, `${plain} octets each, of them ${bare} the socket`);
  tellFigure(
    context,
    `${grouped(CONNECTION_COUNT)} connections: ${grouped(plain)} octets of heap each, ` +
      `a bare net.Socket ${grouped(bare)}; resident ${grouped(resident)} each`,
  );
});

/** Octets for each idle session of a server, whose handshake had so many fields more than it needed. */
async function sessionBytes(context: TestContext, fieldCount: number): Promise<number> {
  const server = createTideway({ log: false });
  const { port } = await server.listen({ port: 0 });
  const load = new LoadProcess(context);
  const openAll = async (count: number): Promise<void> => {
    const open = load.report('open');
    load.start({ kind: 'sessions', port, count, fieldCount });
    assert.ok((await open).count >= count);
  };
  // What a server makes once is none of a session's.
  await openAll(50);
  const before = await usedBytes();
  await openAll(CONNECTION_COUNT);
  const used = (await usedBytes()) - before;
  assert.equal(server.sessionCount, CONNECTION_COUNT + 50);
  load.start({ kind: 'end' });
  await server.close();
  return used / CONNECTION_COUNT;
}

test('[hardening 35] an idle session costs the same whatever its handshake had', async (context) => {
  const bytes: number[] = [];
  for (const fieldCount of [0, 20, 400]) bytes.push(await sessionBytes(context, fieldCount));
  const [none = 0, , many = 0] = bytes;
  checkBound(many - none < 500, `${none} octets without fields, ${many} with 400`);
  tellFigure(
    context,
    `an idle session whose handshake had 0, 20 and 400 header fields more: ` +
      `${bytes.map(grouped).join(', ')} octets`,
  );
});

test('[hardening 35] heartbeats of idle connections take a tenth of a core at most', async (context) => {
  const limits = {
    heartbeatIntervalMs: HEARTBEAT_MS,
    idleTimeoutMs: 3_600_000,
    messageTimeoutMs: 60_000,
  };
  const { server, port } = await serve(context, limits);
  const before = await usedBytes();
  let pongs = 0;
  let allTwice = (): void => {};
  const twice = new Promise<void>((resolve) => (allTwice = resolve));
  server.on('connection', (client) =>
    client.on('pong', () => {
      pongs += 1;
      if (pongs === CONNECTION_COUNT * 2) allTwice();
    }),
  );
  await openIdle(context, port, false);
  const each = ((await usedBytes()) - before) / CONNECTION_COUNT;
  const startedAtMs = performance.now();
  const cpu = process.cpuUsage();
  await twice;
  const { user, system } = process.cpuUsage(cpu);
  const part = (user + system) / 1000 / (performance.now() - startedAtMs);
  assert.equal(server.clients.size, CONNECTION_COUNT, 'nobody was dropped');
  checkBound(part < 0.1, `${part * 100} % of a core`);
  tellFigure(
    context,
    `a Ping every ${HEARTBEAT_MS / 1000} s to each: ${(part * 100).toFixed(1)} % of a core, ` +
      `${grouped(each)} octets each with all deadlines on`,
  );
});
