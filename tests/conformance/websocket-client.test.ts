/** Proves our client on the wire: what it asks for, what answers it takes, and the API that users of `ws` and browsers know. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'tideway/websocket';

/** A TCP server that hands over the head of the request; it ends with the test. */
async function listen(
  context: TestContext,
  answer: (head: string, socket: Socket) => void,
): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      if (head.includes('\r\n\r\n')) return;
      head += chunk.toString('latin1');
      if (head.includes('\r\n\r\n')) answer(head, socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function keyOf(head: string): string {
  return /^sec-websocket-key: (.*)$/im.exec(head)?.[1]?.trim() ?? '';
}

function agreement(head: string, ...more: string[]): string {
  const accept = createHash('sha1')
    .update(`${keyOf(head)}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...more,
    '',
    '',
  ].join('\r\n');
}

/** The error and the close code that a client ends with. */
async function failure(
  client: WebSocket,
): Promise<{ error: Error & { code?: string }; code: number }> {
  let error: Error = new Error('no error came');
  client.on('error', (problem) => (error = problem));
  const code = await new Promise<number>((resolve) => client.on('close', resolve));
  assert.equal(client.readyState, WebSocket.CLOSED);
  return { error, code };
}

test('§4.1: the request has all that the RFC asks for, and what the caller adds', async (context) => {
  let head = '';
  const url = await listen(context, (request, socket) => {
    head = request;
    socket.end('HTTP/1.1 400 No\r\n\r\n');
  });
  const options = { origin: 'http://example.com', headers: { 'X-Label': 'yes' } };
  await failure(new WebSocket(`${url}/path?query=1`, ['a', 'b'], options));
  assert.match(head, /^GET \/path\?query=1 HTTP\/1\.1\r\n/);
  assert.match(head, /\r\nHost: 127\.0\.0\.1:\d+\r\n/i);
  assert.match(head, /\r\nUpgrade: websocket\r\n/i);
  assert.match(head, /\r\nConnection: Upgrade\r\n/i);
  assert.match(head, /\r\nSec-WebSocket-Version: 13\r\n/i);
  assert.match(head, /\r\nSec-WebSocket-Protocol: a,b\r\n/i);
  assert.match(head, /\r\nOrigin: http:\/\/example\.com\r\n/i);
  assert.match(head, /\r\nX-Label: yes\r\n/i);
  assert.equal(Buffer.from(keyOf(head), 'base64').length, 16);
});

test('§4.1: an answer that breaks a rule fails the connection with words that say which', async (context) => {
  const cases: readonly (readonly [RegExp, (head: string) => string])[] = [
    [/Invalid Sec-WebSocket-Accept/, (head) => agreement(head).replace(/Accept: .*/, 'Accept: no')],
    [/Invalid Upgrade/, (head) => agreement(head).replace('Upgrade: websocket', 'Upgrade: other')],
    [/none was requested/, (head) => agreement(head, 'Sec-WebSocket-Protocol: a')],
    [/extension that was not requested/, (head) => agreement(head, 'Sec-WebSocket-Extensions: x')],
    [/Unexpected server response: 403/, () => 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n'],
    [/socket hang up/, () => ''],
  ];
  for (const [words, answer] of cases) {
    const url = await listen(context, (head, socket) => socket.end(answer(head)));
    const { error, code } = await failure(new WebSocket(url));
    assert.match(error.message, words);
    assert.equal(code, 1006);
  }
});

test('an answer that is no 101 can be looked at by the application', async (context) => {
  const url = await listen(context, (_, socket) => {
    socket.end('HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nwhy');
  });
  const client = new WebSocket(url);
  const status = await new Promise<number | undefined>((resolve) => {
    client.on('unexpected-response', (request, response) => {
      resolve(response.statusCode);
      request.destroy();
    });
  });
  assert.equal(status, 401);
});

test('a server that does not answer is given up after the handshake time', async (context) => {
  const url = await listen(context, () => {});
  const { error } = await failure(new WebSocket(url, { handshakeTimeout: 50 }));
  assert.match(error.message, /timed out/);
});

test('a connection that is closed while it opens ends with an error and 1006', async (context) => {
  const url = await listen(context, () => {});
  for (const end of ['close', 'terminate'] as const) {
    const client = new WebSocket(url);
    assert.throws(() => client.send('too early'), /readyState 0/);
    client[end]();
    const { error, code } = await failure(client);
    assert.match(error.message, /before the connection was established/);
    assert.equal(code, 1006);
  }
});

test('a refused connection is an error with the code of the system', async (context) => {
  const url = await listen(context, () => {});
  const { port } = new URL(url);
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const free = (taken.address() as AddressInfo).port;
  taken.close();
  await once(taken, 'close');
  assert.notEqual(String(free), port);
  const { error } = await failure(new WebSocket(`ws://127.0.0.1:${free}/`));
  assert.equal(error.code, 'ECONNREFUSED');
});

test('§3: an address that cannot be used is a SyntaxError at once', () => {
  for (const address of ['', 'nonsense', 'ftp://a/', 'ws://a/#part']) {
    assert.throws(() => new WebSocket(address), SyntaxError, address);
  }
  for (const protocols of [['a', 'a'], ['a b'], ['']]) {
    assert.throws(() => new WebSocket('ws://localhost:1/', protocols), SyntaxError);
  }
});

test('§5.1: a masked frame from the server fails the connection with 1002', async (context) => {
  const url = await listen(context, (head, socket) => {
    socket.write(agreement(head));
    socket.write(Buffer.of(0x81, 0x81, 1, 2, 3, 4, 0x60));
  });
  const { error, code } = await failure(new WebSocket(url));
  assert.equal(error.code, 'WS_ERR_UNEXPECTED_MASK');
  assert.equal(code, 1006);
});

test('§5.3: every frame has a mask of its own', async (context) => {
  const frames = new Promise<Buffer>((resolve, reject) => {
    listen(context, (head, socket) => {
      let received = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        if (received.length >= 90) resolve(received);
      });
      socket.write(agreement(head));
    }).then((url) => {
      const client = new WebSocket(url);
      client.on('open', () => {
        for (let index = 0; index < 10; index++) client.send('abc');
      });
    }, reject);
  });
  const bytes = await frames;
  const masks = new Set<string>();
  for (let at = 0; at < 90; at += 9) {
    assert.equal(bytes[at + 1], 0x83);
    masks.add(bytes.toString('hex', at + 2, at + 6));
  }
  assert.equal(masks.size, 10);
});

