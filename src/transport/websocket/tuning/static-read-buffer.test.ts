/** Proves that the shared read buffer works on this Node, and that nothing an application may keep points into it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { EngineLoop } from '../socket/engine-loop.js';
import type { EndpointHandler } from '../socket/endpoint-handler.js';
import { EndpointTerms } from '../socket/endpoint-terms.js';
import { Endpoint } from '../socket/endpoint.js';
import { resolveLimits } from '../limits/limits.js';
import { WebSocketServer } from '../ws/server.js';
import type { ServerOptions } from '../ws/server-options.js';
import { STATIC_READ_BYTES, StaticReadBuffer } from './static-read-buffer.js';
import { WebSocket } from '../ws/web-socket.js';

const isWindows = process.platform === 'win32';

/** A server whose connections read into the shared buffer, unless the options say otherwise. */
async function serve(
  context: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<{ server: WebSocketServer; loop: EngineLoop; open: () => Promise<WebSocket> }> {
  const loop = new EngineLoop();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', loop, ...options });
  const clients: WebSocket[] = [];
  context.after(() => {
    for (const client of clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  if (options.staticReadBuffer !== false) assert.equal(await loop.staticRead.prepare(), true);
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const open = async (): Promise<WebSocket> => {
    const client = new WebSocket(`ws://127.0.0.1:${address.port}`);
    clients.push(client);
    await once(client, 'open');
    return client;
  };
  return { server, loop, open };
}

function isShared(socket: Socket): boolean {
  const slot = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'kBuffer',
  );
  const buffer = (socket as unknown as Record<symbol, Buffer | null>)[slot!];
  return buffer?.length === STATIC_READ_BYTES;
}

test('the self-test passes on this Node, where reads are synchronous', async () => {
  const buffer = new StaticReadBuffer();
  assert.equal(buffer.isUsable, false);
  const keepsAlive = setTimeout(() => {}, 10_000);
  assert.equal(await buffer.prepare(), !isWindows);
  clearTimeout(keepsAlive);
  assert.equal(buffer.isUsable, !isWindows);
});

test('what is no plain TCP socket is left alone, and so is every socket before the self-test', async (context) => {
  const { server, loop, open } = await serve(context, { staticReadBuffer: false });
  const connected = once(server, 'connection');
  await open();
  const [, request] = (await connected) as [WebSocket, { socket: Socket }];
  assert.equal(isShared(request.socket), false);
  assert.equal(loop.staticRead.isUsable, false);
  const tested = new StaticReadBuffer();
  await tested.prepare();
  assert.equal(
    tested.install(new PassThrough(), () => true),
    false,
  );
});

test('messages, pings and close reasons stay what they were when more is read', async (context) => {
  if (isWindows) return;
  const { server, open } = await serve(context);
  const kept: { data: Buffer; expected: string }[] = [];
  const ended: Promise<unknown>[] = [];
  server.on('connection', (socket, request) => {
    assert.equal(isShared(request.socket), true);
    const keep = (data: Buffer): void => {
      assert.notEqual(data.buffer.byteLength, STATIC_READ_BYTES);
      // The first octet says what all of it was.
      kept.push({ data, expected: String(data[0]) + ' × ' + String(data.length) });
    };
    socket.on('message', (data) => keep(data as Buffer));
    socket.on('ping', keep);
    ended.push(once(socket, 'close').then(([, reason]) => keep(reason as Buffer)));
  });
  const clients = await Promise.all([open(), open(), open()]);
  const sizes = [1, 20, 125, 126, 5_000, 40_000, 70_000, 300_000];
  for (let index = 0; index < 60; index++) {
    const client = clients[index % clients.length]!;
    const data = Buffer.alloc(sizes[index % sizes.length]!, index + 1);
    client.send(data, { binary: index % 2 === 0 });
    if (index % 5 === 0) client.ping(Buffer.alloc(60, index + 1));
  }
  for (const client of clients) client.close(4000, 'x'.repeat(100));
  await Promise.all(clients.map((client) => once(client, 'close')));
  await Promise.all(ended);
  assert.equal(kept.length, 60 + 12 + 3);
  for (const { data, expected } of kept) {
    assert.ok(data.every((octet) => octet === data[0]));
    assert.equal(`${String(data[0])} × ${data.length}`, expected);
  }
});

test('what comes behind the message that paused is kept while others read', async (context) => {
  if (isWindows) return;
  const { server, open } = await serve(context);
  const received: string[] = [];
  const all = new Promise<void>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('message', (data) => {
        received.push(String(data as Buffer));
        socket.pause();
        setImmediate(() => socket.resume());
        if (received.length === 200) resolve();
      });
    });
  });
  const slow = await open();
  const other = await open();
  const sent = Array.from({ length: 200 }, (_, index) => `message ${index}`);
  for (const text of sent) {
    slow.send(text);
    other.send('#'.repeat(3_000));
  }
  await all;
  assert.deepEqual(received, sent);
});

test('the end of the peer and its reset are seen', async (context) => {
  if (isWindows) return;
  const { server, open } = await serve(context);
  const sockets: Socket[] = [];
  const codes = new Promise<number[]>((resolve) => {
    const closed: number[] = [];
    server.on('connection', (socket, request) => {
      sockets.push(request.socket);
      socket.on('close', (code) => {
        if (closed.push(code) === 2) resolve(closed);
      });
    });
  });
  const clients = [await open(), await open()];
  assert.ok(sockets.every(isShared));
  clients[0]?.terminate();
  clients[1]?.terminate();
  assert.deepEqual(await codes, [1006, 1006]);
});

test('a handler that lets another connection be read ends its own, whose octets are gone', () => {
  const loop = new EngineLoop();
  const texts: string[] = [];
  let onText = (): void => {};
  const handler = new Proxy({} as EndpointHandler, {
    get: (_, name) => (octets: Buffer, start: number, end: number) => {
      if (name !== 'textReceived') return;
      texts.push(octets.toString('utf8', start, end));
      onText();
    },
  });
  const terms = new EndpointTerms('client', loop, resolveLimits({}));
  const endpoints = [0, 1].map(() => new Endpoint(terms, new PassThrough(), handler));
  const buffer = Buffer.from([0x81, 1, 0x61, 0x81, 1, 0x62]);
  onText = () => {
    onText = () => {};
    buffer.set([0x81, 1, 0x63, 0x81, 1, 0x64]);
    endpoints[1]?.receivedShared(buffer, buffer.length);
  };
  endpoints[0]?.receivedShared(buffer, buffer.length);
  assert.deepEqual(texts, ['a', 'c', 'd']);
  assert.deepEqual(
    endpoints.map(({ isOpen }) => isOpen),
    [false, true],
  );
});

test('whoever listens to the data of a socket that was asked for hears it, and may keep it', async (context) => {
  const { server, open } = await serve(context);
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const client = await open();
  const [socket] = await accepted;
  const heard: Buffer[] = [];
  socket._socket!.prependListener('data', (chunk: Buffer) => heard.push(chunk));
  const texts: string[] = [];
  for (const text of ['one', 'two']) {
    const told = once(socket, 'message') as Promise<[Buffer]>;
    client.send(text, { mask: true });
    texts.push((await told)[0].toString());
  }
  assert.deepEqual(texts, ['one', 'two']);
  assert.deepEqual(
    heard.map((chunk) => [chunk[0], chunk.length]),
    [
      [0x81, 9],
      [0x81, 9],
    ],
  );
  assert.ok(heard.every((chunk) => chunk.buffer.byteLength < STATIC_READ_BYTES));
});
