/** Tests of what the endpoints of one server share. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { EndpointHandler } from './endpoint-handler.js';
import { EndpointTerms } from './endpoint-terms.js';
import { Endpoint } from './endpoint.js';
import { EngineLoop } from './engine-loop.js';
import { resolveLimits } from '../limits/limits.js';
import { WebSocket } from '../ws/web-socket.js';

/** Unmasked frames, as clients get them: the text `hello` in two fragments, each cut in two. */
const PARTS = [
  [0x01, 2],
  [0x68, 0x65, 0x80],
  [3, 0x6c],
  [0x6c, 0x6f],
].map((octets) => Buffer.from(octets));

/** Endpoints of one server that tell which of them got what. */
function endpointsThatTell(told: string[]): Endpoint[] {
  const terms = new EndpointTerms('client', new EngineLoop(), resolveLimits({}));
  return ['first', 'second', 'third'].map((name) => {
    const nothing = (): void => {};
    const handler: EndpointHandler = {
      textReceived: (octets, start, end) =>
        told.push(`${name} ${octets.toString('utf8', start, end)}`),
      binaryReceived: nothing,
      pingReceived: nothing,
      pongReceived: nothing,
      closing: () => told.push(`${name} closing`),
      failed: nothing,
      drained: nothing,
      closed: nothing,
    };
    return new Endpoint(terms, new PassThrough(), handler);
  });
}

test('connections whose messages come in turns, cut anywhere, do not get into each other', () => {
  const told: string[] = [];
  const endpoints = endpointsThatTell(told);
  for (const part of PARTS) {
    for (const endpoint of endpoints) endpoint.receivedShared(Buffer.from(part), part.length);
  }
  assert.deepEqual(told, ['first hello', 'second hello', 'third hello']);
  assert.deepEqual(
    endpoints.map(({ receivedCount, isInsideMessage }) => [receivedCount, isInsideMessage]),
    [
      [1, false],
      [1, false],
      [1, false],
    ],
  );
});

test('a connection that is paused, or dropped, does not stop the others', () => {
  const told: string[] = [];
  const [first, second, third] = endpointsThatTell(told);
  const whole = [0x81, 1, 0x61];
  first?.pause();
  for (const endpoint of [first, second, third])
    endpoint?.receivedShared(Buffer.from(whole), whole.length);
  second?.destroy();
  for (const endpoint of [second, third])
    endpoint?.receivedShared(Buffer.from(whole), whole.length);
  first?.resume();
  assert.deepEqual(told, ['second a', 'third a', 'second closing', 'third a', 'first a']);
});

test('a socket without listeners names no events, and inherits none from objects', () => {
  const socket = new WebSocket(null);
  assert.deepEqual(socket.eventNames(), []);
  const names = ['toString', 'constructor', 'ping'];
  for (const name of names) assert.equal(socket.emit(name as 'open'), false);
  const listener = (): void => {};
  socket.on('message', listener).on('ping', listener).once('close', listener);
  assert.deepEqual(socket.eventNames(), ['message', 'close', 'ping']);
  socket.off('message', listener).off('ping', listener);
  assert.deepEqual(socket.eventNames(), ['close']);
  socket.removeAllListeners();
  assert.deepEqual(socket.eventNames(), []);
});
