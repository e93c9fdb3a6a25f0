/** Proves that Socket.IO's server runs on our WebSocketServer in the place of that of ws. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Server, type ServerOptions } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { WebSocketServer } from 'tideway/websocket';

async function serve(
  t: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<[Server, string]> {
  const http = createServer();
  const server = new Server(http, { wsEngine: WebSocketServer, serveClient: false, ...options });
  t.after(() => server.close());
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return [server, `http://127.0.0.1:${(http.address() as AddressInfo).port}`];
}

function connect(t: TestContext, url: string, transports: string[]): Socket {
  const socket = io(url, { transports, forceNew: true, reconnection: false });
  t.after(() => socket.disconnect());
  return socket;
}

/** The arguments of the next event. */
async function next(socket: Socket, event: string): Promise<unknown[]> {
  return new Promise((resolve) => socket.once(event, (...values: unknown[]) => resolve(values)));
}

test('Socket.IO: events, acknowledgements and attachments over WebSocket', async (t) => {
  const [server, url] = await serve(t);
  server.on('connection', (socket) => {
    socket.on('echo', (value: unknown, bytes: Buffer, answer: (...values: unknown[]) => void) => {
      answer(value, bytes, socket.conn.transport.name, socket.handshake.address);
    });
  });
  const socket = connect(t, url, ['websocket']);
  const bytes = Buffer.from([0, 1, 2, 255]);
  const answer: unknown[] = await new Promise((resolve) => {
    socket.emit('echo', { a: 'ü' }, bytes, (...values: unknown[]) => resolve(values));
  });
  assert.deepEqual(answer, [{ a: 'ü' }, bytes, 'websocket', '127.0.0.1']);
});

test('Socket.IO: a broadcast reaches a room, also with compression', async (t) => {
  const [server, url] = await serve(t, { perMessageDeflate: { threshold: 16 } });
  server.on('connection', (socket) => void socket.join('room'));
  const clients = [connect(t, url, ['websocket']), connect(t, url, ['websocket'])];
  await Promise.all(clients.map((client) => next(client, 'connect')));
  const text = 'the same again '.repeat(1000);
  const arrived = Promise.all(clients.map((client) => next(client, 'news')));
  server.to('room').emit('news', text, Buffer.alloc(3));
  assert.deepEqual(await arrived, [
    [text, Buffer.alloc(3)],
    [text, Buffer.alloc(3)],
  ]);
});

test('Socket.IO: a client that began with long-polling is upgraded', async (t) => {
  const [server, url] = await serve(t);
  const upgraded = new Promise((resolve) => {
    server.on('connection', (socket) => socket.conn.once('upgrade', resolve));
  });
  const socket = connect(t, url, ['polling', 'websocket']);
  await next(socket, 'connect');
  await upgraded;
  const [accepted] = [...server.sockets.sockets.values()];
  assert.equal(accepted?.conn.transport.name, 'websocket');
  const left = new Promise((resolve) => accepted?.once('disconnect', resolve));
  socket.disconnect();
  assert.equal(await left, 'client namespace disconnect');
});
