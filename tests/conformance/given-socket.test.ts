/** Proves what test tools of frameworks do with insides of `ws`: a connection over a stream of their own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'tideway/websocket';

/** Two ends of one stream. */
function pair(): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read: () => {},
      write: (chunk, _, done) => {
        other().push(chunk);
        done();
      },
      final: (done) => {
        other().push(null);
        done();
      },
    });
  const left: Duplex = end(() => right);
  const right: Duplex = end(() => left);
  return [left, right];
}

test('completeUpgrade and setSocket make two ends of a stream a connection', async (t) => {
  const [clientStream, serverStream] = pair();
  const server = new WebSocketServer({ noServer: true });
  t.after(() => server.close());
  const answered = once(clientStream, 'data') as Promise<[Buffer]>;
  const accepted = new Promise<WebSocket>((resolve) => {
    const request = { headers: {} } as IncomingMessage;
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    server.completeUpgrade(
      {},
      key,
      new Set(['a']),
      request,
      serverStream,
      Buffer.alloc(0),
      resolve,
    );
  });
  const [answer] = await answered;
  assert.match(String(answer), /^HTTP\/1\.1 101 .*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s);
  const served = await accepted;
  assert.equal(served.protocol, 'a');
  served.on('message', (data) => served.send(data));

  const client = new WebSocket(null);
  (client as unknown as { _isServer: boolean })._isServer = false;
  const opened = once(client, 'open');
  client.setSocket(clientStream, Buffer.alloc(0), { maxPayload: 0 });
  await opened;
  client.send('over a stream');
  const [echo] = (await once(client, 'message')) as [Buffer];
  assert.equal(String(echo), 'over a stream');
  const closed = once(client, 'close');
  client.close(1000);
  assert.deepEqual((await closed)[0], 1000);
});

test('a request that never was on a wire needs neither Host nor a version of HTTP', async (t) => {
  const [clientStream, serverStream] = pair();
  const server = new WebSocketServer({ noServer: true });
  t.after(() => server.close());
  const answered = once(clientStream, 'data') as Promise<[Buffer]>;
  const headers = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': 13,
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const request = { method: 'GET', url: '/', headers } as unknown as IncomingMessage;
  server.handleUpgrade(request, serverStream, Buffer.alloc(0), (socket) => socket.terminate());
  assert.match(String((await answered)[0]), /^HTTP\/1\.1 101 /);
});
