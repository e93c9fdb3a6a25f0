/** Proves what of a request and of options counts in an opening handshake: changed headers, requests made by hand, times. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { EngineLoop, WebSocket, WebSocketServer, type ServerOptions } from 'tideway/websocket';

type Change = (request: http.IncomingMessage) => http.IncomingMessage;

/** An application that looks at each request before it hands it to the engine; its URL. */
async function serve(
  context: TestContext,
  change: Change,
  options: ServerOptions = {},
): Promise<string> {
  const server = http.createServer();
  const sockets = new WebSocketServer({ noServer: true, ...options });
  server.on('upgrade', (request, socket: Duplex, head) => {
    sockets.handleUpgrade(change(request), socket, head, (client) => client.send('welcome'));
  });
  context.after(() => {
    for (const client of sockets.clients) client.terminate();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('what an application changed in the headers of a request counts', async (context) => {
  const url = await serve(
    context,
    (request) => {
      request.headers['sec-websocket-protocol'] = 'second';
      delete request.headers['sec-websocket-extensions'];
      return request;
    },
    { perMessageDeflate: true },
  );
  const client = new WebSocket(url, ['first', 'second'], { perMessageDeflate: true });
  await once(client, 'open');
  assert.deepEqual([client.protocol, client.extensions], ['second', '']);
  client.terminate();
});

test('a header that an application takes away is not there', async (context) => {
  for (const name of ['upgrade', 'sec-websocket-key', 'sec-websocket-version']) {
    const url = await serve(context, (request) => {
      delete request.headers[name];
      return request;
    });
    const [error] = (await once(new WebSocket(url), 'error')) as [Error];
    assert.equal(error.message, 'Unexpected server response: 400', name);
  }
});

test('a header that was repeated on the wire is still refused', async (context) => {
  const url = await serve(context, (request) => request);
  for (const [name, values] of [
    ['Sec-WebSocket-Version', ['13', '13']],
    ['Host', ['a', 'b']],
  ] as const) {
    const { port } = new URL(url);
    const headers = ['Host', 'x', 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
    headers.push('Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version', '13');
    const without = headers.findIndex((text) => text === name);
    headers.splice(without, 2, ...values.flatMap((value) => [name, value]));
    const request = http.request({ host: '127.0.0.1', port, headers });
    const answered = once(request, 'response');
    request.end();
    const [response] = (await answered) as [http.IncomingMessage];
    assert.equal(response.statusCode, 400, name);
    response.resume();
  }
});

test('a request made by hand is judged by its headers', { timeout: 10_000 }, async (context) => {
  const url = await serve(
    context,
    ({ method, url: target, headers, httpVersionMajor, httpVersionMinor }) => {
      const made = { method, url: target, headers, httpVersionMajor, httpVersionMinor };
      return made as unknown as http.IncomingMessage;
    },
    { verifyClient: ({ secure }) => !secure },
  );
  const client = new WebSocket(url);
  const [message] = (await once(client, 'message')) as [Buffer];
  assert.equal(message.toString(), 'welcome');
  client.terminate();
});

test('times and counts of a handshake are checked when they are given', async (context) => {
  for (const value of [NaN, -1, '100' as unknown as number]) {
    for (const name of ['handshakeTimeout', 'handshakeTimeoutMs', 'maxRedirects', 'closeTimeout']) {
      assert.throws(() => new WebSocket('ws://x.invalid', { [name]: value }), RangeError, name);
    }
    for (const name of ['handshakeTimeout', 'handshakeTimeoutMs', 'closeTimeout']) {
      const open = (): unknown => new WebSocketServer({ noServer: true, [name]: value });
      assert.throws(open, RangeError, name);
    }
  }
  for (const timeMs of [Infinity, 2 ** 31, 2 ** 40, 0, 10_000.5]) {
    const options = { handshakeTimeout: timeMs, closeTimeout: timeMs };
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
    context.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = new WebSocket(`ws://127.0.0.1:${port}`, options);
    await once(client, 'open');
    const closed = once(client, 'close');
    if (timeMs === 0) client.terminate();
    else client.close();
    await closed;
  }
});

test('an answer that the application looks at is not late afterwards', async (context) => {
  const server = http.createServer((_, response) => response.writeHead(401).end('who are you?'));
  context.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  // The time of the engine, which passes when the test says so.
  let nowMs = 0;
  const timers: (() => void)[] = [];
  const time = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after: (_: number, callback: () => void) => {
      timers.push(callback);
      return () => timers.splice(timers.indexOf(callback), 1);
    },
    afterTick: (callback: () => void) => process.nextTick(callback),
    afterTurn: (callback: () => void) => setImmediate(callback),
  };
  const { port } = server.address() as AddressInfo;
  const loop = new EngineLoop(time as never);
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { handshakeTimeout: 1_000, loop });
  const errors: string[] = [];
  client.on('error', (error) => errors.push(error.message));
  const answered = once(client, 'unexpected-response');
  const [, response] = (await answered) as [unknown, http.IncomingMessage];
  nowMs = 60_000;
  for (const callback of timers.splice(0)) callback();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([errors, client.readyState], [[], WebSocket.CONNECTING]);
  const texts: Buffer[] = await response.toArray();
  assert.equal(String(Buffer.concat(texts)), 'who are you?');
  const closed = once(client, 'close').catch(() => {});
  client.terminate();
  await closed;
  assert.deepEqual(errors, ['WebSocket was closed before the connection was established']);
});
