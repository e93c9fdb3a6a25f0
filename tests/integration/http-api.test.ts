/** Proves the HTTP API: positions, bodies as they were written, base64, and errors that say what and where. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { createServer, RequestError } from 'tideway';
import { NativePeer } from './native-peer.js';

const KEY = 'a-key-for-these-tests';
const MAX_MESSAGE_BYTES = 20_000;

const server = createServer({
  log: false,
  apiKeys: ['another-key-of-16', KEY],
  topics: { '/topic/**': { historySize: 10 } },
  limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
});
server.app.map('/refuse', {}, () => {
  throw new RequestError('orders/sold-out', 'none left');
});
server.app.map('/fail', {}, () => {
  throw new Error('a secret');
});
await server.listen({ port: 0 });
const url = server.url ?? '';
after(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Readonly<Record<string, unknown>> & {
    readonly error?: { readonly code: string; readonly number: number; readonly message: string };
  };
}

async function publish(
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}/api/publish`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${KEY}`, ...headers },
    body,
  });
  return {
    status: response.status,
    headers: response.headers,
    json: (await response.json()) as Answer['json'],
  };
}

test('a publication is answered with its position, and reaches a subscriber', async () => {
  const peer = await NativePeer.open(url);
  peer.send({ type: 'subscribe', destination: '/topic/position' });
  await peer.frame('subscribed');
  const first = await publish(
    '{"destination":"/topic/position","body":{"n":1},"key":"k","headers":{"h":"v"}}',
  );
  const second = await publish('{"destination":"/topic/position","messageId":"m","body":2}');
  const again = await publish('{"destination":"/topic/position","messageId":"m","body":2}');
  assert.equal(first.status, 200);
  assert.deepEqual(Object.keys(first.json), ['destination', 'epoch', 'offset']);
  assert.deepEqual([first.json['offset'], second.json['offset'], again.json['offset']], [1, 2, 2]);
  const { epoch, key, headers, body } = await peer.frame('publication', { offset: 1 });
  assert.deepEqual(
    { epoch, key, headers, body },
    { epoch: first.json['epoch'], key: 'k', headers: [['h', 'v']], body: { n: 1 } },
  );
  await peer.frame('publication', { offset: 2 });
  await peer.close();
  assert.equal(peer.frames.filter(({ type }) => type === 'publication').length, 2, '[S8] once');
});

test('[M4] the octets of a JSON body reach a subscriber as they were written', async () => {
  const peer = await NativePeer.open(url);
  peer.send({ type: 'subscribe', destination: '/topic/octets' });
  await peer.frame('subscribed');
  const body =
    '{ "b" : 1.50,\n "a":1e400, "a": -0, "x":"\\u00e9é\\ud800", "big":12345678901234567890 }';
  await publish(`{"body":"not this","destination":"/topic/octets","bo\\u0064y": ${body} }`);
  await peer.frame('publication');
  assert.ok(peer.texts.at(-1)?.endsWith(`"body":${body}}`), peer.texts.at(-1));
  await peer.close();
});

test('base64 brings any octets, with their content type', async () => {
  const peer = await NativePeer.open(url);
  peer.send({ type: 'subscribe', destination: '/topic/base64' });
  await peer.frame('subscribed');
  const octets = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet));
  const body = octets.toString('base64');
  const request = {
    destination: '/topic/base64',
    contentType: 'image/x-raw',
    encoding: 'base64',
    body,
  };
  assert.equal((await publish(JSON.stringify(request))).status, 200);
  const { contentType } = await peer.frame('publication');
  assert.equal(contentType, 'image/x-raw');
  const text = peer.texts.at(-1) ?? '';
  assert.equal(text.slice(text.indexOf('\n') + 1), octets.toString('latin1'));
  await peer.close();
});

test('a text body is text, and no body is null', async () => {
  const peer = await NativePeer.open(url);
  peer.send({ type: 'subscribe', destination: '/topic/text' });
  await peer.frame('subscribed');
  await publish('{"destination":"/topic/text","contentType":"text/plain","body":"é\\n"}');
  await publish('{"destination":"/topic/text"}');
  const { body } = await peer.frame('publication', { offset: 2 });
  assert.equal(body, null);
  const text = peer.texts.at(-2) ?? '';
  assert.equal(Buffer.from(text.slice(text.indexOf('\n') + 1), 'latin1').toString(), 'é\n');
  await peer.close();
});

test('a body of exactly the limit passes, as JSON and as base64; one octet more does not', async () => {
  const request = (size: number): string =>
    JSON.stringify({ destination: '/topic/size', body: 'x'.repeat(size - 2) });
  const base64 = (size: number): string =>
    JSON.stringify({
      destination: '/topic/size',
      contentType: 'x/y',
      encoding: 'base64',
      body: Buffer.alloc(size).toString('base64'),
    });
  for (const make of [request, base64]) {
    assert.equal((await publish(make(MAX_MESSAGE_BYTES))).status, 200);
    const refused = await publish(make(MAX_MESSAGE_BYTES + 1));
    assert.deepEqual([refused.status, refused.json.error?.code], [413, 'message/too-large']);
  }
});

interface Refusal {
  readonly why: string;
  readonly body: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code: string;
  /** What the words must name. */
  readonly says: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    why: 'an unknown key',
    body: '{}',
    headers: { Authorization: 'Bearer wrong' },
    status: 401,
    code: 'http/unauthorized',
    says: /not known/,
  },
  {
    why: 'a key of another scheme',
    body: '{}',
    headers: { Authorization: `Basic ${KEY}` },
    status: 401,
    code: 'http/unauthorized',
    says: /Authorization: Bearer/,
  },
  {
    why: 'a form',
    body: 'a=b',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    status: 415,
    code: 'http/unsupported-media-type',
    says: /application\/json/,
  },
  {
    why: 'plain text, which needs no preflight',
    body: '{}',
    headers: { 'Content-Type': 'text/plain' },
    status: 415,
    code: 'http/unsupported-media-type',
    says: /application\/json/,
  },
  { why: 'no JSON', body: '{"destination":', status: 400, code: 'json/invalid', says: /parse/ },
  { why: 'an empty request', body: '', status: 400, code: 'json/invalid', says: /parse/ },
  {
    why: 'a content type without end',
    body: JSON.stringify({ destination: '/topic/a', body: 'a', contentType: 'a'.repeat(256) }),
    status: 400,
    code: 'message/invalid',
    says: /content type .* 255 characters at most/,
  },
  { why: 'deep JSON', body: '['.repeat(10_000), status: 400, code: 'json/too-deep', says: /128/ },
  {
    why: 'octets that are not UTF-8',
    body: Buffer.from('{"destination":"/topic/a","body":"\xff"}', 'latin1'),
    status: 400,
    code: 'message/invalid',
    says: /UTF-8/,
  },
  { why: 'a list', body: '[]', status: 400, code: 'message/invalid', says: /object/ },
  {
    why: 'no destination',
    body: '{"body":1}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"destination"/,
  },
  {
    why: 'a destination that is no text',
    body: '{"destination":["/topic/a"]}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"destination"/,
  },
  {
    why: 'an unknown member',
    body: '{"destination":"/topic/a","data":1}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"data"/,
  },
  {
    why: 'a member called __proto__',
    body: '{"destination":"/topic/a","__proto__":{"x":1}}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"__proto__"/,
  },
  {
    why: 'headers that are no strings',
    body: '{"destination":"/topic/a","headers":{"a":1}}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"headers"/,
  },
  {
    why: 'headers that are a list',
    body: '{"destination":"/topic/a","headers":[["a","b"]]}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"headers"/,
  },
  {
    why: 'an unknown encoding',
    body: '{"destination":"/topic/a","encoding":"hex","body":"00"}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"encoding"/,
  },
  {
    why: 'bad base64',
    body: '{"destination":"/topic/a","encoding":"base64","body":"A"}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"body"/,
  },
  {
    why: 'a text body that is no string',
    body: '{"destination":"/topic/a","contentType":"text/plain","body":1}',
    status: 400,
    code: 'frame/invalid-field',
    says: /"body"/,
  },
  {
    why: 'a long key',
    body: `{"destination":"/topic/a","key":"${'k'.repeat(256)}"}`,
    status: 400,
    code: 'frame/invalid-field',
    says: /"key"/,
  },
  {
    why: 'a bad destination',
    body: '{"destination":"/topic/../ops"}',
    status: 400,
    code: 'destination/invalid',
    says: /"\.\."/,
  },
  {
    why: 'a pattern',
    body: '{"destination":"/topic/*"}',
    status: 400,
    code: 'destination/invalid',
    says: /\*/,
  },
  {
    why: 'a prefix',
    body: '{"destination":"/topic"}',
    status: 400,
    code: 'destination/invalid',
    says: /\/topic/,
  },
  {
    why: 'an unknown destination',
    body: '{"destination":"/nowhere/a"}',
    status: 404,
    code: 'destination/unknown',
    says: /nowhere/,
  },
  {
    why: 'what a handler refuses',
    body: '{"destination":"/app/refuse"}',
    status: 400,
    code: 'orders/sold-out',
    says: /none left/,
  },
  {
    why: 'what a handler fails at, without its words',
    body: '{"destination":"/app/fail"}',
    status: 503,
    code: 'app/failed',
    says: /^(?!.*secret)/,
  },
  {
    why: 'more than can be a request',
    body: `{"destination":"/topic/a","body":"${'x'.repeat(200_000)}"}`,
    status: 413,
    code: 'message/too-large',
    says: /octets/,
  },
];

