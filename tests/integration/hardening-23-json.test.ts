/** Hardening test 23: JSON made to hurt, through a real socket and over HTTP, is refused or stored safely. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createServer } from 'tideway';
import { checkBound } from '../acceptance-bound.js';
import { NativePeer } from './native-peer.js';

/** `npm run acceptance -- 23` runs it at full size. */
const SCALE = process.env['TIDEWAY_ACCEPTANCE'] === '23' ? 1 : 0.1;
const DEPTH = 100_000 * SCALE;
const KEY_COUNT = 1_000_000 * SCALE;
const MAX_ANSWER_MS = 5_000;

const server = createServer({
  apiKeys: ['a-key-for-these-tests'],
  limits: { maxMessageBytes: 32 * 1_048_576, maxJsonValueCount: 5 * KEY_COUNT + 100 },
});
server.app.map('/echo', {}, ({ body }) => body);
server.app.map('/merge', {}, ({ body }) => Object.keys(Object.assign({}, body)).length);
await server.listen({ port: 0 });
const prototypeBefore = Object.getOwnPropertyNames(Object.prototype).join();
after(() => server.close());

const isClean = (): void => {
  assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), prototypeBefore);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
};

/** Publishes a body as text and answers what a subscriber got, or the error's code. */
async function throughSocket(body: string): Promise<string> {
  const peer = await NativePeer.open(server.url);
  try {
    peer.send({ type: 'subscribe', destination: '/topic/a' });
    await peer.frame('subscribed');
    peer.socket.send(`{"type":"send","id":7,"destination":"/topic/a","body":${body}}`);
    const answer = await Promise.race([peer.frame('publication'), peer.frame('error')]);
    if (answer.type === 'error') return String(answer['code']);
    const text = peer.texts.find((one) => one.includes('"publication"')) ?? '';
    return text.slice(text.indexOf('"body":') + 7, -1);
  } finally {
    await peer.close();
  }
}

async function overHttp(request: string): Promise<{ status: number; code: string | undefined }> {
  const response = await fetch(`${server.url}/api/publish`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer a-key-for-these-tests' },
    body: request,
  });
  const { error } = (await response.json()) as { error?: { code: string } };
  return { status: response.status, code: error?.code };
}

test(`[hardening 23] ${DEPTH} levels are refused at every door, at once`, async () => {
  const startedAt = performance.now();
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const deep = `${open.repeat(DEPTH)}1${close.repeat(DEPTH)}`;
    assert.equal(await throughSocket(deep), 'json/too-deep');
    const answer = await overHttp(`{"destination":"/topic/a","body":${deep}}`);
    assert.deepEqual(answer, { status: 400, code: 'json/too-deep' });
    assert.equal(await throughSocket(open.repeat(DEPTH)), 'json/too-deep');
  }
  const tookMs = performance.now() - startedAt;
  checkBound(tookMs < MAX_ANSWER_MS, `${tookMs} ms`);
  isClean();
});

const keys = `{${Array.from({ length: KEY_COUNT }, (_, index) => `"k${index}":0`).join(',')}}`;

// How long it takes is JSON.parse's affair, about 1.5 s for each time that a million keys are parsed, so it is told, not
// judged: what bounds it is maxMessageBytes, and the default refuses such a message unparsed.
test(`[hardening 23] ${KEY_COUNT} keys are stored safely where the limits let them in`, async (context) => {
  const startedAt = performance.now();
  assert.equal(await throughSocket(keys), keys);
  const answer = await overHttp(`{"destination":"/topic/a","body":${keys}}`);
  assert.equal(answer.status, 200);
  assert.deepEqual(await overHttp(keys), { status: 400, code: 'frame/invalid-field' });
  context.diagnostic(
    `${keys.length} octets, four times parsed, ${Math.round(performance.now() - startedAt)} ms`,
  );
  isClean();
});

