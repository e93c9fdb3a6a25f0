/** Proves that an Upgrade to something else is answered by HTTP/1.1: `curl --http2` and Java's HttpClient send one with every request. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { test, type TestContext } from 'node:test';
import { generate } from 'selfsigned';
import { createServer } from 'tideway';

const KEY = 'a-key-for-these-tests';
const UPGRADE = [
  'Host: localhost',
  'Connection: Upgrade, HTTP2-Settings',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
];

function requestText(first: string, lines: readonly string[] = [], body = ''): string {
  return [`${first} HTTP/1.1`, ...UPGRADE, ...lines, '', body].join('\r\n');
}

/** Writes, and answers what comes until it matches. */
async function answered(socket: Socket, text: string, expected: RegExp): Promise<string> {
  let answer = '';
  const found = new Promise<string>((resolve, reject) => {
    const listener = (chunk: Buffer): void => {
      answer += chunk.toString('latin1');
      if (!expected.test(answer)) return;
      socket.off('data', listener);
      resolve(answer);
    };
    socket.on('data', listener);
    socket.once('close', () => reject(new Error(`closed after ${answer}`)));
  });
  socket.write(text);
  return found;
}

async function dial(context: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  context.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test("the server's own HTTP server answers at every path, bodies included, and the connection lives on", async (t) => {
  const server = createServer({ apiKeys: [KEY], log: false });
  const { port } = await server.listen({ port: 0 });
  t.after(() => server.close());
  const socket = await dial(t, port);
  await answered(socket, requestText('GET /health'), /^HTTP\/1\.1 200 [^]*"status"/);
  await answered(socket, requestText('GET /ws'), /^HTTP\/1\.1 404 [^]*http\/not-found/);
  const body = JSON.stringify({ destination: '/topic/a', body: 'x'.repeat(200_000) });
  const fields = [
    `Authorization: Bearer ${KEY}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  const published = requestText('POST /api/publish', fields, body);
  await answered(socket, published, /^HTTP\/1\.1 200 [^]*"offset":1/);
  const plain = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n';
  await answered(socket, plain, /^HTTP\/1\.1 200 [^]*"status"/);
});

test('pages of a server of the application are served by it', async (t) => {
  const own = http.createServer((request, response) => {
    const { upgrade, connection } = request.headers;
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(`page ${request.url} ${upgrade} ${connection} ${body}.`));
  });
  const server = createServer({ server: own, log: false });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  t.after(async () => {
    await server.close();
    own.close();
  });
  const socket = await dial(t, (own.address() as AddressInfo).port);
  await answered(socket, requestText('GET /page'), /page \/page undefined undefined \./);
  const chunked = requestText(
    'POST /form',
    ['Transfer-Encoding: chunked'],
    '3\r\nabc\r\n0\r\n\r\n',
  );
  await answered(socket, chunked, /page \/form undefined undefined abc\./);
  // Two at once: the second is read behind the first.
  await answered(socket, requestText('GET /1') + requestText('GET /2'), /\/1[^]*\/2/);
});

test('so are those of one with TLS', async (t) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
  const own = https.createServer({ key, cert }, (request, response) =>
    response.end(`page ${request.url}.`),
  );
  const server = createServer({ server: own, log: false });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  const { port } = own.address() as AddressInfo;
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  t.after(async () => {
    socket.destroy();
    await server.close();
    own.close();
  });
  await once(socket, 'secureConnect');
  await answered(socket, requestText('GET /page'), /page \/page\./);
});

test('who asks for WebSocket among others gets it judged, and another listener keeps its own upgrades', async (t) => {
  const own = http.createServer();
  const server = createServer({ server: own, log: false });
  own.on('upgrade', (request, socket) => {
    if (request.url === '/theirs') socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
  });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  t.after(async () => {
    await server.close();
    own.close();
  });
  const { port } = own.address() as AddressInfo;
  await answered(await dial(t, port), requestText('GET /theirs'), /^HTTP\/1\.1 101 /);
  const both = requestText('GET /ws').replace('Upgrade: h2c', 'Upgrade: h2c, websocket');
  await answered(await dial(t, port), both, /^HTTP\/1\.1 400 /);
});
