/** Proves that an upgrade behind requests of the same connection waits for their answers, by raw sockets at both of our servers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, ServerResponse, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { SharedMessage } from '../../../session/index.js';
import { acceptWebSocketConnections } from '../../accept-websocket-connections.js';
import { WebSocketServer } from '../ws/server.js';

const UPGRADE = [
  'GET /ws HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '',
  '',
].join('\r\n');

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

const GREETING = 'greeting';
/** A frame of the server: FIN, text, no mask. */
const GREETING_FRAME = `\x81\x08${GREETING}`;

interface Answering {
  readonly server: Server;
  readonly close: () => unknown;
}

/** Both greet as soon as the connection is open. */
const SERVERS: Readonly<Record<string, (timeoutMs: number, server: Server) => () => unknown>> = {
  'the server of the toolkit': (handshakeTimeoutMs, server) => {
    const webSockets = new WebSocketServer({ server, path: '/ws', handshakeTimeoutMs });
    webSockets.on('connection', (socket) => socket.on('error', () => {}).send(GREETING));
    return () => webSockets.close();
  },
  'the door of the broker': (owedAnswersTimeoutMs, server) => {
    const door = acceptWebSocketConnections({
      server,
      paths: ['/ws'],
      owedAnswersTimeoutMs,
      accept: (connection) => {
        connection.send(new SharedMessage(Buffer.from(GREETING), false));
        return { textReceived() {}, binaryReceived() {}, writable() {}, closed() {} };
      },
    });
    return () => door.close(1001, '');
  },
};

/** All that a raw client reads, as it comes. */
class RawClient {
  readonly socket: Socket;
  text = '';
  hasEnded = false;
  #wake: () => void = () => {};

  constructor(port: number, octets: string) {
    this.socket = connect(port, '127.0.0.1', () => this.socket.write(octets));
    this.socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#wake();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.hasEnded = true;
      this.#wake();
    });
  }

  async until(isEnough: () => boolean): Promise<string> {
    while (!isEnough() && !this.hasEnded) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.text;
  }

  /** In their order: the statuses of answers, the bodies, and the frames behind 101. */
  get parts(): readonly string[] {
    const parts: string[] = [];
    let rest = this.text;
    for (;;) {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return rest === '' ? parts : [...parts, rest];
      const head = rest.slice(0, end);
      rest = rest.slice(end + 4);
      const status = /^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 'no answer';
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
      parts.push(`${status} ${rest.slice(0, length)}`.trim());
      rest = rest.slice(length);
      if (status === '101') return [...parts, rest];
    }
  }
}

for (const [name, answering] of Object.entries(SERVERS)) {
  const rig = async (
    t: TestContext,
    listener: RequestListener,
    timeoutMs = 60_000,
  ): Promise<Answering & { readonly port: number }> => {
    const server = createServer(listener);
    const close = answering(timeoutMs, server);
    t.after(() => {
      void close();
      server.closeAllConnections();
      server.close();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, close, port: (server.address() as AddressInfo).port };
  };

  test(`${name}: a request and an upgrade in one packet are answered in their order`, async (t) => {
    const { port } = await rig(t, ({ url = '' }, response) => response.end(url.slice(1)));
    for (const count of [1, 2, 5]) {
      const requests = Array.from({ length: count }, (_, index) => get(`/body-${index}`));
      const client = new RawClient(port, requests.join('') + UPGRADE);
      await client.until(() => client.text.endsWith(GREETING_FRAME));
      const answers = requests.map((_, index) => `200 body-${index}`);
      assert.deepEqual(client.parts, [...answers, '101', GREETING_FRAME]);
      client.socket.destroy();
    }
  });

  test(`${name}: an upgrade waits for slow answers, and nothing stands among its frames`, async (t) => {
    const open: ServerResponse[] = [];
    let arrived: () => void = () => {};
    const { port } = await rig(t, (_, response) => {
      open.push(response);
      if (open.length === 2) arrived();
    });
    const bothCame = new Promise<void>((resolve) => (arrived = resolve));
    const client = new RawClient(port, get('/a') + get('/b') + UPGRADE);
    await bothCame;
    // The second is ready before the first, and has to wait for it.
    open[1]?.end('b');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(client.text, '');
    open[0]?.write('a');
    open[0]?.end();
    await client.until(() => client.text.endsWith(GREETING_FRAME));
    const order = [...client.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    assert.deepEqual(order, ['200', '200', '101']);
    assert.ok(client.text.endsWith(`\r\n\r\n${GREETING_FRAME}`));
    client.socket.destroy();
  });

  test(`${name}: an answer that is larger than the socket takes at once comes whole before 101`, async (t) => {
    const body = 'x'.repeat(8_000_000);
    const { port } = await rig(t, (_, response) => {
      response.setHeader('Content-Length', body.length);
      const chunks = Array.from({ length: 800 }, () => 'x'.repeat(10_000));
      Readable.from(chunks).pipe(response);
    });
    const client = new RawClient(port, get('/a') + UPGRADE);
    await client.until(() => client.text.endsWith(GREETING_FRAME));
    assert.deepEqual(client.parts, [`200 ${body}`, '101', GREETING_FRAME]);
    client.socket.destroy();
  });

  test(`${name}: behind an answer that ends the connection there is no upgrade`, async (t) => {
    const { port } = await rig(t, (_, response) => {
      response.setHeader('Connection', 'close');
      response.end('last');
    });
    const client = new RawClient(port, get('/a') + UPGRADE);
    await client.until(() => client.hasEnded);
    assert.deepEqual(client.parts, ['200 last']);
  });

  test(`${name}: an upgrade that waits too long, or for a server that closes, is dropped`, async (t) => {
    const { port } = await rig(t, () => {}, 1);
    const client = new RawClient(port, get('/never') + UPGRADE);
    await client.until(() => client.hasEnded);
    assert.equal(client.text, '');

    let arrived: () => void = () => {};
    const asked = new Promise<void>((resolve) => (arrived = resolve));
    const { port: other, server, close } = await rig(t, () => arrived());
    const upgraded = once(server, 'upgrade');
    const waiting = new RawClient(other, get('/never') + UPGRADE);
    await asked;
    await upgraded;
    void close();
    await waiting.until(() => waiting.hasEnded);
    assert.equal(waiting.text, '');
  });

  test(`${name}: an upgrade with a body is refused, and its body is no frame`, async (t) => {
    const { port } = await rig(t, (_, response) => response.end());
    const withBody = UPGRADE.replace('\r\n\r\n', '\r\nContent-Length: 6\r\n\r\n');
    const client = new RawClient(port, `${withBody}\x81\x80\0\0\0\0`);
    await client.until(() => client.hasEnded);
    assert.match(client.text, /^HTTP\/1\.1 400 /);
    assert.doesNotMatch(client.text, /101/);
  });
}

test('an answer to the upgrade itself, which a framework assigns to refuse with, holds nothing back', async (t) => {
  const server = createServer();
  const webSockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    new ServerResponse(request).assignSocket(socket as Socket);
    webSockets.handleUpgrade(request, socket, head, (client) => client.send(GREETING));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => {
    socket.destroy();
    webSockets.close();
    server.close();
  });
  let text = '';
  socket.setEncoding('latin1').write(UPGRADE);
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.endsWith(GREETING_FRAME)) return;
  }
  assert.fail(text);
});
