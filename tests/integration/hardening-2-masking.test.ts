/** Hardening test 2: a client's frame without a mask and a server's with one end the connection with 1002, within a second. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { WebSocket, type WebSocketError } from 'tideway/websocket';
import { closeCodeFor, openPeer, serve, tellFigure } from './hardening-rig.js';

const MAX_MS = 1000;

test('[hardening 2] a server ends the connection of a client that does not mask', async (context) => {
  const { port } = await serve(context);
  for (const first of [0x81, 0x82, 0x89, 0x8a, 0x88, 0x01]) {
    const peer = await openPeer(port);
    const code = closeCodeFor(peer);
    const startedAtMs = performance.now();
    peer.write(Buffer.of(first, 2, 0x03, 0xe8));
    assert.equal(await code, 1002, `first octet ${first}`);
    const tookMs = performance.now() - startedAtMs;
    assert.ok(tookMs < MAX_MS, `${tookMs} ms`);
    if (first === 0x81) tellFigure(context, `server: gone after ${tookMs.toFixed(0)} ms`);
  }
});

/** A server that answers the handshake and then says what it is told to. */
async function badServer(
  octets: Buffer,
): Promise<{ port: number; socket: Promise<Socket>; close: () => void }> {
  const server = createServer();
  const socket = new Promise<Socket>((resolve) => {
    server.on('connection', (connection) => {
      connection.on('error', () => {});
      connection.once('data', (request: Buffer) => {
        const key = /sec-websocket-key: (.*)\r\n/i.exec(request.toString('latin1'))?.[1] ?? '';
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
        connection.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
            `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
        );
        connection.write(octets);
        resolve(connection);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, socket, close: () => server.close() };
}

test('[hardening 2] a client ends the connection of a server that masks', async (context) => {
  const masked = Buffer.of(0x81, 0x82, 1, 2, 3, 4, 0x60, 0x60);
  const { port, socket, close } = await badServer(masked);
  context.after(close);
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  const failed = once(client, 'error');
  const closed = new Promise<number>((resolve) => client.once('close', resolve));
  const peer = await socket;
  let received = Buffer.alloc(0);
  peer.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  const startedAtMs = performance.now();
  const [error] = (await failed) as [WebSocketError];
  assert.equal(error.code, 'WS_ERR_UNEXPECTED_MASK');
  assert.equal(error.closeCode, 1002);
  assert.equal(await closed, 1006);
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs < MAX_MS, `${tookMs} ms`);
  // The Close frame of a client is masked: two octets of head, four of mask, the code.
  const code = ((received[6]! ^ received[2]!) << 8) | (received[7]! ^ received[3]!);
  assert.equal(code, 1002);
  tellFigure(context, `client: gone after ${tookMs.toFixed(0)} ms`);
});
