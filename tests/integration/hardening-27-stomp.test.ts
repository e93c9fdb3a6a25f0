/** Hardening test 27: hostile STOMP ends in ERROR and a close, an injected header reaches nobody, and every limit holds and gives back. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import {
  createServer,
  MemoryMetrics,
  type Interceptor,
  type ServerOptions,
  type TidewayServer,
} from 'tideway';
import { checkBound } from '../acceptance-bound.js';
import { NativePeer } from './native-peer.js';
import { grouped, isFullSize, tellFigure, usedBytes } from './hardening-rig.js';
import { StompPeer } from './stomp-peer.js';

const IS_FULL = isFullSize(27);

async function listening(context: TestContext, options?: ServerOptions): Promise<TidewayServer> {
  const server = createServer(options);
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

const CONNECT = 'CONNECT\naccept-version:1.2\nhost:a\n\n\0';
const SEND = 'SEND\ndestination:/topic/a\n';

/** What is said on a new connection, and the close code that follows the ERROR. */
const ATTACKS: readonly [words: string, octets: string | Buffer][] = [
  ['SEND before CONNECT', `${SEND}\nx\0`],
  ['SUBSCRIBE before CONNECT', 'SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\0'],
  ['BEGIN before CONNECT', 'BEGIN\ntransaction:1\n\n\0'],
  ['DISCONNECT before CONNECT', 'DISCONNECT\n\n\0'],
  ['a second CONNECT', CONNECT + CONNECT],
  ['STOMP after CONNECT', CONNECT + CONNECT.replace('CONNECT', 'STOMP')],
  ['a frame of the server', `${CONNECT}MESSAGE\ndestination:/topic/a\n\n\0`],
  ['an unknown command', `${CONNECT}EXECUTE\n\n\0`],
  ['a command in small letters', `${CONNECT}send\n\n\0`],
  ['a line feed in a header', `${CONNECT}${SEND}a:b\ninjected\n\n\0`],
  ['a carriage return in a header', `${CONNECT}${SEND}a:b\rinjected:yes\n\n\0`],
  ['a carriage return in a name', `${CONNECT}${SEND}a\rb:c\n\n\0`],
  ['a header without a name', `${CONNECT}${SEND}:b\n\n\0`],
  ['NUL in a header', `${CONNECT}${SEND}a:b\0injected:yes\n\n\0`],
  ['NUL in a name', `${CONNECT}${SEND}a\0:b\n\n\0`],
  ['NUL in a command', `${CONNECT}SE\0ND\n\n\0`],
  ['an undefined escape', `${CONNECT}${SEND}a:\\t\n\n\0`],
  ['half an escape', `${CONNECT}${SEND}a:b\\\n\n\0`],
  ['a header that is not UTF-8', Buffer.from(`${CONNECT}${SEND}a:\xff\n\n\0`, 'latin1')],
  ['a content-length that is too short', `${CONNECT}${SEND}content-length:1\n\nabc\0`],
  ['a content-length that is too long', `${CONNECT}${SEND}content-length:5\n\nabc\0${SEND}\n\0`],
  ['a content-length that is negative', `${CONNECT}${SEND}content-length:-1\n\nabc\0`],
  ['a content-length that is no number', `${CONNECT}${SEND}content-length:0x3\n\nabc\0`],
  ['a content-length beyond the limit', `${CONNECT}${SEND}content-length:1114113\n\n`],
  ['a content-length of 10^15', `${CONNECT}${SEND}content-length:999999999999999\n\n`],
  ['heartbeats that are no numbers', 'CONNECT\naccept-version:1.2\nheart-beat:a,b\n\n\0'],
  ['a version that there is not', 'CONNECT\naccept-version:3.0\n\n\0'],
  ['a header line of 1 MB', `${CONNECT}${SEND}a:${'b'.repeat(1_000_000)}`],
  ['headers of 1 MB', `${CONNECT}${SEND}${`a:${'b'.repeat(9_990)}\n`.repeat(100)}`],
  ['300,000 empty headers', `${CONNECT}${SEND}${'a:\n'.repeat(300_000)}`],
  ['a CONNECT of 1 MB', `CONNECT\n${`a:${'b'.repeat(9_990)}\n`.repeat(100)}`],
];

