/** Proves that the door `tideway/websocket` has the names that programs on top of ws use, and in the places where they look. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import * as reference from 'ws';
import Default, * as door from 'tideway/websocket';
import { CloseEvent, ErrorEvent, Event, MessageEvent, WebSocket } from 'tideway/websocket';

/** What ws exports of its insides: docs/decisions/0007. */
const INSIDES = new Set(['PerMessageDeflate', 'Receiver', 'Sender', 'extension', 'subprotocol']);

test('everything that ws exports is exported, by name and on the class', () => {
  const names = Object.keys(reference).filter((name) => !INSIDES.has(name));
  assert.ok(names.length >= 4, names.join());
  for (const name of names) assert.ok(name in door, name);
  assert.equal(Default, WebSocket);
  assert.equal(Default.WebSocket, WebSocket);
  assert.equal(Default.Server, door.WebSocketServer);
  assert.equal(Default.WebSocketServer, door.WebSocketServer);
  assert.equal(Default.createWebSocketStream, door.createWebSocketStream);
});

test('require answers the class, with the other exports on it', () => {
  const require = createRequire(import.meta.url);
  const required = require('tideway/websocket') as typeof Default & Record<string, unknown>;
  assert.equal(required, WebSocket);
  for (const [name, value] of Object.entries(door)) {
    if (name !== 'default' && name !== 'module.exports') assert.equal(required[name], value, name);
  }
});

test('constants cannot be changed, and attributes are enumerable accessors of the prototype', () => {
  for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
    const expected = { value, enumerable: true, configurable: false, writable: false };
    assert.deepEqual(Object.getOwnPropertyDescriptor(WebSocket, name), expected);
    assert.deepEqual(Object.getOwnPropertyDescriptor(WebSocket.prototype, name), expected);
  }
  const attributes = ['binaryType', 'bufferedAmount', 'extensions', 'isPaused', 'protocol'];
  attributes.push('readyState', 'url', 'onopen', 'onmessage', 'onclose', 'onerror');
  for (const name of attributes) {
    const descriptor = Object.getOwnPropertyDescriptor(WebSocket.prototype, name);
    assert.ok(descriptor?.get !== undefined && descriptor.enumerable === true, name);
  }
});

test('every method of a WebSocket and of a server of ws is there', () => {
  for (const [theirs, ours] of [
    [reference.WebSocket.prototype, WebSocket.prototype],
    [reference.WebSocketServer.prototype, door.WebSocketServer.prototype],
  ] as const) {
    // It is not documented, and ws alone calls it.
    const inner = ['emitClose'];
    for (const name of Object.getOwnPropertyNames(theirs)) {
      if (!inner.includes(name)) assert.ok(name in ours, name);
    }
  }
});

test('event objects have the defaults of the standard and enumerable attributes', () => {
  const close = new CloseEvent('close');
  assert.deepEqual([close.code, close.reason, close.wasClean], [0, '', false]);
  const error = new ErrorEvent('error');
  assert.deepEqual([error.error, error.message], [null, '']);
  assert.equal(new MessageEvent('message').data, null);
  for (const event of [close, error]) assert.ok(event instanceof Event && event.target === null);
  const keys: string[] = [];
  for (const key in new MessageEvent('message', { data: 'x' })) keys.push(key);
  assert.deepEqual(keys.sort(), ['bubbles', 'cancelable', 'data', 'target', 'type']);
});

test('handlers are found where the emitter keeps them: attributes, once, and removal', async (t) => {
  const server = new door.WebSocketServer({ port: 0 });
  t.after(() => server.close());
  server.on('connection', (socket) => {
    socket.send('one');
    socket.send('two', () => socket.close(3001, 'bye'));
  });
  await once(server, 'listening');
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const seen: unknown[] = [];
  const handler = ({ data }: MessageEvent): void => void seen.push(data);
  socket.addEventListener('message', handler, { once: true });
  socket.addEventListener('message', handler);
  // The same function by attribute is another listener.
  socket.onmessage = handler;
  assert.equal(socket.listenerCount('message'), 2);
  assert.equal(socket.onmessage, handler);
  const object = { handleEvent: (event: CloseEvent): void => void seen.push(event.code) };
  socket.addEventListener('close', object);
  socket.addEventListener('nothing' as 'open', () => seen.push('never'));
  assert.equal(socket.listenerCount('nothing' as 'open'), 0);
  const event = await new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
  assert.deepEqual(seen, ['one', 'one', 'two', 3001]);
  assert.deepEqual([event.reason, event.wasClean, event.target], ['bye', true, socket]);
  socket.removeEventListener('message', handler);
  assert.equal(socket.onmessage, handler, 'removeEventListener leaves attributes alone');
  socket.removeAllListeners('message');
  assert.equal(socket.onmessage, null);
});

/** The published declarations, which no compiler makes of the sources. */
const declarations = readFileSync(
  new URL('../../../dist/transport/websocket/door.d.cts', import.meta.url),
  'utf8',
);

test('the declarations name everything that is exported, and nothing else', () => {
  const body = declarations.slice(declarations.indexOf('declare namespace WebSocket {'));
  const values = [...body.matchAll(/^ {2}(?:class|const|function) (\w+)/gm)].map(
    ([, name]) => name,
  );
  const exported = Object.keys(door).filter((name) => !/^(?:default|module\.exports)$/.test(name));
  assert.deepEqual(new Set(values), new Set(exported));
});

test('the declarations name every member of a connection and of a server', () => {
  const inner =
    /^(?:constructor|acceptSocket|\w+Received|closing|failed|drained|closed|eventNames)$/;
  const classes = [
    [WebSocket, 'declare class WebSocket '],
    [door.WebSocketServer, '  class Server<'],
  ] as const;
  for (const [Class, start] of classes) {
    const from = declarations.slice(declarations.indexOf(start));
    const text = from.slice(0, from.search(/^ {0,2}\}$/m));
    for (const name of Object.getOwnPropertyNames(Class.prototype)) {
      if (!inner.test(name))
        assert.match(text, new RegExp(`^ +(?:readonly )?${name}\\b`, 'm'), name);
    }
  }
});
