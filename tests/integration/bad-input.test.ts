/** Bad input at every door that a socket reaches: the error says what and where with a stable code, and the process stays up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { createServer } from 'tideway';
import WebSocket from 'ws';
import { NativePeer } from './native-peer.js';

const server = createServer({
  log: false,
  limits: { maxMessageBytes: 100_000, maxSubscriptionCount: 2 },
});
server.app.map('/object/{id}', {}, ({ body }) => (body as { name: string }).name.length);
await server.listen({ port: 0 });
const port = server.address?.port ?? 0;
after(() => server.close());

async function isUp(): Promise<void> {
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'send', id: 1, destination: '/topic/up', body: 1 });
  await peer.frame('receipt', { id: 1 });
  await peer.close();
}

const FRAMES: readonly (readonly [
  why: string,
  message: string | Buffer,
  code: string,
  says: RegExp,
])[] = [
  ['no JSON', '{', 'json/invalid', /parse/],
  ['an empty text', '', 'json/invalid', /parse/],
  ['a list', '[1]', 'message/invalid', /object/],
  ['null', 'null', 'message/invalid', /object/],
  ['no type', '{}', 'frame/unknown-type', /missing/],
  ['an unknown type', '{"type":"publish"}', 'frame/unknown-type', /"publish".*subscribe/],
  [
    'a type that is a megabyte',
    `{"type":"${'x'.repeat(90_000)}"}`,
    'frame/unknown-type',
    /^.{0,300}$/,
  ],
  ['a second connect', '{"type":"connect"}', 'frame/invalid-field', /first/],
  [
    'an id that is no number',
    '{"type":"send","id":"1","destination":"/topic/a"}',
    'frame/invalid-field',
    /"id"/,
  ],
  [
    'an id with a fraction',
    '{"type":"send","id":1.5,"destination":"/topic/a"}',
    'frame/invalid-field',
    /"id"/,
  ],
  [
    'a negative id',
    '{"type":"send","id":-1,"destination":"/topic/a"}',
    'frame/invalid-field',
    /"id"/,
  ],
  [
    'a request without id',
    '{"type":"request","destination":"/app/a"}',
    'frame/invalid-field',
    /"id"/,
  ],
  ['no destination', '{"type":"subscribe"}', 'frame/invalid-field', /"destination"/],
  [
    'a destination that is a number',
    '{"type":"send","destination":1}',
    'frame/invalid-field',
    /"destination"/,
  ],
  [
    'headers that are text',
    '{"type":"send","destination":"/topic/a","headers":"a"}',
    'frame/invalid-field',
    /"headers"/,
  ],
  [
    '65 headers',
    JSON.stringify({
      type: 'send',
      destination: '/topic/a',
      headers: Array.from({ length: 65 }, () => ['a', 'b']),
    }),
    'frame/invalid-field',
    /64/,
  ],
  [
    'a long key',
    `{"type":"send","destination":"/topic/a","key":"${'k'.repeat(256)}"}`,
    'frame/invalid-field',
    /"key"/,
  ],
  [
    'a text body inline',
    '{"type":"send","destination":"/topic/a","contentType":"text/plain","body":"x"}',
    'frame/invalid-field',
    /binary/,
  ],
  [
    'binary without a line feed',
    Buffer.from('{"type":"heartbeat"}'),
    'message/invalid',
    /line feed/,
  ],
  ['binary with a header that is not UTF-8', Buffer.from([0xff, 0x0a]), 'message/invalid', /UTF-8/],
  ['binary with a header that is no JSON', Buffer.from('x\nbody'), 'json/invalid', /parse/],
  [
    'a dot segment',
    '{"type":"send","destination":"/topic/../ops/x"}',
    'destination/invalid',
    /"\.\."/,
  ],
  [
    'a pattern to send to',
    '{"type":"send","destination":"/topic/**"}',
    'destination/invalid',
    /\*/,
  ],
  [
    'an Ant pattern',
    '{"type":"subscribe","destination":"/topic/a*"}',
    'destination/invalid',
    /whole segments/,
  ],
  [
    'a capture',
    '{"type":"subscribe","destination":"/topic/{a}"}',
    'destination/invalid',
    /mappings/,
  ],
  [
    'an unknown destination',
    '{"type":"send","destination":"/nowhere/a"}',
    'destination/unknown',
    /nowhere/,
  ],
  ['another case', '{"type":"send","destination":"/Topic/a"}', 'destination/unknown', /Topic/],
  [
    'a wildcard over mounts',
    '{"type":"subscribe","destination":"/**"}',
    'destination/unknown',
    /\*\*/,
  ],
  [
    'asking in the name of somebody',
    '{"type":"request","id":1,"destination":"/user/ada/x"}',
    'access/denied',
    /request/,
  ],
  [
    'an unknown policy',
    '{"type":"subscribe","destination":"/topic/a","policy":"fast"}',
    'subscription/policy-refused',
    /"fast"/,
  ],
  [
    'an unknown subscription',
    '{"type":"unsubscribe","destination":"/topic/never"}',
    'subscription/unknown',
    /./,
  ],
  ['no handler', '{"type":"request","id":1,"destination":"/app/none"}', 'app/no-handler', /none/],
  [
    'a pattern of answers',
    '{"type":"subscribe","destination":"/app/*"}',
    'destination/pattern-not-allowed',
    /pattern/,
  ],
  [
    'a handler that throws',
    '{"type":"request","id":1,"destination":"/app/object/1","body":null}',
    'app/failed',
    /^(?!.*name)/,
  ],
  [
    'a handler given no JSON',
    Buffer.from('{"type":"request","id":1,"destination":"/app/object/1"}\n\x00'),
    'message/invalid',
    /octet-stream/,
  ],
  [
    'sending in the name of the server',
    '{"type":"send","destination":"/user/ada/queue/x"}',
    'access/denied',
    /send/,
  ],
  [
    'a stranger in operations',
    '{"type":"subscribe","destination":"/ops/metrics"}',
    'destination/unknown',
    /ops/,
  ],
];

