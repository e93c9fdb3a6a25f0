/** Proves createWebSocketStream: a connection as a Duplex, with backpressure, ends and errors. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex, DuplexOptions } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer, createWebSocketStream } from 'tideway/websocket';

interface Ends {
  readonly client: WebSocket;
  readonly stream: Duplex;
  readonly accepted: Promise<WebSocket>;
  /** The stream has told 'close'. */
  readonly closed: Promise<void>;
}

/** A stream over a client that is still connecting, and the server's end of it. */
async function open(context: TestContext, options?: DuplexOptions): Promise<Ends> {
  const server = new WebSocketServer({ port: 0 });
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  const accepted = (once(server, 'connection') as Promise<[WebSocket]>).then(([socket]) => socket);
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = createWebSocketStream(client, options);
  const closed = new Promise<void>((resolve) => stream.on('close', () => resolve()));
  return { client, stream, accepted, closed };
}

test('what is written while it connects is sent, and ending it closes the connection', async (context) => {
  const { stream, accepted, closed } = await open(context);
  stream.resume();
  stream.write('one');
  stream.end(Buffer.from('two'));
  const socket = await accepted;
  const seen: [string, boolean][] = [];
  socket.on('message', (data, isBinary) => seen.push([String(data as Buffer), isBinary]));
  const [code] = (await once(socket, 'close')) as [number];
  await closed;
  assert.deepEqual(seen, [
    ['one', true],
    ['two', true],
  ]);
  assert.equal(code, 1005);
});

test('a pipeline of four megabytes arrives whole, though the other end reads slowly', async (context) => {
  const { stream, accepted } = await open(context);
  const socket = await accepted;
  const octets = Buffer.alloc(4 << 20, 'tide');
  const received: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => {
    received.push(chunk);
    stream.pause();
    setImmediate(() => stream.resume());
  });
  let pauses = 0;
  stream.on('pause', () => (pauses += 1));
  const other = createWebSocketStream(socket);
  other.resume();
  await pipeline(function* () {
    for (let at = 0; at < octets.length; at += 32_768) yield octets.subarray(at, at + 32_768);
  }, other);
  await once(stream, 'end');
  assert.deepEqual(Buffer.concat(received), octets);
  assert.ok(pauses > 10);
});

test('in readable object mode text comes as strings', async (context) => {
  const { stream, accepted } = await open(context, { readableObjectMode: true });
  const socket = await accepted;
  socket.send('text');
  socket.send(Buffer.from('octets'));
  socket.close();
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.deepEqual(chunks, ['text', Buffer.from('octets')]);
});

test('an error of the connection destroys the stream with it, and the peer learns why', async (context) => {
  const { stream, accepted, closed } = await open(context);
  const socket = await accepted;
  const ended = once(socket, 'close');
  const failed = once(stream, 'error');
  socket._socket?.write(Buffer.of(0x85, 0));
  const [error] = (await failed) as [Error & { code: string }];
  assert.equal(error.code, 'WS_ERR_INVALID_OPCODE');
  assert.ok(stream.destroyed);
  assert.equal((await ended)[0], 1002);
  await closed;
});

test('destroying it drops the connection, and tells the error that it was given', async (context) => {
  const { client, stream, accepted } = await open(context);
  const socket = await accepted;
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
  const ended = once(socket, 'close');
  const problem = new Error('enough');
  const told = once(stream, 'error');
  stream.destroy(problem);
  assert.deepEqual(await told, [problem]);
  assert.equal((await ended)[0], 1006);
});

test('writing to it after the peer has closed is an error', async (context) => {
  const { client, stream, accepted } = await open(context);
  (await accepted).close();
  await once(client, 'close');
  const told = once(stream, 'error');
  stream.write('late');
  const [error] = (await told) as [Error];
  assert.match(error.message, /readyState 3 \(CLOSED\)/);
});
