import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ScriptedServer, VirtualTime } from '../testing/index.js';
import { Client } from './index.js';
import { readMessage } from './server-message.js';

const utf8 = (text: string): ArrayBuffer => new TextEncoder().encode(text).buffer;

test('text and binary messages are read with their bodies', () => {
  assert.deepEqual(readMessage('{"type":"reply","id":1,"body":[1]}'), {
    type: 'reply',
    id: 1,
    body: [1],
  });
  assert.deepEqual(readMessage(utf8('{"type":"reply","id":1}\n{"not":"json"')), {
    type: 'reply',
    id: 1,
    contentType: 'application/octet-stream',
    body: new Uint8Array(utf8('{"not":"json"')),
  });
});

test('what is no message is undefined, never an exception', () => {
  const wrong = [
    '',
    'null',
    '1',
    '[]',
    '{}',
    '{"type":1}',
    '{"type":"reply"',
    '{"type":"reply","id":"1"}',
    '{"type":"publication","destination":7}',
    '{"type":"publication","headers":{"a":"b"}}',
    '{"type":"publication","headers":[["a"]]}',
    '{"type":"publication","headers":[null]}',
    '{"type":"connected","heartbeatIntervalMs":"1"}',
    utf8(''),
    utf8('{"type":"reply"}'),
    utf8('\n'),
    utf8('null\nbody'),
    Uint8Array.of(0xff, 10).buffer,
    undefined,
    null,
    {},
  ];
  for (const data of wrong) assert.equal(readMessage(data), undefined, JSON.stringify(data));
});

test('[property] whatever a server sends, the client neither throws nor loses its connection', () => {
  const types = [
    'connected subscribed unsubscribed publication snapshot reset ended receipt reply end error',
    'cursor ack heartbeat disconnect request constructor __proto__',
  ].flatMap((line) => line.split(' '));
  const member = fc.oneof(fc.jsonValue(), fc.constantFrom('/topic/a', 1, 2, 3, true, null));
  const names = 'id destination subscription epoch offset cursor code number message headers body';
  const frame = fc
    .tuple(
      fc.constantFrom(...types),
      fc.dictionary(fc.constantFrom(...names.split(' ')), member, { noNullPrototype: true }),
    )
    .map(([type, members]) => ({ ...members, type }));
  const message = fc.oneof(frame, fc.jsonValue(), fc.string(), fc.uint8Array());
  fc.assert(
    fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
      const server = new ScriptedServer();
      const client = new Client({
        url: 'ws://localhost',
        WebSocket: server.WebSocket,
        time: new VirtualTime(),
        onError: () => {},
      });
      void client.connect();
      server.socket.opened();
      server.socket.received({ type: 'connected' });
      client.subscribe('/topic/a', () => {});
      void client.send('/topic/a', 1).catch(() => {});
      void client.request('/app/a', 1).catch(() => {});
      for (const one of messages) server.socket.received(one);
      assert.equal(client.state, 'connected');
      const seen: unknown[] = [];
      client.subscribe('/topic/after', ({ body }) => seen.push(body));
      const subscribe = server.socket.takeSent().at(-1) as { readonly id: number };
      const destination = '/topic/after';
      server.socket.received({ type: 'subscribed', id: subscribe.id, destination });
      server.socket.received({ type: 'publication', destination, body: 'fine' });
      assert.deepEqual(seen, ['fine']);
      client.close();
    }),
    { numRuns: 300 },
  );
});

test('a message that cannot be understood is reported with a stable code', () => {
  const errors: { readonly code?: string }[] = [];
  const server = new ScriptedServer();
  const client = new Client({
    url: 'ws://localhost',
    WebSocket: server.WebSocket,
    onError: (error) => errors.push(error as { readonly code?: string }),
  });
  void client.connect();
  server.socket.opened();
  server.socket.received('nonsense');
  server.socket.received({ type: 'connected' });
  server.socket.received({ type: 'error', code: 'frame/unknown-type', number: 120 });
  client.close();
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['client/invalid-message', 'client/invalid-message'],
  );
});
