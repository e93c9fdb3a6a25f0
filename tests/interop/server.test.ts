/** Proves our server with the clients of others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import WsClient from 'ws';
import { WebSocketServer, type WebSocket } from 'tideway/websocket';
import { bodies, foreignPeers, ours, type Closed } from './peers.js';

let server: WebSocketServer;
let url: string;

before(async () => {
  server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: (offered) => (offered.has('second') ? 'second' : false),
  });
  server.on('connection', (client) => {
    client.on('message', (data, isBinary) => client.send(data as Buffer, { binary: isBinary }));
  });
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

after(async () => {
  server.close();
  await once(server, 'close');
});

function nextClient(): Promise<WebSocket> {
  return new Promise((resolve) => server.once('connection', (client) => resolve(client)));
}

function closeOf(client: WebSocket): Promise<Closed> {
  return new Promise((resolve) => {
    client.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
}

for (const peer of [...foreignPeers, ours]) {
  describe(`our server with the client of ${peer.name}`, () => {
    test('text and binary messages of every size come back as they went', async () => {
      const client = await peer.open(url);
      for (const body of bodies) {
        client.send(body);
        const { data, isBinary } = await client.next();
        assert.equal(isBinary, typeof body !== 'string');
        assert.equal(Buffer.compare(data, Buffer.from(body)), 0, `${body.length} long`);
      }
      client.close();
      await client.closed;
    });

    test('many messages at once come back whole and in order', async () => {
      const client = await peer.open(url);
      const count = 2000;
      for (let index = 0; index < count; index++) client.send(`message ${index}`);
      for (let index = 0; index < count; index++) {
        assert.equal((await client.next()).data.toString(), `message ${index}`);
      }
      client.close();
      await client.closed;
    });

    test('a message that the server sends in fragments, with a Ping between, arrives whole', async () => {
      const accepted = nextClient();
      const client = await peer.open(url);
      const socket = await accepted;
      socket.send('frag', { fin: false });
      socket.ping('between');
      socket.send('', { fin: false });
      socket.send('ments', { fin: true });
      const pong = once(socket, 'pong');
      assert.equal((await client.next()).data.toString(), 'fragments');
      assert.equal(String((await pong)[0]), 'between');
      client.close();
      await client.closed;
    });

    test('the close code and reason of either side reach the other', async () => {
      for (const code of [1000, 3000, 4999]) {
        const accepted = nextClient();
        const client = await peer.open(url);
        const seen = closeOf(await accepted);
        client.close(code, 'tschüß');
        assert.deepEqual(await seen, { code, reason: 'tschüß' });
        assert.deepEqual(await client.closed, { code, reason: 'tschüß' });
      }
      for (const code of [1000, 1001, 1011, 3000, 4999]) {
        const accepted = nextClient();
        const client = await peer.open(url);
        (await accepted).close(code, 'done');
        assert.deepEqual(await client.closed, { code, reason: 'done' });
      }
    });

    const skip = peer.closesWithoutCode ? false : 'its API has no such close';
    test('a close without a code is told as 1005 on both sides', { skip }, async () => {
      const accepted = nextClient();
      const client = await peer.open(url);
      const seen = closeOf(await accepted);
      client.close();
      assert.equal((await seen).code, 1005);
      assert.equal((await client.closed).code, 1005);
    });

    test('the subprotocol that the server picks is agreed upon', async () => {
      const client = await peer.open(url, ['first', 'second']);
      assert.equal(client.protocol, 'second');
      client.close();
      await client.closed;
    });
  });
}

test('fragments from the client of ws arrive whole, of one octet each and empty ones too', async () => {
  const client = new WsClient(url);
  await once(client, 'open');
  const text = 'fragmented € text';
  for (const octet of Buffer.from(text)) {
    client.send(Buffer.of(octet), { binary: false, fin: false });
    client.send('', { fin: false });
  }
  client.send('', { fin: true });
  const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
  assert.equal(data.toString(), text);
  assert.equal(isBinary, false);
  client.close();
  await once(client, 'close');
});
