/** Proves our server on the wire: what it answers to handshakes and frames, good and bad, and that it stays up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import {
  WebSocket,
  WebSocketServer,
  type ServerOptions,
  type WebSocketError,
} from 'tideway/websocket';
import { checkBound } from '../acceptance-bound.js';
import {
  GOOD_HEADERS,
  RawPeer,
  closeFrame,
  closePayload,
  maskedFrame,
  openRaw,
} from './raw-peer.js';

interface Running {
  readonly server: WebSocketServer;
  readonly port: number;
}

/** An echo server that ends with the test. */
async function run(context: TestContext, options: ServerOptions = {}): Promise<Running> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  server.on('connection', (client) => {
    client.on('message', (data, isBinary) => client.send(data as Buffer, { binary: isBinary }));
  });
  await once(server, 'listening');
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

function nextClient(server: WebSocketServer): Promise<WebSocket> {
  return new Promise((resolve) => server.once('connection', (client) => resolve(client)));
}

function without(name: string, ...more: string[]): string[] {
  return [...GOOD_HEADERS.filter((line) => !line.startsWith(`${name}:`)), ...more];
}

test('§4.2: a bad handshake is answered with an HTTP error, a text and the end of the connection', async (context) => {
  const { port } = await run(context, { path: '/here' });
  const cases: readonly (readonly [number, readonly string[], string?])[] = [
    [400, without('Sec-WebSocket-Key')],
    [400, without('Sec-WebSocket-Key', 'Sec-WebSocket-Key: short')],
    [400, without('Upgrade', 'Upgrade: WebSocket, foo')],
    [400, [...GOOD_HEADERS, 'Sec-WebSocket-Version: 13']],
    [400, [...GOOD_HEADERS, 'Sec-WebSocket-Protocol: a b']],
    [400, [...GOOD_HEADERS, `Sec-WebSocket-Protocol: a${' '.repeat(10_000)}b`]],
    [400, [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: a; b="']],
    [400, [...GOOD_HEADERS, 'Sec-WebSocket-Extensions: __proto__=1']],
    [400, GOOD_HEADERS, 'GET /elsewhere HTTP/1.1'],
    [405, GOOD_HEADERS, 'POST /here HTTP/1.1'],
    // RFC 6455 §4.4 leaves the status open; it is the one of `ws`.
    [400, without('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 7')],
    [400, without('Sec-WebSocket-Version')],
    [431, [...GOOD_HEADERS, `X-Large: ${'x'.repeat(20_000)}`]],
  ];
  for (const [status, headers, start] of cases) {
    const peer = new RawPeer(port);
    const answer = await peer.request(headers, '/here', start);
    assert.equal(answer.status, status, headers.at(-1)?.slice(0, 60));
    assert.match(answer.head, /\r\nConnection: close/i);
    if (status !== 431) assert.ok(answer.body.length > 0);
    if (answer.body.includes('Sec-WebSocket-Version')) {
      assert.match(answer.head, /\r\nSec-WebSocket-Version: 13, 8\r\n/);
    }
    peer.destroy();
  }
  const good = await openRaw(port, '/here?query=1');
  good.destroy();
});

test('two thousand headers do not hide the handshake or end the process', async (context) => {
  const { port } = await run(context);
  const many = Array.from({ length: 2100 }, (_, index) => `a: ${index % 10}`);
  for (const headers of [
    [...many, ...GOOD_HEADERS],
    [...GOOD_HEADERS, ...many],
  ]) {
    const peer = new RawPeer(port);
    const { status } = await peer.request(headers);
    assert.ok(status === 101 || status >= 400, String(status));
    peer.destroy();
  }
  (await openRaw(port)).destroy();
});

test('a request that is no upgrade is answered with 426', async (context) => {
  const { port } = await run(context);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.status, 426);
});

test('§7.1.7: a violation is answered with its close code, and the connection is gone within a second', async (context) => {
  const { server, port } = await run(context, { maxMessageBytes: 1000, maxFragmentCount: 5 });
  const cases: readonly (readonly [number, Buffer])[] = [
    [1002, Buffer.from([0x81, 0x01, 0x61])],
    [1002, maskedFrame(0xc1, 'a')],
    [1002, maskedFrame(0x83, 'a')],
    [1002, maskedFrame(0x09, 'a')],
    [1002, maskedFrame(0x80, 'a')],
    [1002, maskedFrame(0x88, 'a')],
    [1002, maskedFrame(0x88, closePayload(1006))],
    [1007, maskedFrame(0x81, Buffer.of(0xff))],
    [1007, maskedFrame(0x88, Buffer.of(0x03, 0xe8, 0xff))],
    [1009, maskedFrame(0x82, Buffer.alloc(1001))],
    [1008, Buffer.concat([maskedFrame(0x01), ...Array.from({ length: 5 }, () => maskedFrame(0))])],
  ];
  for (const [code, bytes] of cases) {
    const accepted = nextClient(server);
    const peer = await openRaw(port);
    const client = await accepted;
    const gone = new Promise((resolve) => client.on('close', resolve));
    const startedAtMs = performance.now();
    peer.socket.write(bytes);
    await gone;
    await peer.ended;
    assert.deepEqual(peer.received, closeFrame(code));
    const tookMs = performance.now() - startedAtMs;
    checkBound(tookMs < 1000, `${code} after ${tookMs} ms`);
    peer.destroy();
  }
});

test('a violation is told as an error with a stable code, and needs no listener', async (context) => {
  const { server, port } = await run(context);
  const accepted = nextClient(server);
  const peer = await openRaw(port);
  const told = once(await accepted, 'error');
  peer.socket.write(maskedFrame(0xc1, 'a'));
  const [error] = (await told) as [Error & { code: string; closeCode: number }];
  assert.equal(error.code, 'WS_ERR_UNEXPECTED_RSV_1');
  assert.equal(error.closeCode, 1002);
  peer.destroy();
});

test('§5.5.1: a valid Close frame is echoed, then the server ends the connection', async (context) => {
  const { port } = await run(context);
  for (const code of [1000, 1014, 3000, 4999]) {
    const peer = await openRaw(port);
    peer.socket.write(maskedFrame(0x88, closePayload(code)));
    await peer.ended;
    assert.deepEqual(peer.received, closeFrame(code));
    peer.destroy();
  }
});

test('§5.5.2: a Ping is answered with its payload, also between fragments', async (context) => {
  const { port } = await run(context);
  const peer = await openRaw(port);
  peer.socket.write(
    Buffer.concat([maskedFrame(0x01, 'a'), maskedFrame(0x89, 'x'), maskedFrame(0x80, 'b')]),
  );
  const expected = Buffer.concat([
    Buffer.of(0x8a, 1),
    Buffer.from('x'),
    Buffer.of(0x81, 2),
    Buffer.from('ab'),
  ]);
  await peer.until((received) => received.length >= expected.length);
  assert.deepEqual(peer.received, expected);
  peer.destroy();
});

test('frames that come together with the handshake are told after the connection', async (context) => {
  const { port } = await run(context);
  const peer = new RawPeer(port);
  const head = ['GET / HTTP/1.1', ...GOOD_HEADERS, '', ''].join('\r\n');
  peer.socket.write(Buffer.concat([Buffer.from(head), maskedFrame(0x81, 'hi')]));
  await peer.until((received) => received.includes('\r\n\r\n\x81\x02hi', 0, 'latin1'));
  assert.ok(peer.received.includes('\r\n\r\n\x81\x02hi', 0, 'latin1'));
  peer.destroy();
});

test('random octets after a handshake end the connection and nothing else', async (context) => {
  const { port } = await run(context);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (octets) => {
      const peer = await openRaw(port);
      peer.socket.end(octets);
      await peer.ended;
      peer.destroy();
    }),
    { numRuns: 100 },
  );
  const peer = await openRaw(port);
  peer.destroy();
});

