/** Proves that a prepared message arrives as any other, with each kind of data, on both sides and between fragments. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { PreparedMessage } from './prepared-message.js';
import { WebSocketServer } from '../ws/server.js';
import type { ServerOptions } from '../ws/server-options.js';
import { WebSocket } from '../ws/web-socket.js';

async function pair(
  context: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<{ client: WebSocket; server: WebSocket }> {
  const host = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(host, 'listening');
  const accepted = once(host, 'connection') as Promise<[WebSocket]>;
  const client = new WebSocket(`ws://127.0.0.1:${(host.address() as AddressInfo).port}`);
  context.after(() => {
    client.terminate();
    host.close();
  });
  await once(client, 'open');
  return { client, server: (await accepted)[0] };
}

/** What the next messages are, as text with a mark for binary ones. */
async function received(socket: WebSocket, count: number): Promise<string[]> {
  const messages: string[] = [];
  return new Promise((resolve) => {
    socket.on('message', (data, isBinary) => {
      messages.push(`${isBinary ? 'binary' : 'text'} ${String(data as Buffer)}`);
      if (messages.length === count) resolve(messages);
    });
  });
}

const KINDS: readonly (readonly [PreparedMessage, string])[] = [
  [WebSocket.prepare('héllo'), 'text héllo'],
  [WebSocket.prepare(42), 'text 42'],
  [WebSocket.prepare(Buffer.from('octets')), 'binary octets'],
  [WebSocket.prepare(Buffer.from('said to be text'), { binary: false }), 'text said to be text'],
  [WebSocket.prepare('x'.repeat(70_000)), `text ${'x'.repeat(70_000)}`],
  [WebSocket.prepare(''), 'text '],
];

for (const perMessageDeflate of [false, true]) {
  test(`every kind arrives from server and client, with compression ${String(perMessageDeflate)}`, async (context) => {
    const { client, server } = await pair(context, { perMessageDeflate });
    const expected = KINDS.map(([, text]) => text);
    const both = [received(client, KINDS.length), received(server, KINDS.length)];
    for (const [message] of KINDS) {
      server.send(message);
      client.send(message);
    }
    assert.deepEqual(await Promise.all(both), [expected, expected]);
  });
}

test('the data may change after it was prepared, and options of send hold', async (context) => {
  const { client, server } = await pair(context);
  const data = Buffer.from('before');
  const message = WebSocket.prepare(data);
  data.write('after!');
  const messages = received(client, 4);
  server.send(message);
  server.send(message, { binary: false });
  server.send('one ', { fin: false });
  server.send(message);
  await new Promise((sent) => server.send(message, sent));
  assert.deepEqual(await messages, [
    'binary before',
    'text before',
    'text one before',
    'binary before',
  ]);
});

test('the frame is encoded once', () => {
  const message = new PreparedMessage('a');
  assert.equal(message.frame, message.frame);
  assert.deepEqual(Buffer.from(message.frame), Buffer.of(0x81, 1, 0x61));
});
