/** Proves the class that behaves as the WHATWG standard says to the letter: errors, attributes, events and what is sent. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import {
  StandardCloseEvent,
  StandardWebSocket,
  WebSocketServer,
  type WebSocket,
} from 'tideway/websocket';

/** An echo server's address; `accept` may do something else. It ends with the test. */
async function serve(
  context: TestContext,
  accept: (socket: WebSocket) => void = echo,
): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', accept);
  context.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

function next<E extends Event>(target: EventTarget, type: string): Promise<E> {
  return new Promise((resolve) =>
    target.addEventListener(type, (event) => resolve(event as E), { once: true }),
  );
}

interface Message<T = unknown> extends Event {
  readonly data: T;
  readonly origin: string;
}

type Closed = Event & { code: number; reason: string; wasClean: boolean };

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}

function throwsNamed(action: () => unknown, name: string): void {
  assert.throws(action, (error: unknown) => error instanceof DOMException && error.name === name);
}

test('a wrong URL or subprotocol is a DOMException named SyntaxError', () => {
  for (const url of ['foo', 'ftp://x/', 'ws://x/#', 'ws://x/#y', '/relative', 'ws://a b/']) {
    throwsNamed(() => new StandardWebSocket(url), 'SyntaxError');
  }
  for (const names of ['', 'a b', 'a,b', ['a', 'a'], ['a', 'A']]) {
    throwsNamed(() => new StandardWebSocket('ws://x.invalid/', names), 'SyntaxError');
  }
});

test('its attributes begin as the standard says, and http URLs become ws URLs', async (context) => {
  const url = await serve(context);
  const socket = new StandardWebSocket(url.replace('ws:', 'http:'), ['a', 'b']);
  assert.equal(tagOf(socket), '[object WebSocket]');
  const { protocol, extensions, bufferedAmount, binaryType, readyState } = socket;
  assert.deepEqual(
    { url: socket.url, protocol, extensions, bufferedAmount, binaryType, readyState },
    { url, protocol: '', extensions: '', bufferedAmount: 0, binaryType: 'blob', readyState: 0 },
  );
  assert.deepEqual(
    [StandardWebSocket.OPEN, socket.CLOSED, StandardWebSocket.name],
    [1, 3, 'WebSocket'],
  );
  throwsNamed(() => socket.send('early'), 'InvalidStateError');
  await next(socket, 'open');
  assert.equal(socket.protocol, 'a');
  socket.close();
  await next(socket, 'close');
});

test('close judges its arguments at any time, and rounds as WebIDL does', async (context) => {
  const socket = new StandardWebSocket(await serve(context));
  for (const code of [0, 999, 1001, 1005, 2999, 5000, NaN, 66_536, 'word' as unknown as number]) {
    throwsNamed(() => socket.close(code), 'InvalidAccessError');
  }
  throwsNamed(() => socket.close(1000, 'x'.repeat(124)), 'SyntaxError');
  await next(socket, 'open');
  assert.equal(socket.close(2999.5, 'a \uD807'), undefined);
  assert.equal(socket.readyState, 2);
  const { code, reason, wasClean } = await next<Closed>(socket, 'close');
  assert.deepEqual([code, reason, wasClean], [3000, 'a \uFFFD', true]);
});

test('text is made well-formed, anything but octets is text, and bufferedAmount counts payloads alone', async (context) => {
  const socket = new StandardWebSocket(await serve(context));
  const received: unknown[] = [];
  await next(socket, 'open');
  const sent = ['€\uD807', null, undefined, 1.5, { toString: (): string => 'own' }];
  for (const value of sent) socket.send(value as string);
  assert.equal(socket.bufferedAmount, 6 + 4 + 9 + 3 + 3);
  await new Promise<void>((resolve) => {
    socket.onmessage = (event) => {
      received.push((event as Message).data);
      if (received.length === sent.length) resolve();
    };
  });
  assert.deepEqual(received, ['€\uFFFD', 'null', 'undefined', '1.5', 'own']);
  socket.close();
  await next(socket, 'close');
  const before = socket.bufferedAmount;
  socket.send('late');
  assert.equal(socket.bufferedAmount, before + 4);
});

test('octets come back as a Blob or an ArrayBuffer, and may be changed once they are sent', async (context) => {
  const url = await serve(context);
  const socket = new StandardWebSocket(url);
  await next(socket, 'open');
  const octets = new Uint8Array(40_000).fill(7);
  socket.send(octets.subarray(0, 30_000));
  octets.fill(0);
  const first = await next<Message<Blob>>(socket, 'message');
  assert.ok(first.data instanceof Blob);
  assert.equal(first.origin, new URL(url).origin);
  assert.deepEqual(new Uint8Array(await first.data.arrayBuffer()), new Uint8Array(30_000).fill(7));
  socket.binaryType = 'nodebuffer' as 'blob';
  assert.equal(socket.binaryType, 'blob');
  socket.binaryType = 'arraybuffer';
  socket.send(new Blob(['text']));
  const second = await next<Message<ArrayBuffer>>(socket, 'message');
  assert.equal(Buffer.from(second.data).toString(), 'text');
  socket.close();
  await next(socket, 'close');
});

