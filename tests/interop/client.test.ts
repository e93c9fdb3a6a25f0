/** Proves our client with the servers of others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import FayeWebSocket from 'faye-websocket';
import websocket from 'websocket';
import { WebSocketServer as WsServer } from 'ws';
import { WebSocket } from 'tideway/websocket';
import { bodies, ours } from './peers.js';

/**
 * A server of another make. It echoes; to the text `close <code>` it answers by closing with that code, and to
 * `fragments` with as many fragments as its API can send.
 */
interface PeerServer {
  readonly name: string;
  readonly canFragment: boolean;
  /** Whether it sends code and reason of a Close frame back, as RFC 6455 §5.5.1 says is typical; else 1000. */
  readonly echoesClose: boolean;
  /** Codes that its API lets an application close with. */
  readonly closeCodes: readonly number[];
  attach(server: Server): void;
}

const closeCommand = /^close (\d+)$/;

const wsServer: PeerServer = {
  name: 'ws',
  canFragment: true,
  echoesClose: true,
  closeCodes: [1000, 1001, 1011, 3000, 4999],
  attach(server) {
    const sockets = new WsServer({ server, handleProtocols: () => 'second' });
    sockets.on('connection', (socket) => {
      socket.on('message', (data: Buffer, isBinary) => {
        const code = closeCommand.exec(data.toString())?.[1];
        if (code !== undefined) socket.close(Number(code), 'as asked');
        else if (data.toString() === 'fragments') {
          socket.send('one', { fin: false });
          socket.ping('between');
          socket.send('', { fin: false });
          socket.send('two', { fin: true });
        } else socket.send(data, { binary: isBinary });
      });
    });
  },
};

const fayeServer: PeerServer = {
  name: 'faye-websocket',
  canFragment: false,
  echoesClose: true,
  closeCodes: [1000, 3000, 4999],
  attach(server) {
    server.on('upgrade', (request, socket, head) => {
      const peer = new FayeWebSocket(request, socket, head as Buffer, ['second']);
      peer.on('message', ({ data }: { data: string | Buffer }) => {
        const code = typeof data === 'string' ? closeCommand.exec(data)?.[1] : undefined;
        if (code !== undefined) peer.close(Number(code), 'as asked');
        else peer.send(data);
      });
    });
  },
};

/** It answers in fragments of its own accord when a message is larger than its threshold. */
const websocketServer: PeerServer = {
  name: 'websocket',
  canFragment: false,
  echoesClose: false,
  closeCodes: [1000, 1001, 1011, 3000, 4999],
  attach(server) {
    const sockets = new websocket.server({
      httpServer: server,
      maxReceivedFrameSize: 1 << 21,
      maxReceivedMessageSize: 1 << 21,
      fragmentationThreshold: 16_384,
    });
    sockets.on('request', (request) => {
      const peer = request.accept(request.requestedProtocols.includes('second') ? 'second' : null);
      peer.on('message', ({ utf8Data, binaryData }) => {
        const code = utf8Data === undefined ? undefined : closeCommand.exec(utf8Data)?.[1];
        if (code !== undefined) peer.close(Number(code), 'as asked');
        else if (utf8Data !== undefined) peer.sendUTF(utf8Data);
        else if (binaryData !== undefined) peer.sendBytes(binaryData);
      });
    });
  },
};

for (const peer of [wsServer, fayeServer, websocketServer]) {
  describe(`our client with the server of ${peer.name}`, () => {
    const server = createServer();
    let url = '';

    before(async () => {
      peer.attach(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    });

    after(async () => {
      server.close();
      await once(server, 'close');
    });

    test('text and binary messages of every size come back as they went', async () => {
      const client = await ours.open(url);
      for (const body of bodies) {
        client.send(body);
        const { data, isBinary } = await client.next();
        assert.equal(isBinary, typeof body !== 'string');
        assert.equal(Buffer.compare(data, Buffer.from(body)), 0, `${body.length} long`);
      }
      client.close();
      await client.closed;
    });

    test('a message that we send in fragments, with a Ping between, arrives whole', async () => {
      const client = new WebSocket(url);
      await once(client, 'open');
      client.send('frag', { fin: false });
      client.ping('between');
      client.send('', { fin: false });
      client.send('ment');
      const pong = once(client, 'pong');
      const [data] = (await once(client, 'message')) as [Buffer];
      assert.equal(data.toString(), 'fragment');
      assert.equal(String((await pong)[0]), 'between');
      client.close();
      await once(client, 'close');
    });

    test('the close code and reason of either side reach the other', async () => {
      for (const code of [1000, 3000, 4999]) {
        const client = await ours.open(url);
        client.close(code, 'tschüß');
        const answer = peer.echoesClose ? { code, reason: 'tschüß' } : { code: 1000, reason: '' };
        assert.deepEqual(await client.closed, answer);
      }
      for (const code of peer.closeCodes) {
        const client = await ours.open(url);
        client.send(`close ${code}`);
        assert.deepEqual(await client.closed, { code, reason: 'as asked' });
      }
    });

    test('a subprotocol is agreed upon', async () => {
      const client = await ours.open(url, ['first', 'second']);
      assert.equal(client.protocol, 'second');
      client.close();
      await client.closed;
    });

    test('fragments of the server arrive as one message', { skip: !peer.canFragment }, async () => {
      const client = await ours.open(url);
      client.send('fragments');
      assert.equal((await client.next()).data.toString(), 'onetwo');
      client.close();
      await client.closed;
    });
  });
}