test('[hardening 27] what is no STOMP, or out of place, is an ERROR and a close, in one piece and in many', async (context) => {
  const server = await listening(context);
  const listener = await StompPeer.open(server.url);
  listener.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'r' });
  await listener.frame('RECEIPT');
  let connectionCount = 0;
  for (const [words, attack] of ATTACKS) {
    const octets = Buffer.isBuffer(attack) ? attack : Buffer.from(attack);
    const pieceBytes = octets.length > 10_000 ? [octets.length, 65_536] : [octets.length, 1, 7];
    for (const size of IS_FULL && octets.length < 10_000 ? [...pieceBytes, 2, 3, 5] : pieceBytes) {
      const peer = await StompPeer.dial(server.url);
      for (let at = 0; at < octets.length; at += size) peer.raw(octets.subarray(at, at + size));
      const error = await peer.frame('ERROR');
      assert.equal(error.headers['tideway-code'], 'session/protocol-error', words);
      assert.ok(error.body.length > 0 && error.body.length < 300, words);
      assert.equal((await peer.closed).closeCode, 4505, words);
      connectionCount += 1;
    }
  }
  // Frames before the fault of the same connection were good ones; what came with the fault was not done.
  await listener.settled();
  assert.deepEqual(
    listener.frames.filter(({ command }) => command === 'MESSAGE'),
    [],
  );
  tellFigure(context, `${connectionCount} connections with ${ATTACKS.length} kinds of frames`);
});

/** Texts in which a line end, a colon, NUL or a whole header may stand. */
const spiteful = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', '\r', '\r\n', ':', '\0', '\\', '\\n', '\\c', 'injected:yes', '\n\n\0'),
      fc.string({ maxLength: 4 }),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) => parts.join(''))
  .filter((text) => text !== '');

function escaped(text: string): string {
  const letters: Readonly<Record<string, string>> = { '\\': '\\', '\r': 'r', '\n': 'n', ':': 'c' };
  return text.replace(/[\\\r\n:]/g, (character) => `\\${letters[character]}`);
}

test('[hardening 27] a header that carries another never becomes one, whoever sends it and whoever reads it', async (context) => {
  const server = await listening(context);
  const readers = await Promise.all(
    ['1.0', '1.1', '1.2'].map(async (version) => {
      const peer = await StompPeer.open(server.url, version);
      peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'r' });
      await peer.frame('RECEIPT');
      return peer;
    }),
  );
  const own = new Set([
    'subscription',
    'message-id',
    'destination',
    'content-type',
    'content-length',
    'tideway-epoch',
    'tideway-offset',
    'tideway-cursor',
    'tideway-published-at-ms',
  ]);
  const stomp = await StompPeer.open(server.url);
  const native = await NativePeer.open(server.url);
  const roundCount = IS_FULL ? 5_000 : 300;
  const pairs = fc.sample(fc.tuple(spiteful, spiteful), roundCount);
  let sentCount = 0;
  for (const [name, value] of pairs) {
    native.send({ type: 'send', destination: '/topic/a', headers: [[name, value]], body: 1 });
    // NUL cannot be escaped: a client of STOMP cannot say it.
    const isSayable = !`${name}${value}`.includes('\0');
    if (isSayable) stomp.raw(`${SEND}${escaped(name)}:${escaped(value)}\n\nx\0`);
    sentCount += isSayable ? 2 : 1;
    if (sentCount % 50 < 2) for (const reader of readers) await reader.messages(sentCount);
  }
  const given = new Set(pairs.map(([name]) => name));
  for (const reader of readers) {
    const messages = await reader.messages(sentCount);
    assert.equal(messages.length, sentCount);
    for (const { headers, lines, body } of messages) {
      assert.ok(body.equals(Buffer.from('1')) || body.equals(Buffer.from('x')));
      const others = Object.keys(headers).filter((name) => !own.has(name));
      assert.ok(others.length <= 1, lines.join('\n'));
      for (const name of others) {
        const plain = name.replace(/\\([\\rnc])/g, (_, letter: string) => {
          return { r: '\r', n: '\n', c: ':' }[letter] ?? '\\';
        });
        assert.ok(given.has(plain) || given.has(name), JSON.stringify(name));
      }
    }
  }
  tellFigure(context, `${sentCount} hostile headers to ${readers.length} readers`);
  for (const peer of [...readers, stomp]) peer.close();
  await native.close();
});

test('[hardening 27] a bare colon stays inside its value, and readers get it escaped', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.raw('SUBSCRIBE\nid:s:1\ndestination:/topic/a\n\n\0');
  peer.raw(`${SEND}a:b:destination:/topic/b\n\nx\0`);
  const { headers } = await peer.frame('MESSAGE');
  const { subscription, destination, a } = headers;
  assert.deepEqual(
    [subscription, destination, a],
    ['s\\c1', '/topic/a', 'b\\cdestination\\c/topic/b'],
  );
});

test('[hardening 27] of repeated headers the first counts, for the server and for readers', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.raw('SUBSCRIBE\nid:a\nid:b\ndestination:/topic/a\ndestination:/topic/b\n\n\0');
  peer.raw('SEND\ndestination:/topic/b\ndestination:/topic/a\nx:1\n\n\0');
  peer.raw(
    'SEND\ndestination:/topic/a\ndestination:/topic/b\nx:1\nx:2\ncontent-length:1\ncontent-length:9\n\nb\0',
  );
  const { headers, lines, body } = await peer.frame('MESSAGE');
  assert.deepEqual([headers['subscription'], headers['x'], body.toString()], ['a', '1', 'b']);
  assert.equal(lines.filter((line) => line.startsWith('x:')).length, 1);
});

