/** Proves how messages are sent and handed out: Blobs, fragments, masks, callbacks, binary types and events one a turn. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer, type ClientOptions, type RawData } from 'tideway/websocket';
import { RawPeer, maskedFrame, openRaw } from './raw-peer.js';

interface Pair {
  readonly client: WebSocket;
  readonly accepted: WebSocket;
}

/** Two ends of a connection; both end with the test. */
async function connect(
  context: TestContext,
  options: ClientOptions = {},
  serverOptions: Readonly<Record<string, unknown>> = {},
): Promise<Pair> {
  const server = new WebSocketServer({ port: 0, ...serverOptions });
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new WebSocket(url, { perMessageDeflate: false, ...options });
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'open')])) as [
    [WebSocket],
    unknown,
  ];
  return { client, accepted };
}

/** The next messages of a connection, with whether they were binary. */
function collect(socket: WebSocket, count: number): Promise<[RawData, boolean][]> {
  const messages: [RawData, boolean][] = [];
  return new Promise((resolve) => {
    socket.on('message', (data, isBinary) => {
      messages.push([data, isBinary]);
      if (messages.length === count) resolve(messages);
    });
  });
}

test('nothing overtakes a Blob, and the Close frame comes last', async (context) => {
  const { client, accepted } = await connect(context);
  const received = collect(accepted, 4);
  const closed = once(accepted, 'close');
  const calls: string[] = [];
  client.send(new Blob(['first']), (error) => calls.push(`blob ${String(error ?? 'sent')}`));
  client.send('second', (error) => calls.push(`text ${String(error ?? 'sent')}`));
  client.send(new Blob(['third']), { binary: false });
  client.send(Buffer.from('fourth'));
  assert.equal(client.bufferedAmount, 22);
  client.close(3000, 'done');
  assert.equal(client.readyState, WebSocket.CLOSING);
  const texts = (await received).map(([data, isBinary]) => [String(data as Buffer), isBinary]);
  assert.deepEqual(texts, [
    ['first', true],
    ['second', false],
    ['third', false],
    ['fourth', true],
  ]);
  const [code, reason] = (await closed) as [number, Buffer];
  assert.deepEqual([code, reason.toString(), calls], [3000, 'done', ['blob sent', 'text sent']]);
});

test('a Blob that cannot be read ends the connection with its error, told once', async (context) => {
  const { client } = await connect(context);
  const problem = new Error('gone');
  const blob = new Blob(['x']);
  blob.arrayBuffer = () => Promise.reject(problem);
  const errors: unknown[] = [];
  client.on('error', (error) => errors.push(error));
  client.send(blob, (error) => errors.push(error));
  client.send('behind it', (error) => errors.push(error));
  const code = await new Promise((resolve) => client.on('close', resolve));
  assert.equal(code, 1006);
  assert.deepEqual(errors, [problem, problem, problem]);
});

test('what waits behind a Blob when the socket goes gets an error', async (context) => {
  const { client } = await connect(context);
  const errors: unknown[] = [];
  const told = new Promise<void>((resolve) => {
    client.send(new Blob(['x']), (error) => errors.push(error?.message));
    client.send('behind it', (error) => {
      errors.push(error?.message);
      resolve();
    });
  });
  client.terminate();
  await told;
  const message = 'The socket was closed while the blob was being read';
  assert.deepEqual(errors, [message, message]);
});

test('binary messages come in the form of binaryType, which may change', async (context) => {
  const { client, accepted } = await connect(context);
  const octets = Buffer.from([1, 2, 3]);
  client.binaryType = 'arraybuffer';
  client.binaryType = 'something' as 'blob';
  assert.equal(client.binaryType, 'arraybuffer');
  accepted.send(octets);
  const [asArrayBuffer] = (await once(client, 'message')) as [ArrayBuffer];
  assert.ok(asArrayBuffer instanceof ArrayBuffer && asArrayBuffer.byteLength === 3);
  client.binaryType = 'blob';
  accepted.send(octets);
  const [asBlob] = (await once(client, 'message')) as [Blob];
  assert.ok(asBlob instanceof Blob);
  assert.deepEqual(Buffer.from(await asBlob.arrayBuffer()), octets);
  client.binaryType = 'fragments';
  accepted.send(octets, { fin: false });
  accepted.send('', { fin: false });
  accepted.send('four');
  const [asFragments] = (await once(client, 'message')) as [Buffer[]];
  assert.deepEqual(asFragments, [octets, Buffer.from('four')]);
  accepted.send(octets);
  const [alone] = (await once(client, 'message')) as [Buffer[]];
  assert.deepEqual(alone, [octets]);
});

test('§5.1: mask: false breaks the rule when it is asked for, and the server says so', async (context) => {
  const { client, accepted } = await connect(context);
  const failed = once(accepted, 'error');
  client.send('hi', { mask: false });
  const [error] = (await failed) as [RangeError & { code: string }];
  assert.ok(error instanceof RangeError);
  assert.equal(error.code, 'WS_ERR_EXPECTED_MASK');
});

test('generateMask makes the keys, one for each frame', async (context) => {
  let count = 0;
  const generateMask = (mask: Buffer): void => void mask.fill(++count);
  const { client, accepted } = await connect(context, { generateMask });
  const received = collect(accepted, 2);
  client.send('one');
  client.ping('two');
  client.send(Buffer.alloc(100_000, 3));
  const [, [large]] = (await received) as [[Buffer, boolean], [Buffer, boolean]];
  assert.equal(count, 3);
  assert.deepEqual(large, Buffer.alloc(100_000, 3));
});