for (const [why, message, code, says] of FRAMES) {
  test(`a frame is answered with ${code}, and the connection lives: ${why}`, async () => {
    const peer = await NativePeer.open(server.url);
    await peer.frame('connected');
    peer.socket.send(message);
    const { code: got, message: words, number } = await peer.frame('error');
    assert.equal(got, code);
    assert.match(String(words), says);
    assert.equal(typeof number, 'number');
    peer.send({ type: 'send', id: 99, destination: '/topic/a', body: 1 });
    await peer.frame('receipt', { id: 99 });
    await peer.close();
  });
}

test('the same subscription twice, and one too many', async () => {
  const peer = await NativePeer.open(server.url);
  for (const [id, name] of ['a', 'a', 'b', 'c'].entries()) {
    peer.send({ type: 'subscribe', id, destination: `/topic/${name}` });
  }
  assert.equal((await peer.frame('error', { id: 1 }))['code'], 'subscription/exists');
  assert.equal((await peer.frame('error', { id: 3 }))['code'], 'subscription/too-many');
  assert.ok(await peer.frame('subscribed', { id: 2 }));
  await peer.close();
});

test('a subscription that is ended before it is open is answered, once each', async () => {
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  peer.send({ type: 'unsubscribe', id: 2, destination: '/topic/a' });
  await peer.frame('unsubscribed', { id: 2 });
  peer.send({ type: 'send', id: 3, destination: '/topic/a', body: 1 });
  await peer.frame('receipt', { id: 3 });
  await peer.close();
  const answers = peer.frames.filter(({ id }) => id === 1);
  assert.equal(answers.length, 1, JSON.stringify(answers));
});

test('a first message of no dialect ends with 4503, one too large with 1009', async () => {
  const url = `ws://127.0.0.1:${port}/ws`;
  const closeCodeAfter = async (message: string): Promise<number> => {
    const socket = new WebSocket(url);
    await once(socket, 'open');
    socket.send(message);
    const [closeCode] = (await once(socket, 'close')) as [number];
    return closeCode;
  };
  assert.equal(await closeCodeAfter('HELLO\n'), 4503);
  assert.equal(await closeCodeAfter(`{"type":"send","body":"${'x'.repeat(100_000)}"}`), 1009);
  await isUp();
});

const HANDSHAKES: readonly (readonly [why: string, lines: readonly string[], answer: RegExp])[] = [
  [
    'another path',
    [
      'GET /other HTTP/1.1',
      'Host: a',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ],
    /^HTTP\/1\.1 404 /,
  ],
  [
    'an old version',
    [
      'GET /ws HTTP/1.1',
      'Host: a',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 8',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ],
    /^HTTP\/1\.1 426 [^]*Sec-WebSocket-Version: 13/i,
  ],
  [
    'no key',
    [
      'GET /ws HTTP/1.1',
      'Host: a',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
    ],
    /^HTTP\/1\.1 400 [^]*Sec-WebSocket-Key/,
  ],
  [
    'a short key',
    [
      'GET /ws HTTP/1.1',
      'Host: a',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAA',
    ],
    /^HTTP\/1\.1 400 [^]*Sec-WebSocket-Key/,
  ],
  [
    'another protocol',
    ['GET /ws HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: h2c'],
    /^HTTP\/1\.1 4\d\d /,
  ],
  [
    'POST',
    [
      'POST /ws HTTP/1.1',
      'Host: a',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ],
    /^HTTP\/1\.1 4\d\d /,
  ],
];

for (const [why, lines, answer] of HANDSHAKES) {
  test(`a handshake is refused with an HTTP error that says why: ${why}`, async () => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += String(chunk)));
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await once(socket, 'end');
    assert.match(text, answer);
    assert.ok((text.split('\r\n\r\n')[1] ?? '').length > 5, 'the body says why');
    socket.destroy();
    await isUp();
  });
}
