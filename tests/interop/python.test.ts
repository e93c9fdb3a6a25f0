/** Proves our server and client with those of Python's websockets, with and without compression. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'tideway/websocket';
import { bodies } from './peers.js';

const NEEDED = 'python3-websockets';
const missing = (process.env['TIDEWAY_MISSING'] ?? '').split(',');
const skip = missing.includes(NEEDED) ? `${NEEDED} is not installed` : false;
const PROGRAM = fileURLToPath(new URL('../../../tests/interop/python_peer.py', import.meta.url));

const CODES = [1000, 1001, 1011, 3000, 4999];

function startPython(context: TestContext, ...args: string[]): ChildProcess {
  const child = spawn('/usr/bin/python3', [PROGRAM, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  context.after(() => child.kill());
  return child;
}

/** The next line that a child writes. */
async function lineOf(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes('\n')) return text;
  }
  throw new Error(`it ended and said only ${JSON.stringify(text)}`);
}

for (const compression of ['none', 'deflate'] as const) {
  const isCompressed = compression === 'deflate';
  const how = isCompressed ? 'with compression' : 'without compression';

  test(`our client with the server of Python, ${how}`, { skip }, async (context) => {
    const child = startPython(context, 'server', '', compression);
    const url = `ws://127.0.0.1:${(await lineOf(child)).trim()}/`;
    const client = new WebSocket(url, ['first', 'second'], { perMessageDeflate: isCompressed });
    context.after(() => client.terminate());
    await once(client, 'open');
    assert.equal(client.protocol, 'second');
    assert.equal(client.extensions, isCompressed ? 'permessage-deflate' : '');
    for (const body of bodies) {
      client.send(body);
      const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
      assert.equal(isBinary, typeof body !== 'string');
      assert.equal(Buffer.compare(data, Buffer.from(body)), 0, `${body.length} long`);
    }
    client.send('frag', { fin: false });
    client.ping('between');
    client.send('', { fin: false });
    const pong = once(client, 'pong');
    client.send('ment');
    assert.equal(String((await once(client, 'message'))[0]), 'fragment');
    assert.equal(String((await pong)[0]), 'between');
    client.send('fragments');
    assert.equal(String((await once(client, 'message'))[0]), 'onetwo');
    client.close(4000, 'tschüß');
    const [code, reason] = (await once(client, 'close')) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [4000, 'tschüß']);

    for (const asked of CODES) {
      const other = new WebSocket(url, ['second'], { perMessageDeflate: isCompressed });
      await once(other, 'open');
      other.send(`close ${asked}`);
      const [told, why] = (await once(other, 'close')) as [number, Buffer];
      assert.deepEqual([told, why.toString()], [asked, 'as asked']);
    }
  });

  test(`our server with the client of Python, ${how}`, { skip }, async (context) => {
    const server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      perMessageDeflate: isCompressed,
      handleProtocols: (offered) => (offered.has('second') ? 'second' : false),
    });
    context.after(() => server.close());
    server.on('connection', (socket) => {
      socket.on('message', (received, isBinary) => {
        const data = received as Buffer;
        const text = data.length < 30 ? data.toString() : '';
        const code = /^close (\d+)$/.exec(text)?.[1];
        if (code !== undefined) socket.close(Number(code), 'as asked');
        else if (text === 'send fragments') {
          socket.send('one', { fin: false });
          socket.ping('between');
          socket.send('', { fin: false });
          socket.send('two');
        } else socket.send(data, { binary: isBinary });
      });
    });
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const child = startPython(context, 'client', `ws://127.0.0.1:${port}/`, compression);
    assert.deepEqual(JSON.parse(await lineOf(child)), {
      echoed: 18,
      subprotocol: 'second',
      extensions: isCompressed ? ['permessage-deflate'] : [],
      fragments: 'fragments',
      received: 'onetwo',
      codes: [
        ...CODES.map((code) => [code, 'as asked']),
        ...[1000, 3000, 4999].map((code) => [code, 'tschüß']),
      ],
    });
  });
}
