/** Proves that the own upgrade path answers as node:http does, whatever comes, and leaves every other request to it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { EngineLoop } from '../socket/engine-loop.js';
import { takeUpgrades } from './own-upgrade-path.js';
import { WebSocketServer } from '../ws/server.js';
import type { WebSocket } from '../ws/web-socket.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const GOOD: readonly string[] = [
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
];

function requestText(lines: readonly string[], start = 'GET / HTTP/1.1'): string {
  return [start, ...lines, '', ''].join('\r\n');
}

/** Listens, and ends with the test. */
async function listening(context: TestContext, server: WebSocketServer): Promise<number> {
  context.after(() => server.close());
  await once(server, 'listening');
  server.on('connection', (socket) => socket.on('error', () => {}));
  return (server.address() as AddressInfo).port;
}

async function pairOfServers(context: TestContext): Promise<{ own: number; node: number }> {
  const options = { port: 0, host: '127.0.0.1', handshakeTimeoutMs: 300 };
  return {
    own: await listening(context, new WebSocketServer(options)),
    node: await listening(context, new WebSocketServer({ ...options, ownUpgradePath: false })),
  };
}

/** Whether an answer has its whole body; one without a length may go on. */
function isWhole(answer: string): boolean {
  const [head = '', body] = answer.split('\r\n\r\n', 2);
  if (body === undefined) return false;
  const [, length = head.startsWith('HTTP/1.1 101') ? '0' : 'none'] =
    /^content-length: (\d+)/im.exec(head) ?? [];
  return Number(length) <= body.length;
}

/** All that comes back for octets: until the server ends, or for one or two parts until there is an answer. */
function answerTo(port: number, parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const finish = (): void => {
      socket.destroy();
      resolve(answer.replace(/\r\nDate: [^\r]*/, ''));
    };
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const isOver = answer.startsWith('HTTP/1.1 101') || parts.length < 3;
      if (isOver && isWhole(answer)) finish();
    });
    socket.on('end', finish).on('error', finish).on('close', finish);
    void (async () => {
      for (const part of parts) {
        const octets = typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
        await new Promise((written) => socket.write(octets, written));
        // The server reads in this process too, so each part is read before the next is written.
        await new Promise((next) => setImmediate(next));
      }
    })();
  });
}

