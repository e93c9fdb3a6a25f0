/** Proves connections over TLS: the server's certificate is verified unless the caller says otherwise. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { generate } from 'selfsigned';
import WsClient from 'ws';
import { WebSocket, WebSocketServer } from 'tideway/websocket';
import { bodies } from './peers.js';

let server: Server;
let certificate: string;
let url: string;

before(async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  certificate = made.cert;
  server = createServer({ cert: made.cert, key: made.private });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (client) => {
    client.on('message', (data, isBinary) => client.send(data as Buffer, { binary: isBinary }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `wss://localhost:${(server.address() as AddressInfo).port}/`;
});

after(async () => {
  server.close();
  await once(server, 'close');
});

test('a client that trusts the certificate exchanges messages of every size', async () => {
  for (const Client of [WebSocket, WsClient as unknown as typeof WebSocket]) {
    const client = new Client(url, { ca: certificate });
    await once(client, 'open');
    for (const body of bodies) {
      client.send(body);
      const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
      assert.equal(isBinary, typeof body !== 'string');
      assert.equal(Buffer.compare(data, Buffer.from(body)), 0);
    }
    client.close(4000, 'done');
    assert.equal((await once(client, 'close'))[0], 4000);
  }
});

test('a certificate that nobody vouches for is refused by default', async () => {
  const client = new WebSocket(url);
  const [error] = (await once(client, 'error')) as [Error & { code: string }];
  assert.match(error.code, /SELF_SIGNED|UNABLE_TO_VERIFY/);
});

test('a certificate for another name is refused', async () => {
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`wss://127.0.0.1:${port}/`, { ca: certificate });
  const [error] = (await once(client, 'error')) as [Error & { code: string }];
  assert.equal(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
});