test('a peer that never answers a Close frame is dropped after the close time', async (context) => {
  const { server, port } = await run(context, { closeTimeoutMs: 50 });
  const accepted = nextClient(server);
  const peer = await openRaw(port);
  const client = await accepted;
  const gone = once(client, 'close');
  client.close(4000);
  const [code] = (await gone) as [number];
  assert.equal(code, 1006);
  peer.destroy();
});

test('a peer that says nothing after it connected is dropped after the handshake time', async (context) => {
  const { port } = await run(context, { handshakeTimeoutMs: 100 });
  for (const start of ['', 'GET / HTTP/1.1\r\nHost: a\r\n']) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(start);
    socket.resume();
    await once(socket, 'close');
  }
});

test('the heartbeat drops a peer that is silent and keeps one that answers', async (context) => {
  const { server, port } = await run(context, { heartbeatIntervalMs: 20, heartbeatTimeoutMs: 20 });
  const accepted = nextClient(server);
  const silent = await openRaw(port);
  const client = await accepted;
  const failed = once(client, 'error');
  const gone = new Promise<number>((resolve) => client.once('close', resolve));
  const answering = new WebSocket(`ws://127.0.0.1:${port}/`);
  let pingCount = 0;
  const askedTwice = new Promise<void>((resolve) => {
    answering.on('ping', () => {
      pingCount += 1;
      if (pingCount === 2) resolve();
    });
  });
  assert.equal(((await failed)[0] as WebSocketError).code, 'WS_ERR_HEARTBEAT_TIMEOUT');
  assert.equal(await gone, 1006);
  assert.deepEqual(silent.received, Buffer.of(0x89, 0));
  await askedTwice;
  assert.equal(answering.readyState, WebSocket.OPEN);
  answering.terminate();
});

