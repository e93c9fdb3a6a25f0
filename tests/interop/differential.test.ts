/** Proves that our server and that of ws judge the same octets alike, except where we are stricter on purpose. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { WebSocketServer as WsServer } from 'ws';
import { WebSocketServer } from 'tideway/websocket';

const LIMITS = { port: 0, host: '127.0.0.1', maxPayload: 300 };
const HANDSHAKE = [
  'GET / HTTP/1.1',
  'Host: a',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '',
  '',
].join('\r\n');

type Server = WebSocketServer | WsServer;
let servers: readonly Server[] = [];

before(async () => {
  servers = [new WebSocketServer(LIMITS), new WsServer(LIMITS)];
  await Promise.all(servers.map((server) => once(server, 'listening')));
});

after(() => {
  for (const server of servers) server.close();
});

/** What a server told about octets after a handshake, the last of it the end. */
async function verdict(server: Server, octets: Uint8Array): Promise<string[]> {
  const told: string[] = [];
  const ended = new Promise<void>((resolve) => {
    (server as WsServer).once('connection', (client) => {
      client.on('message', (data: Buffer, isBinary) => {
        told.push(`${isBinary ? 'binary' : 'text'} ${data.toString('hex')}`);
      });
      client.on('ping', (data: Buffer) => told.push(`ping ${data.toString('hex')}`));
      client.on('pong', (data: Buffer) => told.push(`pong ${data.toString('hex')}`));
      client.on('error', (error: Error & { code?: string }) => told.push(`error ${error.code}`));
      client.on('close', (code, reason) => {
        told.push(`close ${code} ${reason.toString()}`);
        resolve();
      });
    });
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.end(Buffer.concat([Buffer.from(HANDSHAKE), octets]));
  await ended;
  socket.destroy();
  return told;
}

const payload = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => Buffer.from(text)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }).map((octets) => Buffer.from(octets)) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 100, max: 400 }).map((size) => Buffer.alloc(size, 'a')),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(1000, 1004, 1006, 3000)
      .map((code) => Buffer.of(code >> 8, code & 255)),
  },
);
const first = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(0x81, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);

/** Frames with a mask of zeros, which changes nothing about how they are judged. */
const sequence = fc
  .array(fc.tuple(first, payload), { minLength: 1, maxLength: 6 })
  .map((frames) =>
    Buffer.concat(
      frames.flatMap(([octet, body]) => [
        Buffer.from([
          octet,
          ...(body.length < 126 ? [128 | body.length] : [254, body.length >> 8, body.length & 255]),
        ]),
        Buffer.alloc(4),
        body,
      ]),
    ),
  );

test('random frames are judged as ws judges them, but bad text fails at its first octet', async () => {
  const ends = new Set<string>();
  await fc.assert(
    fc.asyncProperty(sequence, async (octets) => {
      const [ours = [], theirs = []] = await Promise.all(
        servers.map((server) => verdict(server, octets)),
      );
      const failure = ours.find((line) => line.startsWith('error'));
      ends.add(failure ?? 'none');
      // We do not wait for the end of a message to see that it is no text.
      if (failure === 'error WS_ERR_INVALID_UTF8') {
        assert.deepEqual(
          theirs.slice(0, ours.indexOf(failure)),
          ours.slice(0, ours.indexOf(failure)),
        );
      } else assert.deepEqual(ours, theirs);
    }),
    { numRuns: 200 },
  );
  assert.ok(ends.size >= 4, [...ends].join());
});