test('frames that come together with the handshake are not lost', async (context) => {
  const url = await listen(context, (head, socket) => {
    socket.write(Buffer.concat([Buffer.from(agreement(head)), Buffer.of(0x81, 2, 0x68, 0x69)]));
  });
  const client = new WebSocket(url);
  const seen: string[] = [];
  client.on('open', () => seen.push('open'));
  client.on('message', () => seen.push('message'));
  const [data] = (await once(client, 'message')) as [Buffer];
  assert.equal(data.toString(), 'hi');
  assert.deepEqual(seen, ['open', 'message']);
  client.terminate();
});

async function echo(context: TestContext): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
  });
  await once(server, 'listening');
  context.after(() => server.close());
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('the face of an EventTarget: handlers, attributes, once, removal and event objects', async (context) => {
  const client = new WebSocket(await echo(context));
  const seen: string[] = [];
  const removed = (): void => void seen.push('removed');
  client.addEventListener('message', removed);
  client.removeEventListener('message', removed);
  client.addEventListener('message', () => seen.push('once'), { once: true });
  client.addEventListener('message', {
    handleEvent: ({ data }) => void seen.push(typeof data === 'string' ? data : 'octets'),
  });
  client.onopen = ({ target, type }) => {
    assert.equal(target, client);
    seen.push(type);
    client.send('one');
    client.send(Buffer.from('two'));
  };
  const replaced = (): void => void seen.push('replaced');
  client.onmessage = replaced;
  assert.equal(client.onmessage, replaced);
  client.binaryType = 'arraybuffer';
  const last = new Promise<unknown>((resolve) => {
    client.onmessage = ({ data }) => {
      if (typeof data !== 'string') resolve(data);
    };
  });
  const data = await last;
  assert.ok(data instanceof ArrayBuffer);
  assert.equal(Buffer.from(data).toString(), 'two');
  assert.deepEqual(seen, ['open', 'once', 'one', 'octets']);
  const closed = new Promise((resolve) => {
    client.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
  });
  client.close(3001, 'bye');
  assert.deepEqual(await closed, { code: 3001, reason: 'bye', wasClean: true });
});

test('every kind of data can be sent, and a number goes as its digits', async (context) => {
  const client = new WebSocket(await echo(context));
  await once(client, 'open');
  const words = Uint16Array.of(0x6161, 0x6262);
  const cases: readonly (readonly [Parameters<WebSocket['send']>[0], string])[] = [
    ['text', 'text'],
    [42, '42'],
    [Buffer.from('buffer'), 'buffer'],
    [words, 'aabb'],
    [words.buffer, 'aabb'],
    [new DataView(words.buffer, 1, 2), 'ab'],
    [[Buffer.from('a'), Buffer.from('b')], 'ab'],
  ];
  for (const [data, expected] of cases) {
    client.send(data);
    const [echoed] = (await once(client, 'message')) as [Buffer];
    assert.equal(echoed.toString(), expected);
  }
  assert.throws(() => client.send({} as never), TypeError);
  assert.throws(() => client.ping('a'.repeat(126)), RangeError);
  client.terminate();
  await once(client, 'close');
});

test('§7.4: close refuses codes that must not be sent and reasons that are too long', async (context) => {
  const client = new WebSocket(await echo(context));
  await once(client, 'open');
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5]) {
    assert.throws(() => client.close(code), TypeError, String(code));
  }
  assert.throws(() => client.close(1000, 'a'.repeat(124)), RangeError);
  assert.equal(client.readyState, WebSocket.OPEN);
  // Octets are measured, not elements: nothing beyond the reason leaves the process.
  client.close(1000, Buffer.from('reason'));
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  assert.equal(code, 1000);
  assert.equal(reason.toString(), 'reason');
});

test('what is sent too late is counted as buffered, and its callback gets an error', async (context) => {
  const client = new WebSocket(await echo(context));
  await once(client, 'open');
  client.close();
  const error = await new Promise<Error | null | undefined>((resolve) => {
    client.send('12345', resolve);
  });
  assert.match(String(error), /not open: readyState 2/);
  await once(client, 'close');
  assert.equal(client.bufferedAmount, 5);
});
