/** Proves tokens: bad ones are refused by name, an ending one ends deliveries with it, a renewed one goes on (semantics A3). */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { createServer, type TidewayServer } from 'tideway';
import { ConnectionPair, VirtualTime } from 'tideway/testing';
import { NativePeer, type Frame } from './native-peer.js';

const SECRET = 'a secret of at least thirty-two octets';
const START_MS = 1_800_000_000_000;
const START = START_MS / 1000;

const encoded = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token made by hand, so that bad ones can be made too. */
function sign(
  claims: object,
  given: { secret?: string; header?: object; hash?: string } = {},
): string {
  const text = `${encoded(given.header ?? { alg: 'HS256' })}.${encoded(claims)}`;
  const hmac = createHmac(given.hash ?? 'sha256', given.secret ?? SECRET);
  return `${text}.${hmac.update(text).digest('base64url')}`;
}

const good = { sub: 'ada', aud: 'tideway', iss: 'https://issuer.example', exp: START + 60 };

function start(): { server: TidewayServer; time: VirtualTime } {
  const time = new VirtualTime(START_MS);
  const tokens = { hmacSecret: SECRET, audience: 'tideway', issuer: 'https://issuer.example' };
  const server = createServer({ time, tokens });
  server.access.allow('any', '/topic/**');
  return { server, time };
}

/** A client in memory, on virtual time. */
class Peer {
  readonly frames: Frame[] = [];
  readonly pair: ConnectionPair;

  constructor({ server, time }: { server: TidewayServer; time: VirtualTime }) {
    this.pair = new ConnectionPair(time, server.accept);
    const decoder = new TextDecoder();
    this.pair.onMessage(({ octets }) =>
      this.frames.push(JSON.parse(decoder.decode(octets)) as Frame),
    );
  }

  /** Sends, and lets the host's cryptography and promises answer. */
  async say(frame: object): Promise<void> {
    const { length } = this.frames;
    this.pair.sendText(JSON.stringify(frame));
    while (this.frames.length === length) await new Promise((resolve) => setImmediate(resolve));
  }

  get closeCode(): number | undefined {
    return this.pair.ended?.closeCode;
  }

  types(): readonly string[] {
    return this.frames.map(({ type }) => type);
  }
}

test('[A1] a token that ended within this second is refused, whatever the second is made of', async () => {
  const ended: readonly (readonly [exp: number, clockToleranceMs: number])[] = [
    [START + 0.25, 0],
    [START, 250],
  ];
  for (const [exp, clockToleranceMs] of ended) {
    const time = new VirtualTime(START_MS + 500);
    const server = createServer({ time, tokens: { hmacSecret: SECRET, clockToleranceMs } });
    const peer = new Peer({ server, time });
    await peer.say({ type: 'connect', token: sign({ sub: 'ada', exp }) });
    assert.match(String(peer.frames[0]?.['message']), /expired/);
    assert.equal(peer.closeCode, 4501);
    await server.close();
  }
});

const BAD: readonly (readonly [why: string, token: string, says: RegExp])[] = [
  ['expired', sign({ ...good, exp: START - 1 }), /expired/],
  ['expired at this very second', sign({ ...good, exp: START }), /expired/],
  ['not valid yet', sign({ ...good, nbf: START + 10 }), /"nbf"/],
  ['another audience', sign({ ...good, aud: 'other' }), /"aud"/],
  ['no audience', sign({ ...good, aud: undefined }), /"aud"/],
  ['another issuer', sign({ ...good, iss: 'https://evil.example' }), /"iss"/],
  ['another secret', sign(good, { secret: 'another secret of thirty-two octets...' }), /not valid/],
  ['alg none', `${encoded({ alg: 'none' })}.${encoded(good)}.`, /not valid/],
  ['alg none in capitals, signed', sign(good, { header: { alg: 'NONE' } }), /not valid/],
  ['a public-key algorithm', sign(good, { header: { alg: 'RS256' } }), /not valid/],
  [
    "an algorithm that is not the signature's",
    sign(good, { header: { alg: 'HS512' } }),
    /not valid/,
  ],
  [
    'an unknown critical header',
    sign(good, { header: { alg: 'HS256', crit: ['x'], x: 1 } }),
    /not valid/,
  ],
  [
    'a key of its own',
    sign(good, {
      secret: 'mine',
      header: { alg: 'HS256', jku: 'http://127.0.0.1:9/', kid: '../../dev/null' },
    }),
    /not valid/,
  ],
  ['no name', sign({ ...good, sub: undefined }), /"sub"/],
  ['an empty name', sign({ ...good, sub: '' }), /"sub"/],
  ['a name that is a number', sign({ ...good, sub: 7 }), /"sub"/],
  ['an end that is text', sign({ ...good, exp: 'never' }), /"exp"/],
  [
    'a changed claim',
    sign(good).replace(/\.[^.]+\./, `.${encoded({ ...good, sub: 'eve' })}.`),
    /not valid/,
  ],
  ['no token at all', 'nonsense', /not valid/],
  ['an empty text', '', /there is no token where one was announced/],
  ['too long', sign({ ...good, padding: 'x'.repeat(20_000) }), /too long/],
];