test('each message is a task of its own, and close comes last', async (context) => {
  const url = await serve(context, (socket) => {
    for (const text of ['1', '2', '3']) socket.send(text);
    socket.close(4000, 'over');
  });
  const socket = new StandardWebSocket(url);
  const seen: string[] = [];
  socket.onmessage = (event) => {
    seen.push((event as Message<string>).data);
    queueMicrotask(() => seen.push('task'));
  };
  const { code, reason, wasClean } = await next<Closed>(socket, 'close');
  assert.deepEqual(seen, ['1', 'task', '2', 'task', '3', 'task']);
  assert.deepEqual([code, reason, wasClean, socket.readyState], [4000, 'over', true, 3]);
});

test('a failure is an event named error and then close, both in the state CLOSED, even unheard', async (context) => {
  const url = await serve(context, (socket) => {
    socket.on('error', () => {});
    socket._socket?.write(Buffer.of(0x83, 0));
  });
  const socket = new StandardWebSocket(url);
  const seen: unknown[] = [];
  for (const type of ['error', 'close']) {
    socket.addEventListener(type, (event) => {
      seen.push([type, tagOf(event), socket.readyState, event.bubbles, event.cancelable]);
    });
  }
  const { code, wasClean } = await next<Closed>(socket, 'close');
  assert.deepEqual([code, wasClean], [1006, false]);
  assert.deepEqual(seen, [
    ['error', '[object Event]', 3, false, false],
    ['close', '[object CloseEvent]', 3, false, false],
  ]);
  // Without a listener nothing is thrown.
  const unheard = new StandardWebSocket(url);
  unheard.close();
  assert.equal(unheard.readyState, 2);
  assert.equal((await next<Closed>(unheard, 'close')).code, 1006);
});

test('a handler set by attribute keeps its place, what is no object is null, and dispatchEvent works', async (context) => {
  const socket = new StandardWebSocket(await serve(context));
  const calls: string[] = [];
  socket.onopen = () => calls.push('never');
  socket.addEventListener('open', () => calls.push('second'));
  socket.onopen = () => calls.push('first');
  socket.addEventListener('open', { handleEvent: () => calls.push('third') });
  socket.addEventListener('open', null as never);
  const aborted = new AbortController();
  socket.addEventListener('open', () => calls.push('never'), { signal: aborted.signal });
  aborted.abort();
  socket.dispatchEvent(new Event('open'));
  assert.deepEqual(calls, ['first', 'second', 'third']);
  socket.onopen = 2 as never;
  assert.equal(socket.onopen, null);
  const kept = { handleEvent(): void {} };
  socket.onopen = kept as never;
  assert.equal(socket.onopen, kept);
  await next(socket, 'open');
  socket.close();
  await next(socket, 'close');
});

test('the functions of its attributes have the names of WebIDL, and know whose they are', () => {
  for (const name of ['onopen', 'onmessage', 'onclose', 'onerror', 'binaryType']) {
    const descriptor = Object.getOwnPropertyDescriptor(StandardWebSocket.prototype, name);
    assert.equal(descriptor?.get?.name, `get ${name}`);
    assert.equal(descriptor?.set?.name, `set ${name}`);
    const halves = Object.values(descriptor ?? {}).filter((half) => typeof half === 'function');
    for (const half of halves as object[]) assert.ok(!Object.hasOwn(half, 'prototype'));
    for (const value of ['blob', 'no such type', null]) {
      assert.throws(() => descriptor?.set?.call({}, value), TypeError, name);
    }
    assert.throws(() => descriptor?.get?.call({}), TypeError, name);
  }
});

test('its close events are of a class that can be named and made, also where Node has none', async (context) => {
  const socket = new StandardWebSocket(await serve(context));
  await next(socket, 'open');
  socket.close(3000, 'done');
  const event = await next<Closed>(socket, 'close');
  assert.ok(event instanceof StandardCloseEvent);
  assert.equal(StandardCloseEvent.name, 'CloseEvent');
  const { CloseEvent } = globalThis as { CloseEvent?: unknown };
  if (CloseEvent !== undefined) assert.equal(StandardCloseEvent, CloseEvent);
  const made = new StandardCloseEvent('close', { code: 7, reason: 'x', wasClean: true });
  assert.deepEqual([made.type, made.code, made.reason, made.wasClean], ['close', 7, 'x', true]);
  const bare = new StandardCloseEvent('close');
  assert.deepEqual([bare.code, bare.reason, bare.wasClean], [0, '', false]);
  const make = StandardCloseEvent as unknown as new () => Event;
  assert.throws(() => new make(), TypeError);
});
