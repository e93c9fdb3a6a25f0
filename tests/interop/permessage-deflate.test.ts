/** Proves compression with the endpoints of others, both ways round, at several window sizes, with and without windows that are kept. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import WsClient, { WebSocketServer as WsServer } from 'ws';
import { WebSocket as UndiciClient } from 'undici';
import { WebSocket, WebSocketServer, type PerMessageDeflateOptions } from 'tideway/websocket';

const sentence = 'The quick brown fox jumps over the lazy dog, €1 and 🌊. ';

/** Empty, short, repeated, random, and larger than what is compressed at once. */
const bodies: readonly (string | Buffer)[] = [
  '',
  'Hello',
  sentence.repeat(30),
  sentence.repeat(30),
  Buffer.alloc(0),
  randomBytes(3_000),
  sentence.repeat(2_000),
  Buffer.alloc(400_000, 'abc'),
  randomBytes(100_000),
  'end',
];

const settings: readonly (readonly [string, PerMessageDeflateOptions])[] = [
  ['windows of 32 KiB that are kept', { threshold: 0 }],
  ['no windows', { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }],
  ['a window kept by the server only', { clientNoContextTakeover: true }],
  ['windows of 256 octets', { threshold: 0, serverMaxWindowBits: 8, clientMaxWindowBits: 8 }],
  ['windows of 512 octets', { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
  [
    'windows of 4 KiB that are not kept',
    {
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 12,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
    },
  ],
];

/** What the APIs of `ws` and of ours have in common. */
type AnyServer = WebSocketServer;
type AnyClient = WebSocket;
const Foreign = {
  Server: WsServer as unknown as typeof WebSocketServer,
  Client: WsClient as unknown as typeof WebSocket,
};

async function listen(
  context: TestContext,
  Server: typeof WebSocketServer,
  perMessageDeflate: PerMessageDeflateOptions,
): Promise<{ server: AnyServer; url: string }> {
  const server = new Server({ port: 0, host: '127.0.0.1', perMessageDeflate });
  await once(server, 'listening');
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** Sends everything at once and compares what comes back. */
async function exchange(client: AnyClient): Promise<void> {
  const received: { data: Buffer; isBinary: boolean }[] = [];
  const all = new Promise<void>((resolve) => {
    client.on('message', (data, isBinary) => {
      if (received.push({ data: data as Buffer, isBinary }) === bodies.length) resolve();
    });
  });
  for (const body of bodies) client.send(body);
  await all;
  received.forEach(({ data, isBinary }, index) => {
    const body = bodies[index]!;
    assert.equal(isBinary, typeof body !== 'string', `message ${index}`);
    assert.equal(Buffer.compare(data, Buffer.from(body)), 0, `message ${index}`);
  });
}

for (const [name, options] of settings) {
  describe(`compression with ${name}`, () => {
    for (const [who, Server, Client] of [
      ['our server and the client of ws', WebSocketServer, Foreign.Client],
      ['the server of ws and our client', Foreign.Server, WebSocket],
      ['our server and our client', WebSocketServer, WebSocket],
    ] as const) {
      test(`${who} give back what was sent`, async (context) => {
        const { url } = await listen(context, Server, options);
        const client = new Client(url);
        await once(client, 'open');
        assert.equal(client.extensions, 'permessage-deflate');
        await exchange(client);
        client.close(1000);
        const [code] = await once(client, 'close');
        assert.equal(code, 1000);
      });
    }

    test('fragments of ours are one message to ws, and of ws to us', async (context) => {
      for (const [Server, Client] of [
        [WebSocketServer, Foreign.Client],
        [Foreign.Server, WebSocket],
      ] as const) {
        const { server, url } = await listen(context, Server, options);
        const accepted = once(server, 'connection') as Promise<[AnyClient]>;
        const client = new Client(url);
        await once(client, 'open');
        const [socket] = await accepted;
        for (const [from, to] of [
          [socket, client],
          [client, socket],
        ] as const) {
          for (let turn = 0; turn < 3; turn++) {
            const arrived = once(to, 'message') as Promise<[Buffer]>;
            from.send(sentence.repeat(20), { fin: false });
            from.send('', { fin: false });
            from.send(sentence.repeat(900), { fin: false });
            from.send('end', { fin: true });
            assert.equal(String((await arrived)[0]), `${sentence.repeat(920)}end`);
          }
        }
        client.terminate();
      }
    });

    test('our server and the client of undici give back what was sent', async (context) => {
      // undici offers client_max_window_bits and cannot keep to a size.
      const { clientMaxWindowBits: _, ...allowed } = options;
      const { url } = await listen(context, WebSocketServer, allowed);
      const client = new UndiciClient(url);
      client.binaryType = 'arraybuffer';
      const received: Buffer[] = [];
      const all = new Promise<void>((resolve, reject) => {
        client.addEventListener('close', () => reject(new Error('closed too soon')));
        client.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) => {
          if (received.push(Buffer.from(data as string)) === bodies.length) resolve();
        });
      });
      await new Promise((resolve) => client.addEventListener('open', resolve));
      assert.match(client.extensions, /^permessage-deflate/);
      for (const body of bodies) client.send(body);
      await all;
      received.forEach((data, index) => {
        assert.equal(Buffer.compare(data, Buffer.from(bodies[index]!)), 0, `message ${index}`);
      });
      client.close();
    });
  });
}
