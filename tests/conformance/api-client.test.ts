/** Proves what a client of ours can be told, as with ws: redirects, credentials, sockets, agents, versions, early ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as net from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer, type ClientOptions } from 'tideway/websocket';

/** A WebSocket server whose HTTP side answers other paths; the requests that it was sent are kept. */
interface Site {
  readonly port: number;
  readonly requests: http.IncomingMessage[];
}

async function serve(
  context: TestContext,
  redirects: (request: http.IncomingMessage) => string | undefined = () => undefined,
  path?: string,
): Promise<Site> {
  const requests: http.IncomingMessage[] = [];
  const server = http.createServer();
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    requests.push(request);
    const location = redirects(request);
    if (location === undefined) {
      sockets.handleUpgrade(request, socket, head, (client) => client.send('welcome'));
    } else socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\n\r\n`);
  });
  server.listen(...((path === undefined ? [0, '127.0.0.1'] : [path]) as [number, string]));
  await once(server, 'listening');
  context.after(() => {
    for (const client of sockets.clients) client.terminate();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'string' ? 0 : (address as AddressInfo).port, requests };
}

/** Opens a connection, drops it, and answers the URL that it ended up at. */
async function visit(url: string | URL, options?: ClientOptions): Promise<string> {
  const client = new WebSocket(url, options);
  await once(client, 'open');
  client.terminate();
  return client.url;
}

async function failure(client: WebSocket): Promise<string> {
  const messages: string[] = [];
  client.on('error', ({ message }) => messages.push(message));
  assert.equal(await new Promise((resolve) => client.on('close', resolve)), 1006);
  return messages.join();
}

const SECRETS = { Authorization: 'Bearer x', Cookie: 'a=b', Host: 'h.example', 'X-Other': '1' };

test('a redirect is followed when it is asked for, up to a number of times', async (context) => {
  const { port, requests } = await serve(context, ({ url }) =>
    url === '/a' ? '/b' : url === '/b' ? `http://127.0.0.1:${port}/c` : undefined,
  );
  const start = `ws://127.0.0.1:${port}/a`;
  assert.equal(await visit(start, { followRedirects: true }), `ws://127.0.0.1:${port}/c`);
  assert.deepEqual(
    requests.map(({ url }) => url),
    ['/a', '/b', '/c'],
  );
  const keys = requests.map(({ headers }) => headers['sec-websocket-key']);
  assert.equal(new Set(keys).size, 3, 'every request has a key of its own');
  assert.equal(await failure(new WebSocket(start)), 'Unexpected server response: 302');
  const once_ = new WebSocket(start, { followRedirects: true, maxRedirects: 1 });
  assert.equal(await failure(once_), 'Maximum redirects exceeded');
});

test('credentials stay with the host that they were meant for', async (context) => {
  const other = await serve(context);
  const first = await serve(context, ({ url }) =>
    url === '/same' ? '/here' : url === '/other' ? `ws://127.0.0.1:${other.port}/` : undefined,
  );
  const options = { followRedirects: true, headers: SECRETS };
  await visit(`ws://127.0.0.1:${first.port}/same`, options);
  const kept = first.requests.at(-1)!.headers;
  assert.deepEqual([kept.authorization, kept.cookie, kept.host], ['Bearer x', 'a=b', 'h.example']);
  await visit(`ws://127.0.0.1:${first.port}/other`, options);
  const dropped = other.requests.at(-1)!.headers;
  assert.deepEqual([dropped.authorization, dropped.cookie], [undefined, undefined]);
  assert.deepEqual([dropped.host, dropped['x-other']], [`127.0.0.1:${other.port}`, '1']);
  await visit(`ws://u:p@127.0.0.1:${first.port}/other`, { followRedirects: true });
  assert.equal(first.requests.at(-1)!.headers.authorization, 'Basic dTpw');
  assert.equal(other.requests.at(-1)!.headers.authorization, undefined);
});

