/** Proves that what goes to many is compressed once, at the door and in its shared forms. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { encodeUtf8 } from '../foundation/index.js';
import { SharedBatch, SharedMessage, type Connection } from '../session/index.js';
import {
  acceptWebSocketConnections,
  type AcceptWebSocketOptions,
} from './accept-websocket-connections.js';
import {
  MAX_SHARED_DEFLATE_BYTES,
  compressedFrameOf,
  compressedFramesOf,
} from './shared-compression.js';
import { WebSocket } from './websocket/index.js';

const how = { thresholdBytes: 100, deflateOptions: {} };
const words = (count: number): string =>
  Array.from({ length: count }, (_, index) => `word ${(index * 7919) % 1013}`).join(' ');
const message = (text: string): SharedMessage => new SharedMessage(encodeUtf8(text), false);

test('the compressed form is made once, and is the plain one where compression gains nothing', () => {
  const long = message(words(200));
  const frame = compressedFrameOf(long, how);
  assert.equal(frame[0], 0xc1);
  assert.ok(frame.length < long.octets.length / 2);
  assert.equal(compressedFrameOf(long, how), frame);
  assert.equal(compressedFrameOf(message('short'), how)[0], 0x81);
  const huge = new SharedMessage(new Uint8Array(MAX_SHARED_DEFLATE_BYTES + 1), true);
  assert.equal(compressedFrameOf(huge, how)[0], 0x82);
  const batch = new SharedBatch([message('a'), message('b')]);
  assert.equal(compressedFramesOf(batch, how), batch.plainFrames);
  const mixed = new SharedBatch([message('a'), long]);
  assert.notEqual(compressedFramesOf(mixed, how), mixed.plainFrames);
  assert.equal(compressedFramesOf(mixed, how), compressedFramesOf(mixed, how));
});

interface Opened {
  readonly client: WebSocket;
  readonly connection: Connection;
  readonly received: string[];
}

async function openings(
  context: TestContext,
  options: Partial<AcceptWebSocketOptions> = {},
): Promise<(perMessageDeflate?: boolean | object) => Promise<Opened>> {
  const server = createServer();
  const connections: Connection[] = [];
  const door = acceptWebSocketConnections({
    server,
    paths: ['/'],
    perMessageDeflate: { threshold: 100 },
    accept: (connection) => {
      connections.push(connection);
      return {
        textReceived: (text) => connection.send(message(text)),
        binaryReceived: () => {},
        writable: () => {},
        closed: () => {},
      };
    },
    ...options,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  context.after(() => {
    for (const connection of door.connections) connection.destroy();
    server.close();
  });
  return async (perMessageDeflate = true) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate });
    const received: string[] = [];
    client.on('message', (data) => received.push(String(data as Buffer)));
    await once(client, 'open');
    return { client, connection: connections.at(-1)!, received };
  };
}

async function until(opened: Opened, count: number): Promise<string[]> {
  while (opened.received.length < count) await once(opened.client, 'message');
  return opened.received;
}

test('one batch reaches clients with compression, with a small window and without, in order', async (context) => {
  const open = await openings(context);
  const clients = [
    await open(),
    await open(),
    await open({ serverMaxWindowBits: 9 }),
    await open(false),
  ];
  assert.deepEqual(
    clients.map(({ client }) => client.extensions),
    ['permessage-deflate', 'permessage-deflate', 'permessage-deflate', ''],
  );
  const texts = [words(300), 'short', words(5_000), words(10)];
  const batch = new SharedBatch(texts.map(message));
  for (const { connection } of clients) {
    connection.send(message('before'));
    connection.sendBatch(batch);
    connection.send(batch.messages[0]!);
  }
  for (const opened of clients) {
    assert.deepEqual(await until(opened, 6), ['before', ...texts, texts[0]]);
  }
  assert.ok(batch.compressedFrames!.length < batch.plainFrames!.length / 2);
});

test('what a client sends compressed is received, and the answer comes compressed', async (context) => {
  const open = await openings(context);
  const opened = await open();
  const texts = [words(50), words(30_000), 'short'];
  for (const text of texts) opened.client.send(text);
  assert.deepEqual(await until(opened, 3), texts);
});

test('a client whose message inflates beyond the ratio is closed with 1009', async (context) => {
  const open = await openings(context);
  const { client } = await open();
  client.send('x'.repeat(500_000));
  const [code] = await once(client, 'close');
  assert.equal(code, 1009);
});

test('a door compresses nothing unless it is told to', async (context) => {
  const open = await openings(context, { perMessageDeflate: false });
  const { client } = await open();
  assert.equal(client.extensions, '');
});
