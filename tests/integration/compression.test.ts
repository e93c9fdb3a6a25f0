/** Proves compression in a whole server: clients with and without it on the same topic, and what goes over the wire. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createServer, type ServerOptions } from 'tideway';
import { Client, type ClientOptions, type ReceivedPublication } from 'tideway/client';
import { WebSocket as EngineWebSocket } from 'tideway/websocket';
import { WebSocket as UndiciWebSocket } from 'undici';
import { WebSocket as WsWebSocket } from 'ws';

class PlainWebSocket extends EngineWebSocket {
  constructor(url: string, protocols?: string | readonly string[]) {
    super(url, protocols, { perMessageDeflate: false });
  }
}

/** A server whose sockets are ours to count the octets of. */
async function counted(
  context: TestContext,
  options: ServerOptions,
): Promise<{ url: string; sockets: Socket[]; server: ReturnType<typeof createServer> }> {
  const http = createHttpServer();
  const sockets: Socket[] = [];
  http.on('connection', (socket: Socket) => sockets.push(socket));
  const server = createServer({ ...options, server: http });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  context.after(async () => {
    await server.close();
    http.close();
  });
  return { url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`, sockets, server };
}

test('a publication reaches clients with and without compression, few octets of it the former', async (context) => {
  const { url, sockets, server } = await counted(context, { perMessageDeflate: true });
  const body = 'what is said again and again '.repeat(1_000);
  const arrivals: Promise<ReceivedPublication>[] = [];
  for (const WebSocket of [EngineWebSocket, WsWebSocket, UndiciWebSocket, PlainWebSocket]) {
    const client = new Client({
      url,
      WebSocket: WebSocket as NonNullable<ClientOptions['WebSocket']>,
    });
    context.after(() => client.close());
    await client.connect();
    await new Promise<unknown>((onSubscribed) => {
      const arrival = new Promise<ReceivedPublication>((onPublication) => {
        client.subscribe('/topic/large', { onPublication, onSubscribed });
      });
      arrivals.push(arrival);
    });
  }
  await server.publish('/topic/large', body);
  for (const arrival of arrivals) assert.equal((await arrival).body, body);
  const writtenBytes = sockets.map((socket) => socket.bytesWritten);
  const plainBytes = writtenBytes.pop()!;
  assert.ok(plainBytes > body.length);
  for (const bytes of writtenBytes) assert.ok(bytes < plainBytes / 10, writtenBytes.join());
});

test('without the option nothing is compressed, though clients offer it', async (context) => {
  const { url } = await counted(context, {});
  const socket = new EngineWebSocket(url);
  await once(socket, 'open');
  assert.equal(socket.extensions, '');
  socket.terminate();
});
