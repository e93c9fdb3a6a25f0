/** Proves `tideway bench` as a program: against our broker, our engine, and servers that do not play along. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocketServer, type WebSocket } from 'tideway/websocket';
import { run, serve } from './cli-program.js';

const SHORT = ['--duration', '200ms', '--warm-up', '50ms', '--connections', '8'];

interface Figures {
  readonly messageCount: number;
  readonly messagesPerSecond: number;
  readonly meanPayloadBytes: number;
  readonly connectionCount: number;
  readonly droppedCount: number;
  readonly latencyMs: Readonly<Record<'p50' | 'p99' | 'p999' | 'max', number>>;
}

/** A server on a port of the system's choice, gone with the test. */
async function serving(t: TestContext, take: (socket: WebSocket) => void): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', take);
  await once(server, 'listening');
  t.after(async () => {
    for (const client of server.clients) client.terminate();
    server.close();
    await once(server, 'close');
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const echo = (socket: WebSocket): void => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
};

test('a subscribe run against our server delivers everything to everybody', async (t) => {
  const { url } = await serve(t);
  const args = ['bench', url, '--in-flight', '3', '--size', '100', '--json', ...SHORT];
  const { code, stdout, stderr } = await run(t, args);
  assert.equal(code, 0, stderr);
  const figures = JSON.parse(stdout) as Figures;
  assert.equal(figures.connectionCount, 9, 'eight subscribers and the publisher');
  assert.ok(figures.messageCount >= 24, `${figures.messageCount} deliveries`);
  assert.ok(figures.meanPayloadBytes > 100, 'the body and what stands around it');
  assert.equal(figures.droppedCount, 0);
  const { p50, p99, p999, max } = figures.latencyMs;
  assert.ok(p50 > 0 && p50 <= p99 && p99 <= p999 && p999 <= max);
});

test('an echo run says what it found, for people', async (t) => {
  const url = await serving(t, echo);
  const shape = ['--mode', 'echo', '--size', '70000', '--in-flight', '4', '--payload', 'mixed'];
  const { code, stdout, stderr } = await run(t, ['bench', url, ...shape, ...SHORT]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^[\d,]+ messages per second$/m);
  assert.match(stdout, /^latency p50 [\d.]+ ms, p99 [\d.]+ ms, p99\.9 [\d.]+ ms, max [\d.]+ ms$/m);
  assert.match(stdout, /, 70000 octets each, 0 lost$/m);
});

test('half of the connections of a mixed run send text, the others binary', async (t) => {
  const kinds = [0, 0];
  const url = await serving(t, (socket) => {
    // The first message is the question whether this is an echo.
    socket.once('message', () => {
      socket.once('message', (_data, isBinary) => (kinds[isBinary ? 1 : 0]! += 1));
    });
    echo(socket);
  });
  const args = ['bench', url, '--mode', 'echo', '--payload', 'mixed', ...SHORT];
  const { code, stderr } = await run(t, args);
  assert.equal(code, 0, stderr);
  assert.deepEqual(kinds, [4, 4]);
});

test('messages that never come are counted, and are a failure', async (t) => {
  let isGreeted = false;
  const url = await serving(t, (socket) => {
    socket.on('message', (data, isBinary) => {
      if (!isGreeted) socket.send(data, { binary: isBinary });
      isGreeted = true;
    });
  });
  const shape = ['--mode', 'echo', '--connections', '1', '--in-flight', '5'];
  const times = ['--duration', '50ms', '--warm-up', '1ms'];
  const { code, stderr } = await run(t, ['bench', url, ...shape, ...times]);
  assert.equal(code, 1);
  assert.match(stderr, /^error: 5 messages never arrived$/m);
});

test('a server that does not play along is a failure with its words', async (t) => {
  const { url, httpUrl } = await serve(t);
  const talker = await serving(t, (socket) => {
    socket.once('message', (data) => {
      socket.send(data, { binary: false });
      socket.on('message', (again) => {
        socket.send(again, { binary: false });
        socket.send(again, { binary: false });
      });
    });
  });
  const greeter = await serving(t, (socket) => {
    socket.send('hello', () => echo(socket));
  });
  const cases: readonly (readonly [url: string, mode: string, words: RegExp])[] = [
    [url, 'echo', /closed a connection with 4503 .*Mode echo needs a server that sends back/],
    [`${httpUrl.replace('http', 'ws')}/other`, 'subscribe', /did not open a WebSocket: .* 404/],
    [talker, 'echo', /it is no echo server/],
    [greeter, 'echo', /during set-up the server said "hello"/],
    ['ws://127.0.0.1:1/', 'subscribe', /a connection failed: .*ECONNREFUSED/],
  ];
  for (const [address, mode, words] of cases) {
    const { code, stdout, stderr } = await run(t, ['bench', address, '--mode', mode, ...SHORT]);
    assert.equal(code, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, words);
  }
});

test('a server that is not on this machine is refused before anything is sent', async (t) => {
  for (const host of ['example.com', '10.0.0.1', '127.0.0.1.example.com', '[2001:db8::1]']) {
    const { code, stderr } = await run(t, ['bench', `ws://${host}/ws`, ...SHORT]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /is not this machine.*--remote/);
  }
});

test('a run has an end: no flag asks for more than the limits', async (t) => {
  for (const flag of [
    ['--duration', '11m'],
    ['--warm-up', '1h'],
    ['--connections', '50001'],
    ['--in-flight', '0'],
    ['--size', '1e9'],
  ]) {
    const { code } = await run(t, ['bench', 'ws://127.0.0.1:1/', ...flag]);
    assert.equal(code, 2, flag.join(' '));
  }
});