test('a listener of redirect decides itself what goes along', async (context) => {
  const other = await serve(context);
  const first = await serve(context, () => `ws://127.0.0.1:${other.port}/there`);
  const client = new WebSocket(`ws://127.0.0.1:${first.port}/`, {
    followRedirects: true,
    headers: SECRETS,
  });
  const urls: string[] = [];
  client.on('redirect', (url, request) => {
    urls.push(url);
    request.removeHeader('cookie');
  });
  await once(client, 'open');
  client.terminate();
  const { headers } = other.requests[0]!;
  assert.deepEqual([headers.authorization, headers.cookie], ['Bearer x', undefined]);
  assert.deepEqual(urls, [`ws://127.0.0.1:${other.port}/there`]);
});

test('a redirect to what is no address is an error, not an exception', async (context) => {
  const { port } = await serve(context, ({ url }) => (url === '/' ? 'ftp://x/' : 'ws://['));
  const start = `ws://127.0.0.1:${port}`;
  assert.match(await failure(new WebSocket(start, { followRedirects: true })), /protocol must be/);
  const invalid = new WebSocket(`${start}/x`, { followRedirects: true });
  assert.equal(await failure(invalid), 'Invalid URL: ws://[');
});

test('user and password of the URL win over the option, and need not be well-formed', async (context) => {
  const { port, requests } = await serve(context);
  await visit(`ws://a%20b:c%zz@127.0.0.1:${port}/`, { auth: 'x:y' });
  await visit(`ws://127.0.0.1:${port}/`, { auth: 'x:y' });
  const sent = requests.map(({ headers }) => {
    return Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString();
  });
  assert.deepEqual(sent, ['a b:c%zz', 'x:y']);
});

test('ws+unix: a socket of the file system, with or without a path', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const { requests } = await serve(context, undefined, path);
  await visit(`ws+unix:${path}:/path?query`);
  await visit(`ws+unix:${path}`);
  assert.deepEqual(
    requests.map(({ url, headers }) => [url, headers.host]),
    [
      ['/path?query', 'localhost'],
      ['/', 'localhost'],
    ],
  );
});

test('an agent or createConnection makes the socket', async (context) => {
  const { port } = await serve(context);
  const seen: string[] = [];
  class CountingAgent extends http.Agent {
    override createConnection(options: net.NetConnectOpts): net.Socket {
      seen.push('agent');
      return net.connect(options);
    }
  }
  const url = `ws://127.0.0.1:${port}`;
  const agent = new CountingAgent();
  context.after(() => agent.destroy());
  await visit(url, { agent });
  await visit(url, {
    createConnection: (options) => {
      seen.push(`function ${String((options as { host: string }).host)}`);
      return net.connect(options as net.NetConnectOpts);
    },
  });
  assert.deepEqual(seen, ['agent', 'function 127.0.0.1']);
});

test('protocolVersion 8 names its origin differently, and both ends speak it', async (context) => {
  const { port, requests } = await serve(context);
  const url = `ws://127.0.0.1:${port}`;
  await visit(url, { protocolVersion: 8, origin: 'http://a' });
  await visit(url, { origin: 'http://a' });
  const sent = requests.map(({ headers }) => {
    return [headers['sec-websocket-version'], headers['sec-websocket-origin'], headers.origin];
  });
  assert.deepEqual(sent, [
    ['8', 'http://a', undefined],
    ['13', undefined, 'http://a'],
  ]);
  assert.throws(() => new WebSocket(url, { protocolVersion: 7 }), RangeError);
});

