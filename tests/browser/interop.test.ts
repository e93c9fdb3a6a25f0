/** Proves that Chromium's own WebSocket and the engine's server understand each other, message by message and close by close. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { WebSocketServer, type WebSocket as AcceptedWebSocket } from 'tideway/websocket';
import { openPage, startChromium, withoutChromium } from './chromium.js';

const skip = withoutChromium;
const SIZES_BYTES = [0, 1, 125, 126, 65_535, 65_536, 1_048_576];
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startChromium();
});
after(() => browser?.close());

interface Bench {
  readonly page: Page;
  readonly url: string;
  readonly server: WebSocketServer;
  /** The server's end of the next connection. */
  readonly accepted: () => Promise<[socket: AcceptedWebSocket, request: IncomingMessage]>;
}

/** An empty page and an engine server of the same origin. */
async function openBench(
  t: TestContext,
  options: ConstructorParameters<typeof WebSocketServer>[0] = {},
): Promise<Bench> {
  const http = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>bench</title>');
  });
  const server = new WebSocketServer({ server: http, ...options });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const client of server.clients) client.terminate();
    http.close();
    http.closeAllConnections();
  });
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  const { page } = await openPage(t, browser);
  await page.goto(`http://${host}/`);
  const accepted = async (): Promise<[AcceptedWebSocket, IncomingMessage]> =>
    (await once(server, 'connection')) as [AcceptedWebSocket, IncomingMessage];
  return { page, url: `ws://${host}/`, server, accepted };
}

test(
  'text and binary messages of every length class come back as they went',
  { skip },
  async (t) => {
    const { page, url, server } = await openBench(t);
    const lengths: string[] = [];
    server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => {
        lengths.push(`${isBinary ? 'binary' : 'text'} ${(data as Buffer).length}`);
        socket.send(data, { binary: isBinary });
      });
    });
    const outcome = await page.evaluate(
      async ({ url, sizes }) => {
        const socket = new WebSocket(url);
        socket.binaryType = 'arraybuffer';
        await new Promise((resolve) => (socket.onopen = resolve));
        const echoOf = (data: string | Uint8Array<ArrayBuffer>): Promise<unknown> => {
          socket.send(data);
          return new Promise((resolve) => (socket.onmessage = (event) => resolve(event.data)));
        };
        const wrong: string[] = [];
        for (const size of sizes) {
          // Two, three and four octets a character: some fall on the border between two frames.
          const text = 'é€🌊'.repeat(Math.floor(size / 9)) + 'x'.repeat(size % 9);
          if ((await echoOf(text)) !== text) wrong.push(`text ${size}`);
          const octets = Uint8Array.from({ length: size }, (_, index) => (index * 31) & 0xff);
          const echo = new Uint8Array((await echoOf(octets)) as ArrayBuffer);
          const isSame = echo.length === size && echo.every((octet, at) => octet === octets[at]);
          if (!isSame) wrong.push(`binary ${size}`);
        }
        const { extensions, protocol } = socket;
        const closed = new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
        socket.close(1000, 'done');
        const { code, reason, wasClean } = await closed;
        return { wrong, extensions, protocol, close: { code, reason, wasClean } };
      },
      { url, sizes: SIZES_BYTES },
    );
    assert.deepEqual(outcome, {
      wrong: [],
      extensions: '',
      protocol: '',
      close: { code: 1000, reason: 'done', wasClean: true },
    });
    assert.deepEqual(
      lengths,
      SIZES_BYTES.flatMap((size) => [`text ${size}`, `binary ${size}`]),
    );
  },
);

test(
  'the offer of compression is agreed to, and messages of both ends are compressed',
  { skip },
  async (t) => {
    const { page, url, accepted } = await openBench(t, { perMessageDeflate: true });
    const connection = accepted();
    const extensions = page.evaluate(async (url) => {
      const socket = new WebSocket(url);
      const text = await new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
      socket.send(String(text));
      return socket.extensions;
    }, url);
    const [socket, request] = await connection;
    assert.match(request.headers['sec-websocket-extensions'] ?? '', /^permessage-deflate/);
    const text = 'compressible '.repeat(1_000);
    const echoed = once(socket, 'message');
    socket.send(text);
    assert.equal(
      await extensions,
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    );
    assert.equal(String((await echoed)[0]), text);
  },
);

test(
  'fragments that the server sends are one message, whatever stands between them',
  { skip },
  async (t) => {
    const { page, url, accepted } = await openBench(t);
    const connection = accepted();
    const received = page.evaluate(async (url) => {
      const socket = new WebSocket(url);
      socket.binaryType = 'arraybuffer';
      const messages: unknown[] = [];
      await new Promise((resolve) => {
        socket.onmessage = ({ data }) => {
          messages.push(typeof data === 'string' ? data : [...new Uint8Array(data as ArrayBuffer)]);
          if (messages.length === 3) resolve(undefined);
        };
      });
      return messages;
    }, url);
    const [socket] = await connection;
    const octets = Buffer.from('a wave 🌊 and an é');
    const ponged = once(socket, 'pong');
    // A cut in the midst of a character, an empty fragment, and a Ping in between.
    socket.send(octets.subarray(0, 9), { fin: false, binary: false });
    socket.send('', { fin: false });
    socket.ping('still there?');
    socket.send(octets.subarray(9, 11), { fin: false });
    socket.send(octets.subarray(11), { fin: true });
    socket.send(Buffer.from([1]), { fin: false, binary: true });
    socket.send(Buffer.from([2, 3]), { fin: true });
    socket.send('whole');
    assert.deepEqual(await received, [octets.toString(), [1, 2, 3], 'whole']);
    assert.equal(String((await ponged)[0]), 'still there?');
  },
);

