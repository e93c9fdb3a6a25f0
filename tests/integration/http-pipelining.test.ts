/** What a connection may ask of the HTTP API and the static files at once, by raw sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createServer, DEFAULT_LIMITS, MemoryMetrics, type ServerOptions } from 'tideway';

const MAX_COUNT = DEFAULT_LIMITS.maxPipelinedRequestCount;
const PATHS = ['/health', '/a.txt', '/nothing'];

async function listening(t: TestContext, options: ServerOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tideway-pipelining-'));
  await writeFile(join(folder, 'a.txt'), 'text');
  const metrics = new MemoryMetrics();
  const server = createServer({ staticDirectory: folder, metrics, log: false, ...options });
  const { port } = await server.listen({ port: 0 });
  t.after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  return { server, metrics, port };
}

function requests(path: string, count: number): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(count);
}

/** Counts the answers until there are so many, or the connection ends. */
async function answers(socket: Socket, count: number): Promise<number> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  const found = (): number => text.split('HTTP/1.1 ').length - 1;
  const ended = once(socket, 'close');
  while (found() < count && !socket.closed) await Promise.race([once(socket, 'data'), ended]);
  return found();
}

test('as many requests as a connection may have are answered, however many came in one packet', async (t) => {
  const { port } = await listening(t);
  for (const path of PATHS) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    for (let round = 0; round < 3; round++) {
      socket.write(requests(path, MAX_COUNT));
      assert.equal(await answers(socket, MAX_COUNT), MAX_COUNT, path);
      socket.removeAllListeners('data');
    }
    socket.destroy();
  }
});

test('one that asks more ends its own connection, is counted, and does not hold up the end of the server', async (t) => {
  const { server, port, metrics } = await listening(t, { limits: { closeTimeoutMs: 3_600_000 } });
  for (const [index, path] of PATHS.entries()) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    socket.write(requests(path, 1_500));
    assert.ok((await answers(socket, Infinity)) <= MAX_COUNT);
    const limit = { limit: 'maxPipelinedRequestCount' };
    assert.equal(metrics.value('limit_reached', limit), index + 1);
  }
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
  // Answers that were never begun are told of by no event; to wait for them would take as long as the limit.
  await server.close();
});

const CHUNKS = 'Transfer-Encoding: chunked\r\n\r\n';

/** All that a connection is answered until it ends. */
async function wholeAnswer(port: number, octets: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.write(octets);
  await once(socket, 'close');
  return text;
}

test('a chunked body that nobody may send is not read: its request is answered, and the connection ends', async (t) => {
  const { port, metrics } = await listening(t, { apiKeys: ['a-key-for-this-test'] });
  const json = 'Host: a\r\nContent-Type: application/json\r\n';
  const cases: readonly (readonly [string, string])[] = [
    [`POST /api/publish HTTP/1.1\r\n${json}Authorization: Bearer another-key\r\n`, '401'],
    [`POST /api/publish HTTP/1.1\r\n${json}`, '401'],
    ['GET /health HTTP/1.1\r\nHost: a\r\n', '200'],
    ['GET /a.txt HTTP/1.1\r\nHost: a\r\n', '200'],
    ['POST /nothing HTTP/1.1\r\nHost: a\r\n', '404'],
    // No upgrade, since no Connection says so.
    ['GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n', '404'],
  ];
  for (const [index, [head, status]] of cases.entries()) {
    // The body has no end, so the connection would stay open for it.
    const answer = await wholeAnswer(port, `${head}${CHUNKS}1\r\na\r\n1\r\nb\r\n`);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), head);
    assert.match(answer, /\r\nconnection: close\r\n/i, head);
    assert.equal(answer.split('HTTP/1.1 ').length, 2, head);
    assert.equal(metrics.value('http_bodies_left'), index + 1);
  }
});

test('a chunked body with a key is published, and one with a length keeps its connection', async (t) => {
  const { port, metrics } = await listening(t, { apiKeys: ['a-key-for-this-test'] });
  const body = '{"destination":"/topic/a","body":1}';
  const head = `Host: a\r\nContent-Type: application/json\r\nAuthorization: Bearer a-key-for-this-test\r\n`;
  const chunks = body.replace(/./g, '1\r\n$&\r\n');
  const chunked = `POST /api/publish HTTP/1.1\r\n${head}${CHUNKS}${chunks}0\r\n\r\n`;
  const refused = 'POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}';
  const last = 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const answer = await wholeAnswer(port, chunked + refused + last);
  assert.deepEqual(
    [...answer.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status),
    ['200', '401', '200'],
  );
  assert.equal(metrics.value('http_bodies_left'), 0);
});
