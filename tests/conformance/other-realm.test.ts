/** Proves that octets of another realm are octets: those of node:vm stand for an iframe's and a test runner's. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { runInNewContext } from 'node:vm';
import { StandardWebSocket, WebSocket, WebSocketServer, type SendData } from 'tideway/websocket';

interface OtherRealm {
  readonly octets: Uint8Array;
  readonly buffer: ArrayBuffer;
  readonly shared: SharedArrayBuffer;
  readonly view: DataView;
  readonly words: Uint16Array;
  readonly parts: readonly Uint8Array[];
  readonly blob: Blob;
}

/** Each is the octets 65, 66, 67, 68. */
function otherRealm(): OtherRealm {
  const made: unknown = runInNewContext(
    `const octets = Uint8Array.of(65, 66, 67, 68);
    const shared = new SharedArrayBuffer(4);
    new Uint8Array(shared).set(octets);
    class Blob {
      get size() { return 4; }
      get [Symbol.toStringTag]() { return 'Blob'; }
      arrayBuffer() { return Promise.resolve(octets.slice().buffer); }
    }
    ({
      octets, shared, buffer: octets.slice().buffer, view: new DataView(octets.buffer),
      words: new Uint16Array(octets.slice().buffer), parts: [octets.slice(0, 1), octets.slice(1)], blob: new Blob(),
    })`,
  );
  const realm = made as OtherRealm;
  assert.ok(!(realm.octets instanceof Uint8Array) && !(realm.buffer instanceof ArrayBuffer));
  return realm;
}

/** The address of a server that tells what it is sent, as text, and how it is closed. */
async function serve(
  context: TestContext,
  told: string[],
): Promise<{ url: string; ended: Promise<unknown> }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  let end: (() => void) | undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  server.on('connection', (socket) => {
    const tell = (kind: string, data: unknown): void => void told.push(`${kind} ${String(data)}`);
    socket.on('message', (data, isBinary) => tell(isBinary ? 'binary' : 'text', data));
    socket.on('ping', (data) => tell('ping', data));
    socket.on('pong', (data) => tell('pong', data));
    socket.on('close', (code, reason) => {
      tell(String(code), reason);
      end?.();
    });
  });
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, ended };
}

test('WebSocket sends octets of another realm as octets, in messages, Pings, Pongs and reasons', async (context) => {
  const told: string[] = [];
  const { url, ended } = await serve(context, told);
  const client = new WebSocket(url);
  await once(client, 'open');
  const realm = otherRealm();
  const all: SendData[] = [realm.octets, realm.buffer, realm.shared, realm.view, realm.words];
  all.push(realm.parts, realm.blob, WebSocket.prepare(realm.octets));
  all.push(WebSocket.prepare(realm.buffer), WebSocket.prepare(realm.parts));
  for (const data of all) client.send(data);
  client.ping(realm.octets);
  client.ping(realm.buffer);
  client.pong(realm.parts);
  client.close(3000, realm.octets);
  await ended;
  assert.deepEqual(told, [
    ...all.map(() => 'binary ABCD'),
    'ping ABCD',
    'ping ABCD',
    'pong ABCD',
    '3000 ABCD',
  ]);
});

test('StandardWebSocket sends octets of another realm as octets', async (context) => {
  const told: string[] = [];
  const { url, ended } = await serve(context, told);
  const client = new StandardWebSocket(url);
  await new Promise((resolve) => (client.onopen = resolve));
  const { octets, buffer, view, words, blob } = otherRealm();
  const all = [octets, buffer, view, words, blob];
  for (const data of all) client.send(data);
  assert.equal(client.bufferedAmount, 4 * all.length);
  client.close();
  await ended;
  assert.deepEqual(told, [...all.map(() => 'binary ABCD'), '1005 ']);
});