const CASES: readonly (readonly [string, string])[] = [
  ['a good one', requestText(GOOD)],
  ['two protocols', requestText([...GOOD, 'Sec-WebSocket-Protocol: a, b'])],
  ['Firefox', requestText(GOOD.map((line) => line.replace('Upgrade', 'keep-alive, Upgrade')))],
  ['no whitespace', requestText(GOOD.map((line) => line.replace(': ', ':')))],
  ['much whitespace', requestText(GOOD.map((line) => line.replace(': ', ': \t  ') + ' \t'))],
  ['a tab in a value', requestText([...GOOD, 'X-A: a\tb'])],
  ['an empty value', requestText([...GOOD, 'X-A:'])],
  ['obs-text', requestText([...GOOD, 'X-A: \xe9'])],
  ['a folded line', requestText([...GOOD, 'X-A: a', ' b'])],
  ['a space before the colon', requestText([...GOOD, 'X-A : a'])],
  ['no colon', requestText([...GOOD, 'X-A'])],
  ['an empty name', requestText([...GOOD, ': a'])],
  ['a control character', requestText([...GOOD, 'X-A: a\x01b'])],
  ['a NUL', requestText([...GOOD, 'X-A: a\0b'])],
  ['a bare LF', requestText([...GOOD, 'X-A: a\nX-B: b'])],
  ['only LF', requestText(GOOD).replaceAll('\r\n', '\n')],
  ['a bare CR', requestText([...GOOD, 'X-A: a\rX-B: b'])],
  ['a body', requestText([...GOOD, 'Content-Length: 3']) + 'abc'],
  ['an empty body', requestText([...GOOD, 'Content-Length: 0'])],
  ['chunks', requestText([...GOOD, 'Transfer-Encoding: chunked']) + '0\r\n\r\n'],
  ['both lengths', requestText([...GOOD, 'Transfer-Encoding: chunked', 'Content-Length: 3'])],
  ['expect', requestText([...GOOD, 'Expect: 100-continue'])],
  ['no Host', requestText(GOOD.slice(1))],
  ['two Hosts', requestText(['Host: other', ...GOOD])],
  ['an empty Host', requestText(['Host:', ...GOOD.slice(1)])],
  ['two keys', requestText([...GOOD, `Sec-WebSocket-Key: ${KEY}`])],
  ['a bad key', requestText([...GOOD.slice(0, 3), 'Sec-WebSocket-Key: a', GOOD[4]!])],
  ['version 8', requestText([...GOOD.slice(0, 4), 'Sec-WebSocket-Version: 8'])],
  ['another upgrade', requestText(GOOD.map((line) => line.replace('websocket', 'h2c')))],
  ['two upgrades', requestText(GOOD.map((line) => line.replace('websocket', 'h2c, websocket')))],
  ['no connection', requestText(GOOD.filter((line) => !line.startsWith('Connection')))],
  ['no upgrade', requestText(GOOD.filter((line) => !line.startsWith('Upgrade')))],
  ['POST', requestText(GOOD, 'POST / HTTP/1.1')],
  ['HTTP/1.0', requestText(GOOD, 'GET / HTTP/1.0')],
  ['HTTP/2.0', requestText(GOOD, 'GET / HTTP/2.0')],
  ['lower case', requestText(GOOD, 'get / HTTP/1.1')],
  ['an absolute target', requestText(GOOD, 'GET http://localhost/ HTTP/1.1')],
  ['a target with a space', requestText(GOOD, 'GET /a b HTTP/1.1')],
  ['a target with a fragment', requestText(GOOD, 'GET /a#b HTTP/1.1')],
  ['a target beyond ASCII', requestText(GOOD, 'GET /\xe9 HTTP/1.1')],
  ['two spaces', requestText(GOOD, 'GET  / HTTP/1.1')],
  ['an asterisk', requestText(GOOD, 'GET * HTTP/1.1')],
  ['an empty line before it', '\r\n' + requestText(GOOD)],
  ['a long field', requestText([...GOOD, `X-A: ${'a'.repeat(9_000)}`])],
  ['too long a field', requestText([...GOOD, `X-A: ${'a'.repeat(17_000)}`])],
  ['a hundred fields', requestText([...GOOD, ...Array.from({ length: 100 }, () => 'X-A: a')])],
  ['no request at all', 'hello\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  ['half a request', requestText(GOOD).slice(0, 60)],
  ['nothing', ''],
];

test('every handshake gets the answer that node:http would have given, in one piece or in two', async (context) => {
  const { own, node } = await pairOfServers(context);
  await Promise.all(
    CASES.map(async ([name, text]) => {
      assert.equal(await answerTo(own, [text]), await answerTo(node, [text]), name);
      const parts = [text.slice(0, 30), text.slice(30)];
      assert.equal(
        await answerTo(own, parts),
        await answerTo(node, parts),
        `${name}, in two parts`,
      );
    }),
  );
});

test('a request with anything changed, added or left out gets the answer of node:http', async (context) => {
  const { own, node } = await pairOfServers(context);
  const good = requestText([...GOOD, 'Origin: http://localhost']);
  const octet = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(...Array.from('\r\n\t :,;"\0\x7f\x80Aa/', (mark) => mark.charCodeAt(0))),
  );
  const change = fc.record({
    at: fc.nat({ max: good.length - 1 }),
    kind: fc.constantFrom('change', 'insert', 'remove'),
    octet,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 2 }), async (changes) => {
      let text = good;
      for (const { at, kind, octet: code } of changes) {
        const added = kind === 'remove' ? '' : String.fromCharCode(code);
        text = text.slice(0, at) + added + text.slice(kind === 'insert' ? at : at + 1);
      }
      // What is never finished waits for its time-out, which another test has.
      text += '\r\n\r\n';
      const [mine, theirs] = await Promise.all([answerTo(own, [text]), answerTo(node, [text])]);
      assert.equal(mine.split('\r\n')[0], theirs.split('\r\n')[0]);
    }),
    { numRuns: 300 },
  );
});