test('skipUTF8Validation takes any octets as text, whole, cut and in the reason of a Close frame', async (context) => {
  const server = new WebSocketServer({ port: 0, skipUTF8Validation: true });
  context.after(() => server.close());
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const peer: RawPeer = await openRaw((server.address() as AddressInfo).port);
  context.after(() => peer.destroy());
  const [socket] = await accepted;
  const received = collect(socket, 2);
  const closed = once(socket, 'close');
  const bad = Buffer.from([0xc3, 0x28, 0xff]);
  peer.socket.write(
    Buffer.concat([
      maskedFrame(0x81, bad),
      maskedFrame(0x01, bad),
      maskedFrame(0x80, bad),
      maskedFrame(0x88, Buffer.concat([Buffer.from([0x03, 0xe8]), bad])),
    ]),
  );
  assert.deepEqual(await received, [
    [bad, false],
    [Buffer.concat([bad, bad]), false],
  ]);
  assert.deepEqual(await closed, [1000, bad]);
});

test('allowSynchronousEvents: false tells one event a turn, in order, also when the peer is gone', async (context) => {
  const { client, accepted } = await connect(context, { allowSynchronousEvents: false });
  let turn = 0;
  let isOver = false;
  const count = (): void => {
    turn += 1;
    if (!isOver) setImmediate(count);
  };
  count();
  const seen: [string, number][] = [];
  client.on('message', (data) => seen.push([String(data as Buffer), turn]));
  client.on('ping', (data) => seen.push([data.toString(), turn]));
  for (let index = 0; index < 20; index++) {
    if (index % 5 === 0) accepted.ping(String(index));
    else accepted.send(String(index));
  }
  accepted.close();
  await once(client, 'close');
  isOver = true;
  assert.deepEqual(
    seen.map(([text]) => Number(text)),
    Array.from({ length: 20 }, (_, index) => index),
  );
  assert.equal(new Set(seen.map(([, at]) => at)).size, 20);
});

test('what had come before the link broke is told, though the connection was paused', async (context) => {
  const { client, accepted } = await connect(context);
  const messages: string[] = [];
  client.on('message', (data) => {
    messages.push(String(data as Buffer));
    client.pause();
  });
  const closed = once(client, 'close');
  for (const text of ['a', 'b', 'c']) accepted.send(text);
  await once(client, 'message');
  assert.ok(client.isPaused);
  client._socket?.destroy();
  await closed;
  assert.deepEqual(messages, ['a', 'b', 'c']);
});

test('objects go through Buffer.from, and what has no octets is a TypeError', async (context) => {
  const { client, accepted } = await connect(context);
  const received = collect(accepted, 4);
  client.send({ valueOf: () => 'value' });
  client.send({ [Symbol.toPrimitive]: () => 'primitive' });
  client.send([104, 105]);
  client.send(undefined as unknown as string);
  const texts = (await received).map(([data]) => String(data as Buffer));
  assert.deepEqual(texts, ['value', 'primitive', 'hi', '']);
  assert.throws(() => client.send({} as string), TypeError);
  assert.throws(() => client.send(true as unknown as string), TypeError);
});

test('after close() nothing is buffered once the kernel has taken it; what comes later is counted', async (context) => {
  const { client } = await connect(context);
  client.close();
  assert.equal(client.bufferedAmount, 0);
  client.send(new Blob(['1234']));
  client.ping('56');
  assert.equal(client.bufferedAmount, 6);
  await once(client, 'close');
  assert.equal(client.bufferedAmount, 6);
});

test('bufferedAmount counts what the application sent in this tick, compressed or not', async (context) => {
  for (const perMessageDeflate of [false, { threshold: 0 }]) {
    const { client } = await connect(context, { perMessageDeflate }, { perMessageDeflate: true });
    const sent = new Promise((resolve) => client.send('foo', resolve));
    assert.equal(client.bufferedAmount, 3);
    client.ping('not data');
    client.send(Buffer.alloc(300, 'a'));
    assert.equal(client.bufferedAmount, 303);
    client.send('b'.repeat(100_000));
    assert.equal(client.bufferedAmount, 100_303);
    await sent;
    client.close();
    await once(client, 'close');
  }
});

test('a large message keeps its mask while it is being compressed', async (context) => {
  const perMessageDeflate = { threshold: 0 };
  const { client, accepted } = await connect(context, { perMessageDeflate }, { perMessageDeflate });
  const failed = once(accepted, 'error');
  client.send(Buffer.alloc(200_000, 'a'), { mask: false });
  const [error] = (await failed) as [Error & { code: string }];
  assert.equal(error.code, 'WS_ERR_EXPECTED_MASK');
});

test('a callback of what a dead connection was to compress gets an error', async (context) => {
  const { client } = await connect(
    context,
    { perMessageDeflate: true },
    { perMessageDeflate: true },
  );
  const outcome = new Promise<Error | null | undefined>((resolve) => {
    client.send('a'.repeat(200_000), resolve);
  });
  client.terminate();
  const error = await outcome;
  assert.equal(error?.message, 'The socket was closed while data was being compressed');
});