test('close codes and reasons of the page reach the server', { skip }, async (t) => {
  const { page, url, accepted } = await openBench(t);
  for (const [code, reason] of [
    [1000, 'fertig – ünd gut 🌊'],
    [3000, ''],
    [4999, 'x'.repeat(123)],
    [undefined, ''],
  ] as const) {
    const connection = accepted();
    const closing = page.evaluate(
      async ({ url, code, reason }) => {
        const socket = new WebSocket(url);
        await new Promise((resolve) => (socket.onopen = resolve));
        const closed = new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
        if (code === undefined) socket.close();
        else socket.close(code, reason);
        const event = await closed;
        return [event.code, event.reason, event.wasClean];
      },
      { url, code, reason },
    );
    const [socket] = await connection;
    const [closeCode, closeReason] = (await once(socket, 'close')) as [number, Buffer];
    // RFC 6455 §7.1.5: a Close frame without a code reads as 1005 at both ends.
    assert.deepEqual([closeCode, String(closeReason)], [code ?? 1005, reason]);
    assert.deepEqual(await closing, [code ?? 1005, reason, true]);
  }
});

test('close codes and reasons of the server reach the page', { skip }, async (t) => {
  const { page, url, accepted } = await openBench(t);
  for (const [code, reason] of [
    [1000, 'bye'],
    [1001, 'the tide goes out 🌊'],
    [1011, ''],
    [1013, 'later'],
    [4000, 'server/shutdown'],
    [4999, 'y'.repeat(123)],
    [undefined, ''],
  ] as const) {
    const [closing, socket] = await connectUntilClose(page, url, accepted);
    const ended = once(socket, 'close');
    if (code === undefined) socket.close();
    else socket.close(code, reason);
    assert.deepEqual(await closing, [code ?? 1005, reason, true]);
    const [echoed] = (await ended) as [number, Buffer];
    assert.equal(echoed, code ?? 1005);
  }
  const [closing, socket] = await connectUntilClose(page, url, accepted);
  socket.terminate();
  assert.deepEqual(await closing, [1006, '', false]);
});

test('a message beyond the limit closes with 1009, which the page is told', { skip }, async (t) => {
  const { page, url, accepted } = await openBench(t, { maxMessageBytes: 1_000 });
  const [closing, socket] = await connectUntilClose(page, url, accepted, 'z'.repeat(1_001));
  const [error] = (await once(socket, 'error')) as [Error & { code: string }];
  assert.equal(error.code, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
  const [code, , wasClean] = await closing;
  assert.deepEqual([code, wasClean], [1009, true]);
});

test('the subprotocol is the one that the server chose of those offered', { skip }, async (t) => {
  const { page, url, accepted } = await openBench(t, {
    handleProtocols: (offered) => [...offered].find((name) => name === 'chat.v2') ?? false,
  });
  const agreedOn = (protocols: string[]): Promise<string> =>
    page.evaluate(
      async ({ url, protocols }) => {
        const socket = new WebSocket(url, protocols);
        return new Promise<string>((resolve) => {
          socket.onopen = () => resolve(socket.protocol);
          socket.onclose = () => resolve('failed');
        });
      },
      { url, protocols },
    );
  const connection = accepted();
  assert.equal(await agreedOn(['chat.v1', 'chat.v2']), 'chat.v2');
  assert.equal((await connection)[0].protocol, 'chat.v2');
  // RFC 6455 §4.1: the page asked for a subprotocol and got none, so Chromium fails the connection.
  assert.equal(await agreedOn(['chat.v1']), 'failed');
});

test('a page whose handshake is refused gets 1006 and no message', { skip }, async (t) => {
  const { page, url } = await openBench(t, { verifyClient: () => false });
  const outcome = await page.evaluate(async (url) => {
    const socket = new WebSocket(url);
    const events: string[] = [];
    socket.onopen = () => events.push('open');
    socket.onerror = () => events.push('error');
    const { code } = await new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
    return [...events, code];
  }, url);
  assert.deepEqual(outcome, ['error', 1006]);
});

/** Connects a page, which may say something at once; the first promise is how the page saw the end. */
async function connectUntilClose(
  page: Page,
  url: string,
  accepted: Bench['accepted'],
  greeting?: string,
): Promise<[closing: Promise<unknown[]>, socket: AcceptedWebSocket]> {
  const connection = accepted();
  const closing = page.evaluate(
    async ({ url, greeting }) => {
      const socket = new WebSocket(url);
      if (greeting !== undefined) socket.onopen = () => socket.send(greeting);
      const event = await new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
      return [event.code, event.reason, event.wasClean];
    },
    { url, greeting },
  );
  const [socket] = await connection;
  return [closing, socket];
}