test('replies to all messages of one chunk leave in one write', async (context) => {
  const { server, port } = await run(context);
  const accepted = nextClient(server);
  const peer = await openRaw(port);
  const client = await accepted;
  const written: number[] = [];
  const socket = peer.socket;
  socket.on('data', (chunk: Buffer) => written.push(chunk.length));
  const messages = Array.from({ length: 100 }, () => maskedFrame(0x81, 'abc'));
  peer.socket.write(Buffer.concat(messages));
  await peer.until((received) => received.length >= 500);
  assert.deepEqual(written, [500]);
  client.terminate();
});

test('what a slow reader is sent waits in the outbox, is counted, and arrives whole and in order', async (context) => {
  const { server, port } = await run(context);
  const accepted = nextClient(server);
  const peer = await openRaw(port);
  const client = await accepted;
  peer.socket.pause();
  let total = 0;
  const sent: Buffer[] = [];
  for (let index = 0; index < 400; index++) {
    const size = index % 3 === 0 ? 60_000 : 100;
    const body = Buffer.alloc(size, index);
    client.send(body);
    const header =
      size === 100 ? Buffer.of(0x82, 100) : Buffer.of(0x82, 126, size >> 8, size & 255);
    sent.push(header, body);
    total += header.length + size;
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(client.bufferedAmount > 1_000_000 && client.bufferedAmount <= total);
  const written = new Promise<void>((resolve, reject) => {
    client.send('end', (error) => (error ? reject(error) : resolve()));
  });
  peer.socket.resume();
  await written;
  assert.equal(client.bufferedAmount, 0);
  const expected = Buffer.concat([...sent, Buffer.of(0x81, 3), Buffer.from('end')]);
  await peer.until((received) => received.length >= expected.length);
  assert.ok(peer.received.equals(expected));
  peer.destroy();
});

test('a flood of Pings by a peer that does not read costs no memory', async (context) => {
  const { server, port } = await run(context, { maxControlFramesPerSecond: 0 });
  const accepted = nextClient(server);
  const peer = await openRaw(port);
  const client = await accepted;
  peer.socket.pause();
  client.send(Buffer.alloc(16 << 20));
  await new Promise((resolve) => setImmediate(resolve));
  const buffered = client.bufferedAmount;
  assert.ok(buffered > 1 << 20, 'the peer is to be behind');
  let pingCount = 0;
  const flooded = new Promise<void>((resolve) => {
    client.on('ping', () => {
      if (++pingCount === 5000) resolve();
    });
  });
  for (let index = 0; index < 5000; index++) peer.socket.write(maskedFrame(0x89, `ping ${index}`));
  await flooded;
  assert.ok(client.bufferedAmount <= buffered);
  peer.socket.resume();
  const last = Buffer.concat([Buffer.of(0x8a, 9), Buffer.from('ping 4999')]);
  await peer.until((received) => received.subarray(-last.length).equals(last));
  assert.ok(peer.received.subarray(-last.length).equals(last));
  peer.destroy();
});

test('a paused connection emits nothing until it is resumed, and loses nothing', async (context) => {
  const { server, port } = await run(context);
  const accepted = nextClient(server);
  const peer = await openRaw(port);
  const client = await accepted;
  const seen: string[] = [];
  const done = new Promise<void>((resolve) => {
    client.on('message', (data) => {
      seen.push((data as Buffer).toString());
      if (seen.length === 1) {
        client.pause();
        setImmediate(() => {
          assert.deepEqual(seen, ['0']);
          client.resume();
        });
      }
      if (seen.length === 5) resolve();
    });
  });
  peer.socket.write(
    Buffer.concat(['0', '1', '2', '3', '4'].map((text) => maskedFrame(0x81, text))),
  );
  await done;
  assert.deepEqual(seen, ['0', '1', '2', '3', '4']);
  peer.destroy();
});

test('verifyClient may refuse at once or later, with a status, a text and headers', async (context) => {
  const refusing = await run(context, { verifyClient: ({ origin }) => origin === 'http://good' });
  const bad = await new RawPeer(refusing.port).request([...GOOD_HEADERS, 'Origin: http://evil']);
  assert.equal(bad.status, 401);
  const good = await new RawPeer(refusing.port).request([...GOOD_HEADERS, 'Origin: http://good']);
  assert.equal(good.status, 101);
  const later = await run(context, {
    verifyClient: (_, answer) => {
      setImmediate(() => answer(false, 403, 'not today', { 'Retry-After': 5 }));
    },
  });
  const answer = await new RawPeer(later.port).request(GOOD_HEADERS);
  assert.equal(answer.status, 403);
  assert.equal(answer.body, 'not today');
  assert.match(answer.head, /Retry-After: 5/);
});

test('verifyClient that never answers is cut off after the handshake time', async (context) => {
  const { port } = await run(context, {
    handshakeTimeoutMs: 50,
    verifyClient: (info, answer) => void [info, answer],
  });
  const answer = await new RawPeer(port).request(GOOD_HEADERS);
  assert.equal(answer.status, 503);
});

test('a server without a port answers upgrades given by hand, and refuses a socket given twice', async (context) => {
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer();
  context.after(() => server.close());
  server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.send('hello');
      assert.throws(() => sockets.handleUpgrade(request, socket, head, () => {}), /more than once/);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  assert.throws(() => sockets.address(), /noServer/);
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const [data] = (await once(client, 'message')) as [Buffer];
  assert.equal(data.toString(), 'hello');
  client.close();
  await once(client, 'close');
  sockets.close();
  await once(sockets, 'close');
});

test('exactly one of port, server and noServer is to be given', () => {
  assert.throws(() => new WebSocketServer({}), /One and only one/);
  assert.throws(() => new WebSocketServer({ port: 0, noServer: true }), /One and only one/);
  assert.throws(
    () => new WebSocketServer({ noServer: true, maxMessageBytes: -1 }),
    /maxMessageBytes/,
  );
});

test('a taken port is told as an error event', async (context) => {
  const { port } = await run(context);
  const second = new WebSocketServer({ port, host: '127.0.0.1' });
  const [error] = (await once(second, 'error')) as [Error & { code: string }];
  assert.equal(error.code, 'EADDRINUSE');
});

test('close stops accepting, lets open connections end, and then calls back', async (context) => {
  const { server, port } = await run(context);
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  await once(client, 'open');
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      isClosed = true;
      resolve();
    });
  });
  client.send('still here');
  const [data] = (await once(client, 'message')) as [Buffer];
  assert.equal(data.toString(), 'still here');
  assert.equal(isClosed, false);
  client.close();
  await closed;
  assert.equal(server.clients.size, 0);
  const [error] = await new Promise<[Error | undefined]>((resolve) => {
    server.close((problem) => resolve([problem]));
  });
  assert.match(String(error), /not running/);
});

