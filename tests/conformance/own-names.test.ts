/** Proves that an application may call the properties and methods of its sockets what it likes: the engine uses none of these names. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import * as reference from 'ws';
import {
  StandardWebSocket,
  WebSocket,
  WebSocketServer,
  type ServerOptions,
} from 'tideway/websocket';

/** What programs keep on their sockets, and what the engine had there once. */
const OF_PROGRAMS = [
  'alive attach channel client clientId closed closing connected connection context data destroyed destroy',
  'drained end ended failed handle handler id isAlive isOpen lastSeen linkGone inputKept open',
  'opened pingReceived pongReceived queue room rooms session socket state subscriptions textReceived binaryReceived timer',
  'token topics upgradeReq user userId acceptSocket write received receivedShared socketGone inputEnded',
].flatMap((line) => line.split(' '));
/** Attributes of ours that `ws` has too, or that the reference names. */
const OF_THE_API = [
  '_events',
  '_eventsCount',
  '_maxListeners',
  '_socket',
  '_req',
  'droppedMessageCount',
];

/** Every word in the sources of the engine that is not a name of `ws` or of every emitter. */
function namesToTry(): readonly string[] {
  const folder = new URL('../../../src/transport/websocket/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const words = new Set(OF_PROGRAMS);
  for (const file of files) {
    for (const [word] of readFileSync(new URL(file, folder), 'utf8').matchAll(/[A-Za-z_]\w+/g)) {
      words.add(word);
    }
  }
  const known = (name: string): boolean =>
    name in reference.WebSocket.prototype || name in EventEmitter.prototype;
  const names = [...words].filter((name) => !known(name) && !OF_THE_API.includes(name));
  assert.ok(names.length > 500 && names.includes('textReceived'), names.join());
  return names;
}

async function serve(
  context: TestContext,
  accept: (socket: WebSocket) => void,
  options: ServerOptions = {},
): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  server.on('connection', accept);
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** Unlike `once`, whatever error comes before. */
function codeOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.on('close', resolve));
}

/** Text, octets, Ping, Pong and the closing handshake, from both sides. */
async function converse(client: WebSocket): Promise<void> {
  const heard: unknown[] = [];
  client.on('message', (data, isBinary) => heard.push([String(data as Buffer), isBinary]));
  client.on('ping', () => heard.push('ping'));
  await once(client, 'open');
  const answered = once(client, 'pong');
  client.send('text');
  client.send(Buffer.from('octets'));
  client.ping();
  await answered;
  const closed = once(client, 'close');
  client.close(3000, 'done');
  const [code, reason] = (await closed) as [number, Buffer];
  assert.deepEqual([code, String(reason)], [3000, 'done']);
  const expected = ['ping', ['text', false], ['octets', true]];
  assert.deepEqual(heard, expected);
}

test('whatever is set on a socket, it works on', async (context) => {
  const names = namesToTry();
  const setAll = (socket: WebSocket): WebSocket => {
    const own = socket as unknown as Record<string, unknown>;
    for (const name of names) own[name] = true;
    return socket;
  };
  let told: Promise<number> | undefined;
  const url = await serve(context, (socket) => {
    setAll(socket).ping();
    echo(socket);
    told = codeOf(socket);
  });
  await converse(setAll(new WebSocket(url)));
  assert.equal(await told, 3000);
  // A handshake that fails and one that is given up.
  for (const abort of [false, true]) {
    const refused = setAll(
      new WebSocket(url.replace('127.0.0.1', abort ? '127.0.0.1' : 'x.invalid')),
    );
    const failed = new Promise((resolve) => refused.on('error', resolve));
    const ended = codeOf(refused);
    if (abort) refused.terminate();
    await Promise.all([failed, ended]);
    assert.equal(refused.readyState, WebSocket.CLOSED);
  }
});

test('methods of a class that extends it are called by nobody', async (context) => {
  const called: string[] = [];
  class Own extends WebSocket {}
  for (const name of namesToTry()) {
    const value = (): void => void called.push(name);
    Object.defineProperty(Own.prototype, name, { value, writable: true });
  }
  const failures: string[] = [];
  let told: Promise<number> | undefined;
  const accept = (socket: WebSocket): void => {
    assert.ok(socket instanceof Own);
    socket.on('error', (error) => failures.push(error.message));
    socket.ping();
    echo(socket);
    told = codeOf(socket);
  };
  const url = await serve(context, accept, { WebSocket: Own, maxMessageBytes: 100 });
  await converse(new Own(url));
  await told;
  // One that breaks a limit.
  const client = new Own(url);
  await once(client, 'open');
  client.send('x'.repeat(101));
  assert.equal(await codeOf(client), 1009);
  await told;
  assert.equal(failures.length, 1);
  assert.deepEqual(called, []);
});

test('the standard class dispatches its events whatever is set on it', async (context) => {
  const url = await serve(context, echo);
  class Page extends StandardWebSocket {
    override dispatchEvent(): boolean {
      throw new Error('not for events of the connection');
    }
    override addEventListener(): void {
      throw new Error('not for attributes');
    }
    override removeEventListener(): void {
      throw new Error('not for attributes');
    }
  }
  const socket = new Page(url);
  for (const name of OF_PROGRAMS) (socket as unknown as Record<string, unknown>)[name] = true;
  await new Promise<void>((resolve) => (socket.onopen = () => resolve()));
  socket.onopen = null;
  socket.send('text');
  const event = await new Promise<unknown>((resolve) => (socket.onmessage = resolve));
  assert.equal((event as { data: string }).data, 'text');
  const closed = new Promise((resolve) => (socket.onclose = resolve));
  socket.close();
  await closed;
});

test('the class and a socket are printed in few lines, with what the application has set', async (context) => {
  const url = await serve(context, echo);
  assert.equal(inspect(WebSocket), '[class WebSocket extends EventEmitter]');
  class Own extends WebSocket {
    static readonly kind = 'own';
  }
  assert.equal(inspect(Own), "[class Own extends WebSocket] { kind: 'own' }");
  const socket = Object.assign(new Own(url), { user: { name: 'Ada' } });
  socket.on('message', () => {});
  await once(socket, 'open');
  assert.equal(
    inspect(socket, { breakLength: Infinity }),
    `Own { readyState: 'OPEN', url: '${socket.url}', user: { name: 'Ada' } }`,
  );
  assert.equal(inspect([[socket]], { depth: 1 }), '[ [ [Own] ] ]');
  assert.ok(inspect(WebSocket.prototype).includes('readyState: [Getter]'));
  socket.close();
  await once(socket, 'close');
});