/** A server that answers requests with their method, target and body, beside the own path. */
async function echoing(context: TestContext): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.end(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()};`);
    });
  });
  assert.notEqual(
    takeUpgrades(server, new EngineLoop(), { firstOctetTimeoutMs: 5_000 }),
    undefined,
  );
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

test('ordinary requests are served: in pieces, with bodies, several on one connection', async (context) => {
  const { port } = await echoing(context);
  const body = 'x'.repeat(200_000);
  const requests = [
    'GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /third HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12',
    '345GET /fou',
    'rth HTTP/1.1\r\nHost: a\r\n\r\n',
    `POST /fifth HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
    body,
  ];
  const answer = await answerTo(port, requests);
  const bodies = Array.from(answer.matchAll(/(?:GET|POST) \/\w+ \w*;/g), ([text]) => text);
  assert.deepEqual(bodies, [
    'GET /first ;',
    'GET /second ;',
    'POST /third 12345;',
    'GET /fourth ;',
    `POST /fifth ${body};`,
  ]);
});

test('the octets of one full read and those behind it reach node:http in order', async (context) => {
  const { port } = await echoing(context);
  const body = Array.from({ length: 60_000 }, (_, index) => `${index},`).join('');
  const head = `POST /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
  assert.ok((await answerTo(port, [head + body])).endsWith(`POST /long ${body};`));
});

test('the request is an IncomingMessage as node:http makes it, and what came behind it is there', async (context) => {
  const { server, port } = await echoing(context);
  const upgraded = once(server, 'upgrade') as Promise<[IncomingMessage, Socket, Buffer]>;
  const lines = [...GOOD, 'Cookie: a=1', 'Cookie: b=2', 'X-Twice: 1', 'X-Twice: 2'];
  const peer = connect(port, '127.0.0.1');
  peer.write(requestText(lines, 'GET /chat?room=1 HTTP/1.1') + 'octets');
  const [request, socket, head] = await upgraded;
  const { method, url, httpVersion, headers, complete } = request;
  assert.deepEqual(
    { method, url, httpVersion, complete },
    { method: 'GET', url: '/chat?room=1', httpVersion: '1.1', complete: true },
  );
  assert.equal(headers.cookie, 'a=1; b=2');
  assert.equal(headers['x-twice'], '1, 2');
  assert.equal(request.headersDistinct['x-twice']?.length, 2);
  assert.deepEqual(request.rawHeaders.slice(0, 2), ['Host', 'localhost']);
  assert.equal(request.socket, socket);
  assert.equal(String(head), 'octets');
  request.resume();
  await once(request, 'end');
  const received = once(socket, 'data');
  peer.write('more');
  assert.equal(String((await received)[0]), 'more');
  peer.destroy();
  socket.destroy();
});

test('a connection whose request came in parts hears of its messages, of its end and of a reset', async (context) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  const port = await listening(context, server);
  for (const end of ['end', 'resetAndDestroy'] as const) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    const request = requestText(GOOD);
    await new Promise((written) => socket.write(request.slice(0, 20), written));
    for (let turn = 0; turn < 4; turn++) await new Promise((next) => setImmediate(next));
    const accepted = once(server, 'connection');
    socket.write(request.slice(20));
    const [webSocket] = (await accepted) as [WebSocket];
    const received = once(webSocket, 'message');
    socket.write(Buffer.of(0x81, 0x81, 0, 0, 0, 0, 0x61));
    assert.equal(String((await received)[0]), 'a');
    const closed = once(webSocket, 'close');
    socket[end]();
    assert.equal((await closed)[0], 1006);
  }
});

test('a connection that says nothing is answered with 408 and ended', async (context) => {
  const { own } = await pairOfServers(context);
  assert.match(await answerTo(own, ['']), /^HTTP\/1\.1 408 /);
});

test('connections that have said nothing do not hold up the end of the server', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  peer.on('error', () => {});
  const gone = once(peer, 'close');
  await once(peer, 'connect');
  // It has been accepted once a later connection was answered.
  const { port } = server.address() as AddressInfo;
  await answerTo(port, [requestText(GOOD, 'POST / HTTP/1.1')]);
  await new Promise<void>((closed) => server.close(() => closed()));
  await gone;
});