test('the class of the connections can be extended, and headers can be added to the answer', async (context) => {
  class Named extends WebSocket {
    readonly label = 'mine';
  }
  const server = new WebSocketServer<typeof Named>({
    port: 0,
    host: '127.0.0.1',
    WebSocket: Named,
  });
  context.after(() => server.close());
  server.on('headers', (headers) => headers.push('X-Label: yes'));
  await once(server, 'listening');
  const labelled = new Promise<string>((resolve) => {
    server.on('connection', (client) => {
      resolve(client.label);
      client.terminate();
    });
  });
  const peer = new RawPeer((server.address() as AddressInfo).port);
  const { head } = await peer.request(GOOD_HEADERS);
  assert.match(head, /X-Label: yes/);
  assert.equal(await labelled, 'mine');
  peer.destroy();
});

test('a refused handshake goes to wsClientError when somebody listens', async (context) => {
  const { server, port } = await run(context);
  server.on('wsClientError', (error, socket) => {
    socket.end(`HTTP/1.1 418 I am a teapot\r\nConnection: close\r\n\r\n${error.message}`);
  });
  const answer = await new RawPeer(port).request(without('Sec-WebSocket-Key'));
  assert.equal(answer.status, 418);
  assert.match(answer.body, /Sec-WebSocket-Key/);
});