for (const [why, token, says] of BAD) {
  test(`[A1] a token is refused with 4501, in connect and in authenticate: ${why}`, async () => {
    const around = start();
    const peer = new Peer(around);
    await peer.say({ type: 'connect', token });
    const [disconnect] = peer.frames;
    assert.deepEqual(
      [disconnect?.['code'], disconnect?.['closeCode']],
      ['session/invalid-token', 4501],
    );
    assert.match(String(disconnect?.['message']), says);
    assert.equal(peer.pair.ended?.closeCode, 4501);
    const other = new Peer(around);
    await other.say({ type: 'connect', token: sign(good) });
    await other.say({ type: 'authenticate', id: 1, token });
    assert.deepEqual(
      [other.frames[1]?.type, other.frames[1]?.['code']],
      ['error', 'access/invalid-token'],
    );
    assert.equal(other.pair.ended, undefined, 'the old token still holds');
    await around.server.close();
  });
}

test('[A3] a token that ends during the session: nothing is delivered after it, then 4002', async () => {
  const around = start();
  const { server, time } = around;
  const peer = new Peer(around);
  await peer.say({ type: 'connect', token: sign(good) });
  await peer.say({ type: 'subscribe', destination: '/topic/a' });
  time.advance(59_999);
  await server.publish('/topic/a', 'before');
  time.advance(0);
  assert.equal(peer.frames.at(-1)?.['body'], 'before');
  time.setNowMs(START_MS + 60_000);
  await server.publish('/topic/a', 'after');
  time.advance(0);
  assert.deepEqual(peer.types(), ['connected', 'subscribed', 'publication', 'disconnect']);
  assert.equal(peer.frames.at(-1)?.['code'], 'session/token-expired');
  assert.deepEqual(peer.pair.ended, { closeCode: 4002, reason: 'session/token-expired' });
  await server.close();
});

test('[A3] a token that ends in silence ends the session within a second', async () => {
  const around = start();
  const peer = new Peer(around);
  await peer.say({ type: 'connect', token: sign(good) });
  around.time.advance(59_999);
  assert.equal(peer.closeCode, undefined);
  around.time.advance(1_000);
  assert.equal(peer.closeCode, 4002);
  await around.server.close();
});

test('[A3] authenticate renews the token of the same principal, and of no other', async () => {
  const around = start();
  const { server, time } = around;
  const peer = new Peer(around);
  await peer.say({ type: 'connect', token: sign(good) });
  await peer.say({ type: 'subscribe', destination: '/topic/a' });
  await peer.say({ type: 'authenticate', id: 1, token: sign({ ...good, sub: 'eve' }) });
  assert.equal(peer.frames.at(-1)?.['code'], 'access/other-principal');
  await peer.say({ type: 'authenticate', id: 2, token: sign({ ...good, exp: START + 600 }) });
  assert.deepEqual(peer.frames.at(-1), { type: 'receipt', id: 2 });
  time.advance(500_000);
  await server.publish('/topic/a', 'later');
  time.advance(0);
  assert.equal(peer.frames.at(-1)?.['body'], 'later');
  time.advance(101_000);
  assert.equal(peer.closeCode, 4002);
  await server.close();
});

test('[A1] a token in the Authorization header is as good as one in connect, one in the URL is none', async () => {
  const server = createServer({ tokens: { hmacSecret: SECRET } });
  await server.listen({ port: 0 });
  const exp = Math.floor(Date.now() / 1000) + 60;
  const headers = { Authorization: `Bearer ${sign({ sub: 'ada', exp })}` };
  const peer = await NativePeer.open(server.url, { headers });
  assert.equal((await peer.frame('connected'))['principal'], 'ada');
  await peer.close();
  const anonymous = await NativePeer.open(server.url);
  assert.equal((await anonymous.frame('connected'))['principal'], null);
  await anonymous.close();
  await server.close();
});

test('[A1] where anonymous clients are refused, no token is a bad token; a short secret is a wrong use', async () => {
  const server = createServer({ tokens: { hmacSecret: SECRET, allowAnonymous: false } });
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  assert.equal((await peer.closed).closeCode, 4501);
  assert.match(String(peer.frames[0]?.['message']), /required/);
  await server.close();
  assert.throws(() => createServer({ tokens: { hmacSecret: 'short' } }), RangeError);
});
