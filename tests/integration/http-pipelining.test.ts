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