/** Runs something, and answers how many octets more are in use after it than before. */
async function growthOf(run: () => Promise<void>): Promise<number> {
  await run();
  const before = await usedBytes();
  await run();
  return (await usedBytes()) - before;
}

test('[hardening 27] 10,000 subscriptions of one session are refused at the limit, and their memory comes back', async (context) => {
  const metrics = new MemoryMetrics();
  const server = await listening(context, { metrics });
  const attack = async (): Promise<void> => {
    const peer = await StompPeer.open(server.url);
    for (let id = 0; id < 10_000; id++) {
      peer.say('SUBSCRIBE', { id: String(id), destination: `/topic/${id % 500}`, ack: 'client' });
    }
    const { headers } = await peer.frame('ERROR');
    assert.equal(headers['tideway-code'], 'subscription/too-many');
    await peer.closed;
    while (server.sessionCount > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  const grown = await growthOf(attack);
  assert.ok(metrics.value('limit_reached', { limit: 'maxSubscriptionCount' }) >= 2);
  checkBound(grown < 1_000_000, `${grown} octets stay`);
  tellFigure(context, `10,000 subscriptions: ${grouped(grown)} octets stay`);
});

test('[hardening 27] headers of 1 MB are refused at their limits before they are kept', async (context) => {
  const metrics = new MemoryMetrics();
  const server = await listening(context, { metrics });
  const attack = async (): Promise<void> => {
    const peers = await Promise.all(
      Array.from({ length: IS_FULL ? 100 : 10 }, () => StompPeer.open(server.url)),
    );
    for (const peer of peers) {
      peer.raw(SEND);
      for (let count = 0; count < 100; count++) peer.raw(`a${count}:${'b'.repeat(9_990)}\n`);
    }
    for (const peer of peers) assert.equal((await peer.closed).closeCode, 4505);
  };
  const grown = await growthOf(attack);
  assert.ok(metrics.value('limit_reached', { limit: 'maxStompHeadersBytes' }) > 0);
  checkBound(grown < 1_000_000, `${grown} octets stay`);
  tellFigure(context, `headers of 1 MB: ${grouped(grown)} octets stay`);
});

test('[hardening 27] unacknowledged messages are bounded: in number for the reader, in octets for the server', async (context) => {
  const server = await listening(context);
  const readerCount = IS_FULL ? 100 : 10;
  const publicationCount = IS_FULL ? 10_000 : 3_000;
  const attack = async (): Promise<void> => {
    const readers = await Promise.all(
      Array.from({ length: readerCount }, async () => {
        const peer = await StompPeer.open(server.url);
        peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a', ack: 'client', receipt: 'r' });
        await peer.frame('RECEIPT');
        return peer;
      }),
    );
    const body = Buffer.alloc(1_000, 'x');
    for (let count = 0; count < publicationCount; count++) {
      await server.publish('/topic/a', body);
      if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const reader of readers) {
      const messages = await reader.messages(1_000);
      await reader.settled();
      assert.equal((await reader.messages(1_000)).length, 1_000, 'as many as the limit');
      // The log has gone on without it: what it does not acknowledge is not kept for it.
      reader.say('ACK', { id: messages.at(-1)?.headers['ack'] ?? '' });
      assert.equal((await reader.closed).closeCode, 4001);
      reader.frames.length = 0;
    }
  };
  const grown = await growthOf(attack);
  checkBound(grown < 2_000_000, `${grown} octets stay`);
  tellFigure(
    context,
    `${readerCount} readers that never acknowledge ${publicationCount} messages: 1,000 sent to each, ${grouped(grown)} octets stay`,
  );
});

async function fillWindow(context: TestContext, interceptors: readonly Interceptor[]) {
  const server = await listening(context, {
    topics: { '/topic/**': { liveRingBytes: 100_000 } },
    interceptors,
  });
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a', ack: 'client', receipt: 'r' });
  await peer.frame('RECEIPT');
  const before = await usedBytes();
  for (let count = 0; count < 900; count++) {
    await server.publish('/topic/a', Buffer.alloc(10_000, count));
    await peer.messages(count + 1);
  }
  peer.frames.length = 0;
  const held = (await usedBytes()) - before;
  checkBound(held < 2_000_000, `${held} octets for 9,000,000 that were sent`);
  assert.equal(server.sessionCount, 1);
  peer.close();
}

test('[hardening 27] a window that is full holds no message that the log has let go', (context) =>
  fillWindow(context, []));

test('[hardening 27] nor does it where an outbound interceptor looks at each message', (context) =>
  fillWindow(context, [{ outbound: () => undefined }]));
