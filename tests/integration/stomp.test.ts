/** Owns what a client of STOMP is promised, frame by frame, against the real server. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  createServer,
  MemoryMetrics,
  RequestError,
  type ServerOptions,
  type TidewayServer,
} from 'tideway';
import { WebSocket } from 'ws';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

async function listening(
  context: TestContext,
  options: ServerOptions = {},
): Promise<TidewayServer> {
  // Handlers of these tests may hang.
  const limits = { drainTimeoutMs: 0, ...options.limits };
  const server = createServer({ ...options, limits });
  await server.listen({ port: 0 });
  context.after(() => server.close());
  return server;
}

test('each version is spoken; without accept-version it is 1.0', async (context) => {
  const server = await listening(context);
  for (const [accepted, spoken] of [
    ['1.2', '1.2'],
    ['1.0,1.1', '1.1'],
    ['1.0', '1.0'],
    ['1.1,1.2,2.7', '1.2'],
  ] as const) {
    const peer = await StompPeer.open(server.url, accepted);
    assert.equal((await peer.frame('CONNECTED')).headers['version'], spoken);
    peer.close();
  }
  const old = await StompPeer.dial(server.url, []);
  old.raw('CONNECT\nlogin:guest\n\n\0');
  const connected = await old.frame('CONNECTED');
  assert.equal(connected.headers['version'], '1.0');
  // 1.0 has no heartbeats to speak of.
  assert.equal(connected.headers['heart-beat'], undefined);
  const future = await StompPeer.dial(server.url);
  future.say('CONNECT', { 'accept-version': '2.0', host: 'a' });
  const { headers, body } = await future.frame('ERROR');
  assert.equal(headers['version'], '1.0,1.1,1.2');
  assert.equal(body.toString(), 'supported protocol versions are 1.0 1.1 1.2');
  assert.equal((await future.closed).closeCode, 4505);
});

test('CONNECTED says what the server is and offers', async (context) => {
  const authenticate = () => Promise.resolve({ name: 'ada:1', claims: {}, expiresAtMs: undefined });
  const server = await listening(context, { authenticate });
  const peer = await StompPeer.open(server.url);
  const { headers } = await peer.frame('CONNECTED');
  assert.match(headers['server'] ?? '', /^tideway\/\d+\.\d+\.\d+/);
  assert.match(headers['session'] ?? '', /^[\w-]{22}$/);
  assert.deepEqual(
    [headers['user-name'], headers['heart-beat'], headers['tideway-max-message-bytes']],
    ['ada:1', '1000,1000', '1114112'],
  );
  assert.match(headers['tideway-offers'] ?? '', /\bcursor\b/);
});

test('the subprotocol chooses the dialect, else the first message that is not only line ends', async (context) => {
  const server = await listening(context);
  for (const subprotocol of ['v10.stomp', 'v11.stomp', 'v12.stomp']) {
    const peer = await StompPeer.dial(server.url, [subprotocol]);
    assert.equal(peer.socket.protocol, subprotocol);
    peer.close();
  }
  const text = 'CONNECT\naccept-version:1.2\n\n\0';
  for (const first of [
    text,
    text.replace('CONNECT', 'STOMP'),
    `\r\n\n${text}`,
    Buffer.from(text),
  ]) {
    const peer = await StompPeer.dial(server.url, []);
    assert.equal(peer.socket.protocol, '');
    for (const lineEnd of ['\n', '\r\n', '', Buffer.from('\n')]) peer.raw(lineEnd);
    peer.raw(first);
    await peer.frame('CONNECTED');
    peer.close();
  }
  const native = new WebSocket(`${server.url?.replace('http', 'ws')}/ws`);
  const answer = new Promise((resolve) =>
    native.once('message', (data: Buffer) => resolve(data.toString())),
  );
  native.on('open', () => native.send('{"type":"connect"}'));
  assert.match(String(await answer), /"type":"connected"/);
  native.close();
  const strange = await StompPeer.dial(server.url, []);
  strange.raw('\n');
  strange.raw('HELLO\n\n\0');
  assert.equal((await strange.closed).closeCode, 4503);
});

test('without a subprotocol, a CONNECT may come octet by octet; what begins as no dialect is closed', async (context) => {
  const server = await listening(context);
  const slow = await StompPeer.dial(server.url, []);
  for (const octet of 'CONNECT\naccept-version:1.2\n\n\0') slow.raw(octet);
  await slow.frame('CONNECTED');
  slow.close();
  for (const first of [Buffer.from([1, 2, 3]), Buffer.from('GET / HTTP/1.1'), 'hello', ' {}']) {
    const peer = await StompPeer.dial(server.url, []);
    peer.raw(first);
    const { closeCode, reason } = await peer.closed;
    assert.equal(reason, 'session/unknown-dialect');
    assert.equal(closeCode, 4503);
  }
  const other = await StompPeer.dial(server.url, []);
  other.raw('Send');
  other.raw(' nonsense\n');
  assert.equal((await other.frame('ERROR')).headers['tideway-code'], 'session/protocol-error');
  const native = new WebSocket(`${server.url?.replace('http', 'ws')}/ws`);
  const answer = new Promise((resolve) =>
    native.once('message', (data: Buffer) => resolve(data.toString())),
  );
  const header =
    '{"type":"send","id":1,"destination":"/topic/a","contentType":"application/octet-stream"}';
  native.on('open', () => native.send(Buffer.concat([Buffer.from(`${header}\n`), Buffer.of(1)])));
  assert.match(String(await answer), /"id":1/);
  native.close();
});

test('[E2] a chosen subprotocol has one deadline for its CONNECT, which counts once', async (context) => {
  const metrics = new MemoryMetrics();
  const server = await listening(context, { metrics, limits: { connectTimeoutMs: 250 } });
  const peer = await StompPeer.dial(server.url);
  assert.equal((await peer.frame('ERROR')).headers['tideway-code'], 'session/connect-timeout');
  await peer.closed;
  const code = 'session/connect-timeout';
  assert.equal(metrics.value('connections_disconnected', { code }), 0);
  assert.equal(metrics.value('limit_reached', { limit: 'connectTimeoutMs' }), 1);
});

test('the token is the Authorization header of CONNECT, else the passcode, else that of the handshake', async (context) => {
  const seen: unknown[] = [];
  const server = await listening(context, {
    authenticate: ({ token, login, connectHeaders }) => {
      seen.push([token, login, connectHeaders?.get('x-tenant')]);
      if (token === 'bad') return Promise.reject(new RequestError('access/invalid-token', 'no'));
      return Promise.resolve({ name: token || undefined, claims: {}, expiresAtMs: undefined });
    },
  });
  const both = { Authorization: 'Bearer ada', login: 'l', passcode: 'p', 'x-tenant': 't' };
  await StompPeer.open(server.url, '1.2', both);
  await StompPeer.open(server.url, '1.2', { login: 'guest', passcode: 'guest' });
  // Libraries fill in both where a program gives neither; what the HTTP request said counts then.
  const fromRequest = await StompPeer.dial(server.url, ['v12.stomp'], {
    Authorization: 'Bearer eve',
  });
  fromRequest.say('CONNECT', { 'accept-version': '1.2', login: '', passcode: '' });
  await fromRequest.frame('CONNECTED');
  await StompPeer.open(server.url, '1.2', { login: '', passcode: '' });
  // A name with an empty passcode is a slip, and makes nobody anonymous.
  await StompPeer.open(server.url, '1.2', { login: 'ada', passcode: '' });
  const peer = await StompPeer.dial(server.url);
  peer.say('CONNECT', { 'accept-version': '1.2', passcode: 'bad', receipt: 'none' });
  const { headers, body } = await peer.frame('ERROR');
  assert.deepEqual(
    [headers['message'], headers['tideway-code'], body.toString()],
    ['no', 'session/invalid-token', 'no'],
  );
  assert.deepEqual(await peer.closed, { closeCode: 4501, reason: 'session/invalid-token' });
  assert.deepEqual(seen, [
    ['ada', 'l', 't'],
    ['guest', 'guest', undefined],
    ['eve', undefined, undefined],
    [undefined, undefined, undefined],
    ['', 'ada', undefined],
    ['bad', undefined, undefined],
  ]);
});

test('what waits for authentication is done after it, in order', async (context) => {
  let admit = (): void => {};
  const checked = new Promise<void>((resolve) => (admit = resolve));
  const principal = { name: 'ada', claims: {}, expiresAtMs: undefined };
  const server = await listening(context, { authenticate: () => checked.then(() => principal) });
  const peer = await StompPeer.dial(server.url);
  peer.raw(
    'CONNECT\naccept-version:1.2\n\n\0\n' +
      'SUBSCRIBE\nid:s\ndestination:/topic/\\ca\nreceipt:1\n\n\0\n' +
      'SEND\ndestination:/topic/\\ca\n\n1\0SEND\ndestination:/topic/\\ca\n\n2\0',
  );
  admit();
  const [first, second] = await peer.messages(2);
  assert.deepEqual([first?.body.toString(), second?.body.toString()], ['1', '2']);
  assert.deepEqual(
    peer.frames.map(({ command }) => command),
    ['CONNECTED', 'RECEIPT', 'MESSAGE', 'MESSAGE'],
  );
});

test('a message brings its octets, its type, its place and the headers of its sender', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'sub-0', destination: '/topic/a' });
  peer.raw(
    'SEND\ndestination:/topic/a\ncontent-type:text/x\nshade:light\\cblue\nshade:red\n' +
      'id:of the user\nreceipt:r\nmessage-id:forged\nsubscription:forged\nack:forged\n' +
      'redelivered:true\ntideway-cursor:forged\ntideway-key:k\ntideway-message-id:m\n\nhéllo\0',
  );
  const { lines, headers, body, isBinary } = await peer.frame('MESSAGE');
  const epoch = headers['tideway-epoch'] ?? '';
  assert.deepEqual(lines, [
    'subscription:sub-0',
    `message-id:${epoch}@1`,
    'destination:/topic/a',
    'content-type:text/x',
    'content-length:6',
    `tideway-epoch:${epoch}`,
    'tideway-offset:1',
    `tideway-cursor:${epoch}\\c1`,
    `tideway-published-at-ms:${headers['tideway-published-at-ms']}`,
    'tideway-key:k',
    'tideway-message-id:m',
    'shade:light\\cblue',
    'id:of the user',
  ]);
  assert.deepEqual([body.toString(), isBinary], ['héllo', false]);
  const receipt = await peer.frame('RECEIPT', { 'receipt-id': 'r' });
  assert.deepEqual(
    [receipt.headers['tideway-epoch'], receipt.headers['tideway-offset']],
    [epoch, '1'],
  );
});

test('a body without a content type is JSON when it is, else text when it is, else octets', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a' });
  for (const body of ['{"a" : 1.0}', '17', 'hello', '{no', '']) {
    peer.say('SEND', { destination: '/topic/a' }, body);
  }
  const head = 'SEND\ndestination:/topic/a\ncontent-length:3\n\n';
  peer.raw(Buffer.concat([Buffer.from(head), Buffer.from([0xff, 0, 1, 0])]));
  peer.say('SEND', { destination: '/topic/a', 'content-type': 'image/png' }, 'png');
  peer.raw(`SEND\ndestination:/topic/a\ncontent-type:text/plain\ncontent-length:3\n\na\0b\0`);
  const messages = await peer.messages(8);
  assert.deepEqual(
    messages.map(({ headers, body, isBinary }) => [
      headers['content-type'],
      body.toString('latin1'),
      isBinary,
    ]),
    [
      ['application/json', '{"a" : 1.0}', false],
      ['application/json', '17', false],
      ['text/plain;charset=utf-8', 'hello', false],
      ['text/plain;charset=utf-8', '{no', false],
      ['text/plain;charset=utf-8', '', false],
      ['application/octet-stream', '\xff\0\x01', true],
      ['image/png', 'png', false],
      ['text/plain', 'a\0b', false],
    ],
  );
});

test('[O1] native, a bare WebSocket and STOMP see the same publications in the same order, text and octets', async (context) => {
  const server = await listening(context);
  const native = await NativePeer.open(server.url);
  native.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await native.frame('subscribed');
  const bare = new WebSocket(`${server.url?.replace('http', 'ws')}/ws`);
  const heard: string[] = [];
  const bareReady = new Promise<void>((resolve) => {
    bare.on('open', () => bare.send('{"type":"subscribe","id":1,"destination":"/topic/a"}'));
    bare.on('message', (data: Buffer, isBinary) => {
      const text = data.toString(isBinary ? 'latin1' : 'utf8');
      if (text.includes('"subscribed"')) resolve();
      else heard.push(text);
    });
  });
  const stomp = await StompPeer.open(server.url);
  stomp.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'r' });
  await Promise.all([bareReady, stomp.frame('RECEIPT', { 'receipt-id': 'r' })]);
  for (let round = 0; round < 20; round++) {
    native.send({ type: 'send', destination: '/topic/a', body: { native: round } });
    native.socket.send(
      Buffer.from('{"type":"send","destination":"/topic/a"}\n\xfe\0binary', 'latin1'),
    );
    bare.send(`{"type":"send","destination":"/topic/a","body":"bare ${round}"}`);
    stomp.say('SEND', { destination: '/topic/a', 'content-type': 'text/plain' }, `stomp ${round}`);
    stomp.say('SEND', { destination: '/topic/a' }, `{"stomp":${round}}`);
  }
  const messages = await stomp.messages(100);
  while (native.texts.filter((text) => text.startsWith('{"type":"publication"')).length < 100) {
    await new Promise((resolve) => native.socket.once('message', resolve));
  }
  while (heard.length < 100) await new Promise((resolve) => bare.once('message', resolve));
  const nativeTexts = native.texts.filter((text) => text.startsWith('{"type":"publication"'));
  assert.deepEqual(heard, nativeTexts);
  const bodyOf = (text: string): string => {
    const binary = text.indexOf('\n');
    if (binary >= 0) return text.slice(binary + 1);
    return text.slice(text.indexOf('"body":') + 7, -1);
  };
  assert.deepEqual(
    messages.map(({ body }) => body.toString('latin1')),
    nativeTexts.map(bodyOf),
  );
  assert.deepEqual(
    messages.map(({ headers }) => Number(headers['tideway-offset'])),
    messages.map((_, index) => index + 1),
  );
  assert.ok(messages.filter(({ isBinary }) => isBinary).length === 20);
  for (const socket of [bare, native.socket, stomp.socket]) socket.close();
});

test('one destination may be subscribed to twice; each is ended by its id', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'a', destination: '/topic/x' });
  peer.say('SUBSCRIBE', { id: 'b', destination: '/topic/x' });
  peer.say('SUBSCRIBE', { id: 'c', destination: '/topic/*' });
  peer.say('SEND', { destination: '/topic/x' }, '1');
  await peer.messages(3);
  peer.say('UNSUBSCRIBE', { id: 'a', receipt: 'gone' });
  await peer.frame('RECEIPT', { 'receipt-id': 'gone' });
  peer.say('SEND', { destination: '/topic/x' }, '2');
  const messages = await peer.messages(5);
  assert.deepEqual(
    messages.map(({ headers, body }) => `${body.toString()}${headers['subscription']}`).sort(),
    ['1a', '1b', '1c', '2b', '2c'],
  );
  const pattern = messages.find(({ headers }) => headers['subscription'] === 'c');
  assert.equal(pattern?.headers['destination'], '/topic/x');
  assert.equal(pattern?.headers['tideway-cursor'], undefined, 'a pattern has no cursor yet');
});

test('an unsubscribe that follows its subscribe at once is no failure', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.raw(
    'SUBSCRIBE\nid:a\ndestination:/topic/x\nreceipt:1\n\n\0UNSUBSCRIBE\nid:a\nreceipt:2\n\n\0' +
      'SUBSCRIBE\nid:a\ndestination:/topic/y\nreceipt:3\n\n\0SEND\ndestination:/topic/y\n\ny\0',
  );
  const message = await peer.frame('MESSAGE');
  assert.equal(message.headers['destination'], '/topic/y');
  for (const id of ['1', '2', '3']) await peer.frame('RECEIPT', { 'receipt-id': id });
});

test('an UNSUBSCRIBE that waits at an interceptor loses nothing and mixes nothing', async (context) => {
  const server = await listening(context);
  const waiting: (() => void)[] = [];
  let isReached: () => void = () => {};
  const nextReached = () => new Promise<void>((resolve) => (isReached = resolve));
  server.intercept({
    inbound: async ({ kind }) => {
      if (kind !== 'unsubscribe') return;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        isReached();
      });
    },
  });
  const open = async (destination: string, ack: string): Promise<StompPeer> => {
    const peer = await StompPeer.open(server.url);
    peer.say('SUBSCRIBE', { id: 's', destination, ack, receipt: 'open' });
    await peer.frame('RECEIPT');
    return peer;
  };
  const worker = await open('/work/q', 'client');
  let reached = nextReached();
  worker.say('UNSUBSCRIBE', { id: 's', receipt: 'gone' });
  await reached;
  await server.publish('/work/q', { job: 1 });
  const [first] = await worker.messages(1);
  worker.say('ACK', { id: first?.headers['ack'] ?? '', receipt: 'done' });
  await worker.frame('RECEIPT', { 'receipt-id': 'done' });
  waiting.shift()?.();
  await worker.frame('RECEIPT', { 'receipt-id': 'gone' });
  await server.publish('/work/q', { job: 2 });
  const next = await open('/work/q', 'client');
  const [second] = await next.messages(1);
  const jobs = [first, second].map((frame) => frame?.body.toString());
  assert.deepEqual(jobs, ['{"job":1}', '{"job":2}']);

  const reader = await open('/topic/old', 'auto');
  reached = nextReached();
  reader.say('UNSUBSCRIBE', { id: 's' });
  reader.say('SUBSCRIBE', { id: 's', destination: '/topic/new', ack: 'client', receipt: 'again' });
  await reached;
  await server.publish('/topic/old', 'old');
  const [old] = await reader.messages(1);
  assert.equal(old?.headers['ack'], undefined, 'as the subscription that it is of is written');
  waiting.shift()?.();
  await reader.frame('RECEIPT', { 'receipt-id': 'again' });
  await server.publish('/topic/old', 'old');
  await server.publish('/topic/new', 'new');
  const messages = await reader.messages(2);
  const destinations = messages.map(({ headers }) => headers['destination']);
  assert.deepEqual(destinations, ['/topic/old', '/topic/new']);
  assert.ok(messages[1]?.headers['ack'] !== undefined);
});

test('1.0 needs no id: the destination names the subscription, and MESSAGE has no header for it', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url, '1.0');
  peer.say('SUBSCRIBE', { destination: '/topic/x', ack: 'client', 'prefetch-count': '1' });
  peer.say('SEND', { destination: '/topic/x', a: 'b\\c:' }, '1');
  peer.say('SEND', { destination: '/topic/x' }, '2');
  const [first] = await peer.messages(1);
  assert.equal(first?.headers['subscription'], undefined);
  assert.equal(first?.headers['a'], 'b\\c:', '1.0 escapes nothing');
  await peer.settled();
  assert.equal((await peer.messages(1)).length, 1);
  peer.say('ACK', { 'message-id': first?.headers['message-id'] ?? '' });
  await peer.messages(2);
  peer.say('UNSUBSCRIBE', { destination: '/topic/x', receipt: 'gone' });
  await peer.frame('RECEIPT', { 'receipt-id': 'gone' });
});

for (const version of ['1.1', '1.2'] as const) {
  test(`[K1] ${version}: unacknowledged messages are bounded, acknowledged one by one or up to one`, async (context) => {
    const server = await listening(context, { limits: { maxUnacknowledgedCount: 4 } });
    const peer = await StompPeer.open(server.url, version);
    const ack = (command: string, headers: Readonly<Record<string, string>>): void => {
      if (version === '1.2') peer.say(command, { id: headers['ack'] ?? '' });
      else {
        const { subscription = '', 'message-id': id = '' } = headers;
        peer.say(command, { subscription, 'message-id': id });
      }
    };
    for (const [id, mode] of [
      ['all@all', 'client'],
      ['each', 'client-individual'],
    ] as const) {
      peer.frames.length = 0;
      const destination = `/topic/${mode}`;
      peer.say('SUBSCRIBE', { id, destination, ack: mode, 'prefetch-count': '100' });
      for (let n = 1; n <= 12; n++) peer.say('SEND', { destination }, String(n));
      const four = await peer.messages(4);
      await peer.settled();
      assert.equal((await peer.messages(4)).length, 4, 'the server’s limit holds');
      // The third: in the mode `client` all three before count as done.
      ack('ACK', four[2]?.headers ?? {});
      const freed = mode === 'client' ? 3 : 1;
      await peer.messages(4 + freed);
      ack('ACK', four[2]?.headers ?? {});
      await peer.settled();
      assert.equal((await peer.messages(4)).length, 4 + freed, 'an ACK counts once');
      ack('NACK', (await peer.messages(4)).at(-1)?.headers ?? {});
      const after = await peer.messages(4 + freed + 1);
      assert.deepEqual(
        after.map(({ body }) => Number(body.toString())),
        after.map((_, index) => index + 1),
      );
      peer.say('UNSUBSCRIBE', { id });
      await peer.settled();
    }
  });
}

test('a subscriber may ask for fewer unacknowledged messages, not for nonsense', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  const options = { id: 's', destination: '/topic/a', ack: 'client', 'prefetch-count': '2' };
  peer.say('SUBSCRIBE', options);
  for (let n = 0; n < 5; n++) peer.say('SEND', { destination: '/topic/a' }, String(n));
  await peer.messages(2);
  await peer.settled();
  assert.equal((await peer.messages(2)).length, 2);
  peer.say('SUBSCRIBE', { ...options, id: 't', 'prefetch-count': 'many' });
  assert.equal((await peer.frame('ERROR')).headers['tideway-code'], 'frame/invalid-field');
});

test('[K1] a receipt of a send to /app comes when its handler has settled; a failure of such a send is an ERROR', async (context) => {
  const server = await listening(context);
  let finish = (): void => {};
  server.app.map('/slow', () => new Promise<void>((resolve) => (finish = resolve)));
  server.app.map('/sold-out', () => {
    throw new RequestError('orders/sold-out', 'nothing is left');
  });
  server.app.map('/broken', () => {
    throw new Error('a secret');
  });
  const peer = await StompPeer.open(server.url);
  peer.say('SEND', { destination: '/app/slow', receipt: 'slow' });
  // Nothing of these waits for the handler (semantics O3).
  peer.raw('\n');
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a', ack: 'client', 'prefetch-count': '1' });
  peer.say('SEND', { destination: '/topic/a' }, '1');
  peer.say('SEND', { destination: '/topic/a' }, '2');
  peer.say('ACK', { id: (await peer.frame('MESSAGE')).headers['ack'] ?? '' });
  await peer.messages(2);
  peer.say('UNSUBSCRIBE', { id: 's', receipt: 'unsubscribed' });
  await peer.frame('RECEIPT', { 'receipt-id': 'unsubscribed' });
  assert.ok(!peer.frames.some(({ headers }) => headers['receipt-id'] === 'slow'));
  finish();
  await peer.frame('RECEIPT', { 'receipt-id': 'slow' });
  // As with Spring, a failing handler cuts nobody off who did not ask.
  for (const name of ['sold-out', 'broken']) peer.say('SEND', { destination: `/app/${name}` });
  await peer.settled();
  peer.say('SEND', { destination: '/app/sold-out', receipt: 'asked' });
  const { headers, body } = await peer.frame('ERROR');
  assert.deepEqual(
    [headers['receipt-id'], headers['tideway-code'], headers['message'], body.toString()],
    ['asked', 'orders/sold-out', 'nothing is left', 'nothing is left'],
  );
  assert.equal((await peer.closed).closeCode, 4506);
  const other = await StompPeer.open(server.url);
  other.say('SEND', { destination: '/app/broken', receipt: 'asked' });
  const error = await other.frame('ERROR');
  assert.equal(error.headers['tideway-code'], 'app/failed');
  assert.doesNotMatch(`${error.lines.join()}${error.body.toString()}`, /secret|\.ts|\bat /);
  assert.equal((await other.closed).closeCode, 4007, 'it may be tried again');
});

test('what the server refuses is an ERROR with its code and the receipt’s id, then the connection is closed', async (context) => {
  const server = await listening(context);
  server.access.deny('any', '/topic/secret');
  for (const [command, headers, code] of [
    ['SEND', { destination: '/nowhere' }, 'destination/unknown'],
    ['SEND', { destination: '/topic/a\\nb' }, 'destination/invalid'],
    ['SEND', {}, 'frame/invalid-field'],
    ['SEND', { destination: '/topic/secret' }, 'access/denied'],
    ['SEND', { destination: '/app/unmapped' }, 'app/no-handler'],
    ['SUBSCRIBE', { id: 's', destination: '/topic/secret' }, 'access/denied'],
    ['SUBSCRIBE', { destination: '/topic/a' }, 'frame/invalid-field'],
    ['SUBSCRIBE', { id: 's' }, 'frame/invalid-field'],
    ['SUBSCRIBE', { id: 's', destination: '/topic/a', ack: 'maybe' }, 'frame/invalid-field'],
    ['SUBSCRIBE', { id: 's', destination: '/topic/a', selector: "a='b'" }, 'frame/invalid-field'],
    ['UNSUBSCRIBE', {}, 'frame/invalid-field'],
    ['ACK', {}, 'frame/invalid-field'],
    ['COMMIT', { transaction: 'none' }, 'transaction/unknown'],
    ['SEND', { destination: '/topic/a', transaction: 'none' }, 'transaction/unknown'],
    ['BEGIN', {}, 'frame/invalid-field'],
  ] as const) {
    const peer = await StompPeer.open(server.url);
    peer.say(command, { ...headers, receipt: 'r\\c1' });
    const error = await peer.frame('ERROR');
    assert.deepEqual(
      [error.headers['tideway-code'], error.headers['receipt-id']],
      [code, 'r\\c1'],
      `${command} ${JSON.stringify(headers)}`,
    );
    assert.deepEqual(await peer.closed, { closeCode: 4506, reason: 'session/operation-refused' });
  }
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a' });
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/b', receipt: 'r' });
  assert.equal((await peer.frame('ERROR')).headers['tideway-code'], 'subscription/exists');
});

test('transactions: kept until COMMIT, in order; dropped by ABORT and with the connection', async (context) => {
  const server = await listening(context);
  const reader = await StompPeer.open(server.url);
  reader.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'r' });
  await reader.frame('RECEIPT');
  const peer = await StompPeer.open(server.url);
  const send = (body: string, transaction?: string): void =>
    peer.say(
      'SEND',
      { destination: '/topic/a', ...(transaction !== undefined && { transaction }) },
      body,
    );
  peer.say('BEGIN', { transaction: 'one', receipt: 'begun' });
  await peer.frame('RECEIPT', { 'receipt-id': 'begun' });
  peer.say('BEGIN', { transaction: 'two' });
  send('1', 'one');
  send('dropped', 'two');
  send('0');
  send('2', 'one');
  peer.say('ABORT', { transaction: 'two' });
  peer.say('COMMIT', { transaction: 'one', receipt: 'done' });
  await peer.frame('RECEIPT', { 'receipt-id': 'done' });
  peer.say('BEGIN', { transaction: 'one' });
  send('dropped', 'one');
  peer.say('DISCONNECT', { receipt: 'bye' });
  await peer.closed;
  reader.say('SEND', { destination: '/topic/a' }, '3');
  const messages = await reader.messages(4);
  assert.deepEqual(
    messages.map(({ body }) => body.toString()),
    ['0', '1', '2', '3'],
  );
});

test('[K1] the receipt of a COMMIT says that all is done: handlers that were too busy make it an ERROR', async (context) => {
  const server = await listening(context, { limits: { maxWaitingHandlerCount: 2 } });
  server.app.map('/slow', () => new Promise<void>((resolve) => setImmediate(resolve)));
  for (const [sendCount, answer] of [
    [3, 'RECEIPT'],
    [10, 'ERROR'],
  ] as const) {
    const peer = await StompPeer.open(server.url);
    peer.say('BEGIN', { transaction: 't' });
    for (let sent = 0; sent < sendCount; sent++) {
      peer.say('SEND', { destination: '/app/slow', transaction: 't' });
    }
    peer.say('COMMIT', { transaction: 't', receipt: 'done' });
    const { headers } = await peer.frame(answer, { 'receipt-id': 'done' });
    if (answer === 'ERROR') assert.equal(headers['tideway-code'], 'app/busy');
    peer.socket.terminate();
  }
});

test('an ACK in a transaction counts at its COMMIT, and not at an ABORT', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  const options = { id: 's', destination: '/topic/a', ack: 'client', 'prefetch-count': '1' };
  peer.say('SUBSCRIBE', options);
  peer.say('SEND', { destination: '/topic/a' }, '1');
  peer.say('SEND', { destination: '/topic/a' }, '2');
  const [first] = await peer.messages(1);
  for (const end of ['ABORT', 'COMMIT']) {
    peer.say('BEGIN', { transaction: 't' });
    peer.say('ACK', { id: first?.headers['ack'] ?? '', transaction: 't' });
    await peer.settled();
    assert.equal((await peer.messages(1)).length, 1);
    peer.say(end, { transaction: 't' });
  }
  await peer.messages(2);
});

test('transactions are bounded in number, frames and octets', async (context) => {
  const server = await listening(context, {
    limits: { maxTransactionCount: 2, maxTransactionFrameCount: 3, maxTransactionBytes: 4_000 },
  });
  const begun = async (): Promise<StompPeer> => {
    const peer = await StompPeer.open(server.url);
    for (const transaction of ['a', 'b']) peer.say('BEGIN', { transaction });
    return peer;
  };
  const refusal = async (peer: StompPeer): Promise<string> => {
    const { headers } = await peer.frame('ERROR');
    assert.equal(headers['tideway-code'], 'transaction/too-large');
    return /max\w+/.exec(headers['message'] ?? '')?.[0] ?? '';
  };
  const many = await begun();
  many.say('BEGIN', { transaction: 'c' });
  assert.equal(await refusal(many), 'maxTransactionCount');
  const frames = await begun();
  for (const transaction of ['a', 'b', 'a', 'b']) {
    frames.say('SEND', { destination: '/topic/a', transaction });
  }
  assert.equal(await refusal(frames), 'maxTransactionFrameCount');
  const octets = await begun();
  octets.say('SEND', { destination: '/topic/a', transaction: 'a' }, 'x'.repeat(4_000));
  assert.equal(await refusal(octets), 'maxTransactionBytes');
});

test('[S6] a subscription comes back with its cursor and is told whether all was recovered', async (context) => {
  const server = await listening(context, { topics: { '/topic/**': { historySize: 100 } } });
  const first = await StompPeer.open(server.url);
  first.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'r' });
  const receipt = await first.frame('RECEIPT');
  assert.equal(receipt.headers['tideway-recovered'], undefined);
  assert.match(receipt.headers['tideway-cursor'] ?? '', /^[\w-]+\\c0$/);
  first.say('SEND', { destination: '/topic/a' }, '1');
  const cursor = (await first.frame('MESSAGE')).headers['tideway-cursor'] ?? '';
  first.close();
  await first.closed;
  await server.publish('/topic/a', 2);
  await server.publish('/topic/a', 3);
  const second = await StompPeer.open(server.url);
  second.say('SUBSCRIBE', {
    id: 's',
    destination: '/topic/a',
    receipt: 'r',
    'tideway-cursor': cursor,
  });
  const again = await second.frame('RECEIPT');
  assert.equal(again.headers['tideway-recovered'], 'true');
  const messages = await second.messages(2);
  assert.deepEqual(
    messages.map(({ body, headers }) => [body.toString(), headers['tideway-recovered']]),
    [
      ['2', 'true'],
      ['3', undefined],
    ],
  );
  // Nobody who asked for no receipt is left in doubt.
  const lost = { id: 't', destination: '/topic/a', 'tideway-cursor': 'another\\c7' };
  second.say('SUBSCRIBE', lost);
  await second.settled();
  await server.publish('/topic/a', 4);
  const message = await second.frame('MESSAGE', { subscription: 't' });
  assert.deepEqual([message.body.toString(), message.headers['tideway-recovered']], ['4', 'false']);
});

test('the one-time answer of a mapping is a MESSAGE; its subscription then ends without a word', async (context) => {
  const server = await listening(context);
  server.app.map('/greeting', () => ({ hello: 'you' }));
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 's', destination: '/app/greeting' });
  const { headers, body } = await peer.frame('MESSAGE');
  assert.deepEqual(
    [headers['subscription'], headers['tideway-offset'], body.toString()],
    ['s', undefined, '{"hello":"you"}'],
  );
  peer.say('UNSUBSCRIBE', { id: 's' });
  peer.say('SUBSCRIBE', { id: 's', destination: '/app/greeting' });
  const [first, second] = await peer.messages(2);
  assert.notEqual(first?.headers['message-id'], second?.headers['message-id']);
});

test('[A3] a subscription whose right ends is an ERROR that names it', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'r' });
  await peer.frame('RECEIPT');
  server.access.deny('subscribe', '/topic/a');
  await server.publish('/topic/a', 1);
  const { headers } = await peer.frame('ERROR');
  assert.deepEqual([headers['tideway-code'], headers['subscription']], ['access/denied', 's']);
  assert.ok(!peer.frames.some(({ command }) => command === 'MESSAGE'));
});

test('DISCONNECT: the receipts of what came before come first, then its own, then the close', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.raw(
    'SEND\ndestination:/topic/a\nreceipt:1\n\nx\0DISCONNECT\nreceipt:2\n\n\0SEND\nreceipt:3\n\n\0',
  );
  assert.deepEqual(await peer.closed, { closeCode: 1000, reason: '' });
  assert.deepEqual(
    peer.frames.map(({ command, headers }) => [command, headers['receipt-id']]),
    [
      ['CONNECTED', undefined],
      ['RECEIPT', '1'],
      ['RECEIPT', '2'],
    ],
  );
  assert.equal(server.sessionCount, 0);
});

test('DISCONNECT behind a SUBSCRIBE that is still being opened is no failure', async (context) => {
  const server = await listening(context);
  const words =
    'SUBSCRIBE\nid:s\ndestination:/topic/a\nreceipt:open\n\n\0DISCONNECT\nreceipt:bye\n\n\0';
  const withoutInterceptors = await StompPeer.open(server.url);
  withoutInterceptors.raw(words);
  await withoutInterceptors.closed;
  let reached: () => void = () => {};
  let pass: () => void = () => {};
  const isReached = new Promise<void>((resolve) => (reached = resolve));
  const isPassed = new Promise<void>((resolve) => (pass = resolve));
  const remove = server.intercept({
    inbound: async ({ kind }) => {
      if (kind !== 'subscribe') return;
      reached();
      await isPassed;
    },
  });
  const intercepted = await StompPeer.open(server.url);
  intercepted.raw(words);
  await isReached;
  pass();
  for (const peer of [withoutInterceptors, intercepted]) {
    assert.equal((await peer.closed).closeCode, 1000);
    const heard = peer.frames.map(({ command, headers }) => [command, headers['receipt-id']]);
    assert.deepEqual(heard.slice(1), [
      ['RECEIPT', 'open'],
      ['RECEIPT', 'bye'],
    ]);
  }
  remove();
  assert.deepEqual(
    server.users.findSubscriptions(() => true),
    [],
  );
});

test('[O3] DISCONNECT does not wait for a handler', async (context) => {
  const server = await listening(context);
  server.app.map('/never', () => new Promise(() => {}));
  const peer = await StompPeer.open(server.url);
  peer.say('SEND', { destination: '/app/never', receipt: '1' });
  peer.say('DISCONNECT', { receipt: '2' });
  await peer.frame('RECEIPT', { 'receipt-id': '2' });
  assert.equal((await peer.closed).closeCode, 1000);
});

test('a server that stops says so in an ERROR, and that the client may come back', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  await server.close();
  assert.equal((await peer.frame('ERROR')).headers['tideway-code'], 'server/shutdown');
  assert.deepEqual(await peer.closed, { closeCode: 4000, reason: 'server/shutdown' });
});

test('frames may be split over messages, text and binary, and batched in one', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 's', destination: '/topic/a' });
  const octets = Buffer.from('SEND\ndestination:/topic/a\n\nsplit ä\0');
  for (const octet of octets) peer.raw(Buffer.of(octet));
  peer.raw('SEND\ndestination:/to');
  peer.raw('pic/a\ncontent-length:6\n\nto');
  peer.raw(Buffer.from('ther'));
  peer.raw('\0\n\n\nSEND\ndestination:/topic/a\n\n3\0\nSEND\ndestination:/topic/a\n\n4\0');
  const messages = await peer.messages(4);
  assert.deepEqual(
    messages.map(({ body }) => body.toString()),
    ['split ä', 'tother', '3', '4'],
  );
});

test('a frame that no message ends is an ERROR and a close after messageTimeoutMs', async (context) => {
  const server = await listening(context, { limits: { messageTimeoutMs: 100 } });
  const peer = await StompPeer.open(server.url);
  // Each message is whole, so that the engine has nothing to time.
  peer.raw('SEND\ndestination:/topic/a\n');
  peer.raw('a:b\n');
  const { headers, body } = await peer.frame('ERROR');
  assert.deepEqual(
    [headers['tideway-code'], body.toString()],
    ['session/protocol-error', 'a frame was not complete 100 ms after its first octet'],
  );
  assert.equal((await peer.closed).closeCode, 4505);
});

test('what comes between an UNSUBSCRIBE and its turn at the interceptors is delivered, not lost', async (context) => {
  const server = await listening(context);
  let letPass!: () => void;
  const passing = new Promise<void>((resolve) => (letPass = resolve));
  server.intercept({ inbound: ({ kind }) => (kind === 'unsubscribe' ? passing : undefined) });
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: '1', destination: '/work/jobs', receipt: 'live' });
  await peer.frame('RECEIPT', { 'receipt-id': 'live' });
  peer.say('UNSUBSCRIBE', { id: '1', receipt: 'over' });
  // No interceptor stands in its way: what came before it has been read.
  peer.say('BEGIN', { transaction: 't', receipt: 'read' });
  await peer.frame('RECEIPT', { 'receipt-id': 'read' });
  await server.publish('/work/jobs', 'job');
  assert.equal((await peer.frame('MESSAGE')).body.toString(), '"job"');
  letPass();
  await peer.frame('RECEIPT', { 'receipt-id': 'over' });
  // The id is free again.
  peer.say('SUBSCRIBE', { id: '1', destination: '/work/jobs', receipt: 'again' });
  await peer.frame('RECEIPT', { 'receipt-id': 'again' });
});

test('DISCONNECT while a subscription waits for its handler is no failure', async (context) => {
  const server = await listening(context);
  let answer!: () => void;
  const answering = new Promise<void>((resolve) => (answer = resolve));
  server.app.map('/slow', () => answering);
  const peer = await StompPeer.open(server.url);
  server.on('disconnect', () => answer());
  peer.say('SUBSCRIBE', { id: '1', destination: '/app/slow' });
  peer.say('DISCONNECT', { receipt: 'bye' });
  await peer.frame('RECEIPT', { 'receipt-id': 'bye' });
  assert.equal((await peer.closed).closeCode, 1000);
});

test('[H5] a session has what it subscribed to under an id of its own, and not what its client only calls so', async (context) => {
  const server = await listening(context);
  const outcomes: unknown[] = [];
  server.app.map('/join', async ({ session }) => {
    const joining = session?.subscribe('/topic/room');
    outcomes.push(await joining?.then(() => 'joined').catch(({ code }: RequestError) => code));
  });
  const peer = await StompPeer.open(server.url);
  peer.say('SUBSCRIBE', { id: 'mine', destination: '/topic/room' });
  peer.say('SEND', { destination: '/app/join', receipt: 'joined' });
  await peer.frame('RECEIPT', { 'receipt-id': 'joined' });
  await server.publish('/topic/room', 1);
  await peer.messages(1);
  await peer.settled();
  assert.equal((await peer.messages(1)).length, 1);
  const other = await StompPeer.open(server.url);
  other.say('SUBSCRIBE', { id: '/topic/room', destination: '/topic/elsewhere' });
  other.say('SEND', { destination: '/app/join', receipt: 'joined' });
  await other.frame('RECEIPT', { 'receipt-id': 'joined' });
  assert.deepEqual(outcomes, ['joined', 'subscription/exists']);
});

for (const gone of ['is unsubscribed', 'could not be opened', 'has ended'] as const) {
  test(`an id that means another subscription by now stays that one's, whatever becomes of the first, which ${gone}`, async (context) => {
    const server = await listening(context);
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    server.app.map('/slow', async () => gate);
    server.intercept({
      inbound: (operation) => {
        if (gone === 'is unsubscribed' && operation.kind === 'unsubscribe') return gate;
        return undefined;
      },
    });
    const peer = await StompPeer.open(server.url);
    const first = gone === 'is unsubscribed' ? '/topic/a' : '/app/slow';
    peer.say('SUBSCRIBE', { id: '1', destination: first });
    peer.say('UNSUBSCRIBE', { id: '1' });
    const acknowledging = { ack: 'client-individual', 'prefetch-count': '1' };
    peer.say('SUBSCRIBE', { id: '1', destination: '/topic/b', receipt: 'r', ...acknowledging });
    if (gone === 'is unsubscribed') go();
    await peer.frame('RECEIPT', { 'receipt-id': 'r' });
    if (gone === 'has ended') go();
    await peer.settled();
    for (const body of [1, 2, 3]) await server.publish('/topic/b', body);
    await peer.messages(1);
    for (const count of [1, 2, 3]) {
      await peer.settled();
      const message = peer.frames.filter(({ command }) => command === 'MESSAGE')[count - 1];
      assert.deepEqual(
        [
          message?.headers['destination'],
          message?.headers['subscription'],
          message?.body.toString(),
        ],
        ['/topic/b', '1', String(count)],
      );
      // With the wrong one under that id this word would be about nothing, and the next message would never come.
      peer.say('ACK', { id: String(message?.headers['ack']) });
    }
    if (gone === 'could not be opened') go();
    await peer.settled();
    peer.say('UNSUBSCRIBE', { id: '1', receipt: 'u' });
    await peer.frame('RECEIPT', { 'receipt-id': 'u' });
    await server.publish('/topic/b', 4);
    await peer.settled();
    assert.equal((await peer.messages(3)).length, 3);
    peer.close();
  });
}

test('an ACK of a subscription that is gone says nothing about another that has its id by now', async (context) => {
  const server = await listening(context);
  const peer = await StompPeer.open(server.url);
  const acknowledging = { id: '1', ack: 'client', 'prefetch-count': '1' };
  peer.say('SUBSCRIBE', { destination: '/topic/a', ...acknowledging });
  await peer.settled();
  await server.publish('/topic/a', 1);
  const [old] = await peer.messages(1);
  peer.say('UNSUBSCRIBE', { id: '1' });
  peer.say('SUBSCRIBE', { destination: '/topic/b', ...acknowledging });
  await peer.settled();
  for (const body of ['b', 'c']) await server.publish('/topic/b', body);
  const [, second] = await peer.messages(2);
  peer.say('ACK', { id: String(old?.headers['ack']) });
  await peer.settled();
  assert.equal((await peer.messages(2)).length, 2, 'the window is full still');
  peer.say('ACK', { id: String(second?.headers['ack']) });
  assert.equal((await peer.messages(3))[2]?.body.toString(), '"c"');
  peer.close();
});