for (const { why, body, headers, status, code, says } of REFUSALS) {
  test(`publishing is refused with ${status} ${code}: ${why}`, async () => {
    const answer = await publish(body, headers);
    assert.deepEqual([answer.status, answer.json.error?.code], [status, code]);
    assert.match(answer.json.error?.message ?? '', says);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(answer.headers.has('www-authenticate'), status === 401);
    assert.equal((await publish('{"destination":"/topic/after"}')).status, 200, 'the server lives');
  });
}

test('without a key nothing is published, and a body without one is not waited for', async () => {
  const response = await fetch(`${url}/api/publish`, {
    method: 'POST',
    body: '{}',
    headers: { 'Content-Type': 'application/json' },
  });
  assert.equal(response.status, 401);
  const { port } = server.address ?? { port: 0 };
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'POST /api/publish HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
  );
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  assert.match(String(chunk), /^HTTP\/1\.1 401 /);
  socket.destroy();
});

test('no answer is to be taken for a page', async () => {
  const answers = [await publish('{}'), await fetch(`${url}/health`), await fetch(`${url}/none`)];
  for (const { headers } of answers) assert.equal(headers.get('x-content-type-options'), 'nosniff');
});

test('other methods and paths say so', async () => {
  const wrongMethod = await fetch(`${url}/api/publish`);
  assert.deepEqual([wrongMethod.status, wrongMethod.headers.get('allow')], [405, 'POST']);
  for (const path of ['/api/other', '/', '/api/%', '//', '/..%2f..%2fetc/passwd']) {
    const response = await fetch(`${url}${path}`);
    assert.equal(response.status, 404, path);
    assert.equal(((await response.json()) as Answer['json']).error?.code, 'http/not-found');
  }
  const endpoint = (await (await fetch(`${url}/ws?a=1`)).json()) as Answer['json'];
  assert.match(endpoint.error?.message ?? '', /^this is a WebSocket endpoint; connect .* ws:/);
  const health = await fetch(`${url}/health`);
  assert.deepEqual([health.status, await health.json()], [200, { status: 'ok' }]);
});

test('a request that is no HTTP, or names no host, harms nobody', async () => {
  const { port } = server.address ?? { port: 0 };
  const requests = [
    'nonsense\r\n\r\n',
    'GET /health HTTP/1.1\r\nHost: a b\r\n\r\n',
    'GET /health HTTP/1.1\r\nHost: [\r\n\r\n',
    'GET http://[/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET * HTTP/1.1\r\nHost: a\r\n\r\n',
  ];
  for (const request of requests) {
    const socket = connect(port, '127.0.0.1');
    socket.write(request);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.match(String(chunk), /^HTTP\/1\.1 [2-4]\d\d /, request);
    socket.destroy();
  }
  assert.equal((await fetch(`${url}/health`)).status, 200);
});