test(`[hardening 23] ${KEY_COUNT} keys are refused by their number, unparsed, with the default limit`, async (context) => {
  const strict = createServer({
    apiKeys: ['a-key-for-these-tests'],
    limits: { maxMessageBytes: 32 * 1_048_576 },
  });
  await strict.listen({ port: 0 });
  const peer = await NativePeer.open(strict.url);
  const startedAt = performance.now();
  peer.socket.send(`{"type":"send","destination":"/topic/a","body":${keys}}`);
  assert.equal((await peer.frame('error'))['code'], 'json/too-many-values');
  context.diagnostic(`${Math.round(performance.now() - startedAt)} ms`);
  await strict.close();
});

test(`[hardening 23] ${KEY_COUNT} keys are refused by size, unparsed, where they do not fit`, async () => {
  const strict = createServer({
    apiKeys: ['a-key-for-these-tests'],
    limits: { maxMessageBytes: 65_536 },
  });
  await strict.listen({ port: 0 });
  const peer = await NativePeer.open(strict.url);
  peer.socket.send(`{"type":"send","destination":"/topic/a","body":${keys}}`);
  assert.equal((await peer.closed).closeCode, 1009);
  const response = await fetch(`${strict.url}/api/publish`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer a-key-for-these-tests' },
    body: `{"destination":"/topic/a","body":${keys}}`,
  });
  assert.equal(response.status, 413);
  await strict.close();
});

const SURVIVORS: readonly (readonly [why: string, body: string])[] = [
  ['__proto__ as a name', '{"__proto__":{"polluted":true}}'],
  ['constructor.prototype as a path', '{"constructor":{"prototype":{"polluted":true}}}'],
  ['__proto__ inside', '{"a":{"__proto__":{"polluted":true}},"b":[{"__proto__":null}]}'],
  ['an escaped __proto__', '{"\\u005f_proto__":{"polluted":true}}'],
  ['minus zero', '[-0,-0.0,0]'],
  ['a number beyond all bounds', '[1e400,-1e400,1e-400]'],
  ['more digits than a number has', '[12345678901234567890.123456789012345678901234567890]'],
  ['lone surrogates, escaped', '["\\ud800","\\udc00","\\udc00\\ud800"]'],
  ['NUL and controls, escaped', '["\\u0000\\u001f\\u007f"]'],
  ['line separators', '["\u2028\u2029"]'],
  [
    'names that are methods',
    '{"toString":1,"hasOwnProperty":1,"valueOf":null,"then":1,"toJSON":1}',
  ],
  ['duplicate names', '{"a":1,"a":2,"a":{"b":1,"b":2}}'],
  ['an empty name', '{"":{"":[]}}'],
];

for (const [why, body] of SURVIVORS) {
  test(`[hardening 23] the octets survive and harm nothing: ${why}`, async () => {
    assert.equal(await throughSocket(body), body);
    assert.equal((await overHttp(`{"destination":"/topic/a","body":${body}}`)).status, 200);
    const peer = await NativePeer.open(server.url);
    for (const [id, destination] of [
      [1, '/app/echo'],
      [2, '/app/merge'],
    ] as const) {
      peer.socket.send(
        `{"type":"request","id":${id},"destination":"${destination}","body":${body}}`,
      );
      await peer.frame('reply', { id });
    }
    await peer.close();
    isClean();
  });
}

test('[hardening 23] of duplicate members of a frame the last counts, for its octets and its meaning', async () => {
  const peer = await NativePeer.open(server.url);
  peer.socket.send(
    '{"type":"request","id":1,"id":2,"destination":"/nowhere","destination":"/app/echo","body":1,"b\\u006fdy":{"x":[2]}}',
  );
  assert.deepEqual((await peer.frame('reply', { id: 2 }))['body'], { x: [2] });
  await peer.close();
});

test('[hardening 23] members of a frame that touch prototypes are ignored', async () => {
  const peer = await NativePeer.open(server.url);
  peer.socket.send(
    '{"__proto__":{"polluted":true,"type":"disconnect"},"constructor":1,"type":"request","id":3,' +
      '"destination":"/app/echo","body":"ok","headers":{"__proto__":"x"}}',
  );
  assert.equal((await peer.frame('reply', { id: 3 }))['body'], 'ok');
  await peer.close();
  isClean();
});
