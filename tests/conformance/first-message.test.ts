/** Proves that with one event a turn a message in the segment of the handshake reaches whoever first awaits the opening. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { StandardWebSocket, WebSocket, WebSocketServer } from 'tideway/websocket';
import { maskedFrame } from './raw-peer.js';

const TEXT = Buffer.from('\x81\x05first', 'latin1');
const BINARY = Buffer.from('\x82\x05first', 'latin1');
const FRAGMENTS = Buffer.from('\x02\x02fi\x80\x03rst', 'latin1');
const PING = Buffer.from('\x89\x05first', 'latin1');

/** A server that agrees and says something in one write. */
async function speaksAtOnce(context: TestContext, frames: Buffer): Promise<string> {
  const server = createServer((socket) => {
    context.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.once('data', (head) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(head.toString())?.[1] ?? '';
      const text = `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const lines = [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
      ];
      lines.push(`Sec-WebSocket-Accept: ${createHash('sha1').update(text).digest('base64')}`);
      socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), frames]));
    });
  });
  context.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a client that awaits open and then listens', { timeout: 10_000 }, async (context) => {
  for (const [frame, event] of [
    [TEXT, 'message'],
    [PING, 'ping'],
    [Buffer.from('\x8a\x05first', 'latin1'), 'pong'],
  ] as const) {
    const client = new WebSocket(await speaksAtOnce(context, frame), {
      allowSynchronousEvents: false,
    });
    await once(client, 'open');
    const [data] = (await once(client, event)) as [Buffer];
    assert.equal(data.toString(), 'first', event);
    client.terminate();
  }
});

test(
  'the form of binary messages counts that is set after open',
  { timeout: 10_000 },
  async (context) => {
    const options = { allowSynchronousEvents: false };
    const client = new WebSocket(await speaksAtOnce(context, BINARY), options);
    await once(client, 'open');
    client.binaryType = 'arraybuffer';
    const [data] = (await once(client, 'message')) as [ArrayBuffer];
    assert.ok(data instanceof ArrayBuffer);
    assert.equal(Buffer.from(data).toString(), 'first');
    client.terminate();
    // Those who ask for fragments before keep them as they came.
    const other = new WebSocket(await speaksAtOnce(context, FRAGMENTS), options);
    other.binaryType = 'fragments';
    await once(other, 'open');
    const [parts] = (await once(other, 'message')) as [Buffer[]];
    assert.deepEqual(parts.map(String), ['fi', 'rst']);
    other.terminate();
  },
);

test('a page that awaits open and then listens', { timeout: 10_000 }, async (context) => {
  const page = new StandardWebSocket(await speaksAtOnce(context, BINARY));
  await new Promise((resolve) => (page.onopen = resolve));
  page.binaryType = 'arraybuffer';
  const event = await new Promise((resolve) => (page.onmessage = resolve));
  assert.equal(Buffer.from((event as { data: ArrayBuffer }).data).toString(), 'first');
  page.close();
});

test('a server that awaits connection and then listens', { timeout: 10_000 }, async (context) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', allowSynchronousEvents: false });
  context.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const peer = connect(port, '127.0.0.1');
  context.after(() => peer.destroy());
  const lines = ['GET / HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade'];
  lines.push('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==');
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  peer.write(Buffer.concat([head, maskedFrame(0x81, Buffer.from('first'))]));
  const [socket] = (await once(server, 'connection')) as [WebSocket];
  const [data] = (await once(socket, 'message')) as [Buffer];
  assert.equal(data.toString(), 'first');
  socket.terminate();
});

test('nothing is told after close', { timeout: 10_000 }, async (context) => {
  const url = await speaksAtOnce(context, TEXT);
  const client = new WebSocket(url, { allowSynchronousEvents: false });
  await once(client, 'open');
  const seen: string[] = [];
  client.on('message', () => seen.push('message'));
  client.on('close', () => seen.push('close'));
  // The message has been read, and waits for its turn.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  client.terminate();
  await once(client, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, ['close']);
});
