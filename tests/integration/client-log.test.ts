/** Proves that an operator reads in the log who was refused or sent away, why, and from where; and that no client can fill it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { createServer, RequestError, type ServerOptions } from 'tideway';
import WebSocket from 'ws';
import { handshake, NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function logging(context: TestContext, options: ServerOptions = {}) {
  const lines: Line[] = [];
  let told = (): void => {};
  const at =
    (level: string) =>
    (message: string, fields: object = {}): void => {
      lines.push({ level, message, fields: fields as Line['fields'] });
      told();
    };
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const server = createServer({ log, ...options });
  await server.listen({ port: 0 });
  context.after(() => server.close());
  /** The first line that begins so, of those that were written or will be. */
  const line = async (beginning: string): Promise<Line> => {
    for (;;) {
      const found = lines.find(({ message }) => message.startsWith(beginning));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (told = resolve));
    }
  };
  return { server, lines, line };
}

test('a refused handshake: status, reason, address, path and Origin', async (t) => {
  const { server, line } = await logging(t);
  const origin = `https://${'x'.repeat(400)}.example`;
  assert.equal((await handshake(server.url, { origin })).status, 403);
  const { level, fields } = await line('a WebSocket handshake was refused: 403');
  assert.equal(level, 'info');
  const { reason, address, path } = fields;
  assert.deepEqual([address, path], ['127.0.0.1', '/ws']);
  assert.match(String(reason), /allowedOrigins/);
  assert.equal(String(fields['origin']).length, 201);
});

test('a bad token, natively and over STOMP: why, from where', async (t) => {
  const { server, lines, line } = await logging(t, {
    authenticate: () => Promise.reject(new RequestError('access/invalid-token', 'it is a forgery')),
  });
  const native = await NativePeer.open(server.url, { token: 'x' });
  await native.closed;
  const { level, fields } = await line('a client was sent away: session/invalid-token');
  assert.equal(level, 'info');
  assert.deepEqual(
    [fields['reason'], fields['address'], fields['closeCode'], fields['sessionId']],
    ['it is a forgery', '127.0.0.1', 4501, undefined],
  );
  lines.length = 0;
  const stomp = await StompPeer.dial(server.url);
  stomp.say('CONNECT', { 'accept-version': '1.2', passcode: 'x' });
  await stomp.closed;
  await line('a client was sent away: session/invalid-token');
});

test('a client that breaks the protocol, or a limit, before and after it has a session', async (t) => {
  const { server, lines, line } = await logging(t, {
    authenticate: () => Promise.resolve({ name: 'ada', claims: {}, expiresAtMs: undefined }),
  });
  const stomp = await StompPeer.dial(server.url);
  stomp.socket.send('NONSENSE\n\n\0');
  await stomp.closed;
  const early = await line('a client was sent away: session/protocol-error');
  assert.equal(early.fields['name'], undefined);
  lines.length = 0;
  const later = await StompPeer.open(server.url);
  later.socket.send('NONSENSE\n\n\0');
  await later.closed;
  const named = await line('a client was sent away: session/protocol-error');
  assert.equal(named.fields['name'], 'ada');
  assert.equal(typeof named.fields['sessionId'], 'string');
  const large = new WebSocket(`${server.url?.replace('http', 'ws')}/ws`);
  await once(large, 'open');
  large.send('x'.repeat(2_000_000));
  await once(large, 'close');
  const { fields } = await line('a WebSocket connection was failed: WS_ERR');
  assert.equal(fields['address'], '127.0.0.1');
});

test('a slow consumer is a warning, with its name', async (t) => {
  const { server, line } = await logging(t, {
    limits: { maxOutboundBytes: 100_000, maxBufferedBytes: 50_000 },
    authenticate: () => Promise.resolve({ name: 'ada', claims: {}, expiresAtMs: undefined }),
  });
  server.app.map('/large', () => 'x'.repeat(1_000_000));
  const peer = await NativePeer.open(server.url);
  await peer.frame('connected');
  peer.socket.pause();
  for (let id = 0; id < 40; id++) peer.send({ type: 'request', id, destination: '/app/large' });
  const { level, fields } = await line('a client was sent away: session/slow-consumer');
  assert.deepEqual([level, fields['name']], ['warn', 'ada']);
  peer.socket.terminate();
});

test('a wrong API key, over HTTP', async (t) => {
  const { server, line } = await logging(t, { apiKeys: ['a-key-for-these-tests'] });
  const headers = { authorization: 'Bearer nonsense', 'content-type': 'application/json' };
  await fetch(`${server.url}/api/publish`, { method: 'POST', headers, body: '{}' });
  const { fields } = await line('an HTTP request was refused: http/unauthorized');
  assert.deepEqual([fields['address'], fields['path']], ['127.0.0.1', '/api/publish']);
});

test('a thousand refused handshakes are a few lines, and one that says how many there were', async (t) => {
  const { server, lines, line } = await logging(t);
  for (let round = 0; round < 10; round++) {
    const asked = Array.from({ length: 20 }, () =>
      handshake(server.url, { origin: 'https://a.b' }),
    );
    await Promise.all(asked);
  }
  const { message } = await line('1');
  assert.match(message, /^\d+ more like this: a WebSocket handshake was refused: 403$/);
  assert.ok(lines.length < 60, String(lines.length));
});