test('the second argument is subprotocols or options, the third is options', async (context) => {
  const { port, requests } = await serve(context);
  const url = `ws://127.0.0.1:${port}`;
  for (const client of [
    new WebSocket(url, 'a', { origin: 'x' }),
    new WebSocket(url, ['a'], { origin: 'x' }),
    new WebSocket(url, { protocols: 'a', origin: 'x' }),
    new WebSocket(url, undefined, { protocols: ['a'], origin: 'x' }),
    new WebSocket(new URL(url.replace('ws', 'http')), ['a'], { origin: 'x' }),
  ]) {
    await once(client, 'open');
    assert.deepEqual([client.protocol, client.url], ['a', `${url}/`]);
    client.terminate();
  }
  for (const { headers } of requests) {
    assert.deepEqual([headers['sec-websocket-protocol'], headers.origin], ['a', 'x']);
  }
  for (const wrong of [null, '', 'a b', ['a', 'a'], [1]]) {
    assert.throws(() => new WebSocket(url, wrong as string), SyntaxError, String(wrong));
  }
});

test('finishRequest may change the request or give it up, and must end it', async (context) => {
  const { port, requests } = await serve(context);
  const url = `ws://127.0.0.1:${port}`;
  await visit(url, {
    finishRequest(request, socket) {
      assert.equal(socket._req, request);
      request.setHeader('x-late', '1');
      request.end();
    },
  });
  assert.equal(requests[0]?.headers['x-late'], '1');
  const given = new WebSocket(url, { finishRequest: (_, socket) => socket.close() });
  assert.match(await failure(given), /closed before the connection was established/);
});

test('a client that is closed when it sees the answer does not open', async (context) => {
  const { port } = await serve(context);
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  client.on('upgrade', () => client.terminate());
  client.on('open', () => assert.fail('it opened'));
  assert.match(await failure(client), /closed before the connection was established/);
});

test('an unexpected answer can be looked at, and leaves the end to the application', async (context) => {
  const { port } = await serve(context, () => '/elsewhere');
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  const failed = failure(client);
  const [, response] = await new Promise<[unknown, http.IncomingMessage]>((resolve) => {
    client.on('unexpected-response', (...answer) => resolve(answer));
  });
  assert.deepEqual([response.statusCode, response.headers.location], [302, '/elsewhere']);
  assert.equal(client.readyState, WebSocket.CONNECTING);
  client.close();
  assert.match(await failed, /closed before the connection was established/);
});

test('an error of the constructor is a SyntaxError with the marks of the DOMException that the standard asks for', () => {
  for (const open of [
    (): WebSocket => new WebSocket('ws://x.invalid/#'),
    (): WebSocket => new WebSocket('foo'),
    (): WebSocket => new WebSocket('ws://x.invalid/', ['echo', 'eCho']),
  ]) {
    assert.throws(open, (error: unknown) => {
      assert.ok(error instanceof SyntaxError);
      const { name, code, constructor } = error as SyntaxError & { code: number };
      assert.deepEqual([name, code, constructor], ['SyntaxError', 12, DOMException]);
      return true;
    });
  }
});

test('handlers that are null, aborted or replaced are as with an EventTarget', () => {
  const socket = new WebSocket('ws://x.invalid/');
  socket.on('error', () => {});
  const calls: string[] = [];
  const aborter = new AbortController();
  socket.addEventListener('open', null as never);
  socket.addEventListener('open', () => calls.push('aborted'), { signal: aborter.signal });
  socket.addEventListener('open', () => calls.push('aborted before'), {
    signal: AbortSignal.abort(),
  });
  socket.onopen = () => calls.push('replaced');
  socket.addEventListener('open', (event) => calls.push(`second, bubbles: ${event.bubbles}`), true);
  socket.onopen = () => calls.push('first');
  aborter.abort();
  socket.emit('open');
  assert.deepEqual(calls, ['first', 'second, bubbles: false']);
  socket.close();
});

test('fields beyond maxHeadersCount do not count', async (context) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ownUpgradePath: false });
  context.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  (server._server as { maxHeadersCount: number }).maxHeadersCount = 1;
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  const [error] = (await once(client, 'error')) as [Error];
  assert.equal(error.message, 'Unexpected server response: 400');
});
