/** Proves work queues and acknowledgements from the outside: native frames, the client, the HTTP API, real sockets that are cut. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import {
  createServer,
  MemoryMetrics,
  Message,
  type ServerOptions,
  type TidewayServer,
} from 'tideway';
import { Client, type UnacknowledgedPublication } from 'tideway/client';
import { ConnectionPair, VirtualTime } from 'tideway/testing';
import { CuttableProxy } from './cuttable-proxy.js';
import { NativePeer, type Frame } from './native-peer.js';

/** A server without a socket, on virtual time. */
function inMemory(t: TestContext, options: ServerOptions = {}) {
  const time = new VirtualTime(1_000);
  const metrics = new MemoryMetrics();
  const server = createServer({ time, metrics, ...options });
  server.access.allow('any', '/**');
  t.after(() => server.close());
  const passed = async (durationMs = 0): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      time.advance(round === 0 ? durationMs : 0);
    }
  };
  const connect = (subprotocol?: string) => {
    const pair = new ConnectionPair(time, server.accept, { handshake: { subprotocol } });
    const say = async (...frames: readonly object[]): Promise<readonly Frame[]> => {
      for (const frame of frames) pair.sendText(JSON.stringify(frame));
      await passed();
      return heard();
    };
    const heard = (): readonly Frame[] =>
      pair.take().map(({ octets, isBinary }) => {
        const text = new TextDecoder().decode(octets);
        return JSON.parse(isBinary ? text.slice(0, text.indexOf('\n')) : text) as Frame;
      });
    return { pair, say, heard };
  };
  return { server, metrics, connect, passed };
}

const work = (maxUnacknowledged: number, destination = '/work/jobs') => ({
  type: 'subscribe',
  destination,
  acknowledge: true,
  maxUnacknowledged,
});

/** A word about a publication, made as the specification says: by copying. */
const word = (
  type: 'acknowledge' | 'reject',
  publication: Frame | undefined,
  more: object = {},
) => {
  const members = ['destination', 'subscription', 'epoch', 'offset'];
  return {
    type,
    ...Object.fromEntries(members.map((name) => [name, publication?.[name]])),
    ...more,
  };
};

const bodies = (frames: readonly Frame[]): unknown[] =>
  frames.filter(({ type }) => type === 'publication').map(({ body }) => body);

test('[K1] on a topic a window holds publications back until there is room, and both words make it', async (t) => {
  const { server, connect } = inMemory(t);
  const { say } = connect();
  const [subscribed] = await say({ ...work(2, '/topic/a'), id: 1 });
  assert.deepEqual([subscribed?.type, subscribed?.['maxUnacknowledged']], ['subscribed', 2]);
  for (const body of [1, 2, 3, 4, 5]) await server.publish('/topic/a', body);
  const first = await say();
  assert.deepEqual(bodies(first), [1, 2]);
  const second = await say(word('reject', first[0]));
  assert.deepEqual(bodies(second), [3]);
  const third = await say(word('acknowledge', second.at(-1), { cumulative: true, id: 7 }));
  assert.deepEqual(bodies(third), [4, 5]);
  assert.ok(third.some(({ type, ['id']: id }) => type === 'receipt' && id === 7));
});

test('[K1] a pattern has one window over all its topics, and others are not held back by it', async (t) => {
  const { server, connect } = inMemory(t);
  const [slow, quick] = [connect(), connect()];
  await slow.say(work(1, '/topic/*'));
  await quick.say({ type: 'subscribe', destination: '/topic/*' });
  await server.publish('/topic/a', 1);
  await server.publish('/topic/b', 2);
  const got = await slow.say();
  assert.deepEqual([bodies(got), bodies(await quick.say())], [[1], [1, 2]]);
  assert.deepEqual(bodies(await slow.say(word('acknowledge', got[0]))), [2]);
});

test('[K1] an answer without a position takes no room', async (t) => {
  const { server, connect } = inMemory(t);
  server.app.map('/hello', {}, () => 'hello');
  const heard = await connect().say(work(1, '/app/hello'));
  assert.deepEqual(
    heard.map(({ type }) => type),
    ['subscribed', 'publication', 'ended'],
  );
});

test('a word that says nothing is an error, with an id or without; the window is capped by the limit', async (t) => {
  const { server, connect, metrics } = inMemory(t, { limits: { maxUnacknowledgedCount: 3 } });
  const { say } = connect();
  const code = async (frame: object) => (await say(frame)).map(({ code: one, id }) => [one, id]);
  await say({ type: 'subscribe', destination: '/topic/a' });
  const [subscribed] = await say(work(10));
  assert.equal(subscribed?.['maxUnacknowledged'], 3);
  assert.equal(metrics.value('limit_reached', { limit: 'maxUnacknowledgedCount' }), 1);
  await server.publish('/topic/a', 1);
  await server.publish('/work/jobs', 1);
  const got = await say();
  const [topic, job] = ['/topic/a', '/work/jobs'].map((name) =>
    got.find(({ destination }) => destination === name),
  );
  assert.deepEqual(await code(word('acknowledge', topic, { id: 1 })), [
    ['acknowledgement/unknown', 1],
  ]);
  assert.deepEqual(await code(word('acknowledge', job)), []);
  assert.deepEqual(await code(word('acknowledge', job)), [['acknowledgement/unknown', undefined]]);
  assert.deepEqual(await code({ ...word('reject', job), destination: '/work/other', id: 2 }), [
    ['subscription/unknown', 2],
  ]);
  assert.deepEqual(await code(work(0)), [['frame/invalid-field', undefined]]);
});

test('[K2] [K4] two clients share a queue; what one rejects or leaves behind the other gets, and is told so', async (t) => {
  const { server, connect, passed } = inMemory(t);
  const [left, right] = [connect(), connect()];
  for (const { say } of [left, right]) await say(work(2));
  for (const body of [1, 2, 3, 4, 5]) await server.publish('/work/jobs', body);
  const [toLeft, toRight] = [await left.say(), await right.say()];
  assert.deepEqual(
    [bodies(toLeft), bodies(toRight)],
    [
      [1, 3],
      [2, 4],
    ],
  );
  // Rejected while the other has no room: the next that has some gets it, before what is new.
  assert.deepEqual(bodies(await left.say(word('reject', toLeft[0]))), [1]);
  left.pair.cut();
  await passed();
  const again = await right.say(word('acknowledge', toRight[0]), word('acknowledge', toRight[1]));
  assert.deepEqual(bodies(again), [1, 3]);
  const [first] = again;
  assert.deepEqual(first?.['headers'], [
    ['redelivered', 'true'],
    ['delivery-count', '3'],
  ]);
  const last = await right.say(...again.map((publication) => word('acknowledge', publication)));
  assert.deepEqual([bodies(last), last[0]?.['headers']], [[5], undefined]);
});

test('[K4] a time-out, an unsubscribe and a closed connection bring messages back, binary ones too', async (t) => {
  const { server, connect, passed } = inMemory(t, {
    work: { '/work/**': { acknowledgeTimeoutMs: 5_000 } },
  });
  const [left, right] = [connect(), connect()];
  await left.say(work(10));
  await server.publish('/work/jobs', Uint8Array.of(1, 2, 3));
  assert.equal((await left.say()).length, 1);
  await right.say(work(10));
  await passed(5_300);
  const [timedOut] = right.heard();
  assert.equal(timedOut?.['contentType'], 'application/octet-stream');
  await right.say({ type: 'unsubscribe', destination: '/work/jobs' });
  const [after] = await left.say();
  assert.deepEqual(after?.['headers'], [
    ['redelivered', 'true'],
    ['delivery-count', '3'],
  ]);
  left.pair.close();
  await passed();
  assert.equal((await right.say(work(10))).length, 2, 'subscribed, and the message');
});

test('[K5] who does not acknowledge has done what it was sent', async (t) => {
  const { server, connect, passed } = inMemory(t);
  const [left, right] = [connect(), connect()];
  await left.say({ type: 'subscribe', destination: '/work/jobs' });
  await server.publish('/work/jobs', 1);
  assert.deepEqual(bodies(await left.say()), [1]);
  left.pair.cut();
  await passed();
  assert.deepEqual(bodies(await right.say(work(1))), []);
});

test('[K6] dead letters go to another queue or to a topic, in the name of the server', async (t) => {
  const { server, connect } = inMemory(t, {
    work: {
      '/work/jobs': { maxDeliveryCount: 2, deadLetter: '/work/dead' },
      '/work/dead': { maxDeliveryCount: 1, deadLetter: '/topic/dead' },
    },
  });
  server.access.deny('send', '/work/dead').deny('send', '/topic/dead');
  const { say } = connect();
  await say(work(1), work(1, '/work/dead'), { type: 'subscribe', destination: '/topic/dead' });
  await server.publish('/work/jobs', 'poison');
  const [once_] = await say();
  const [twice] = await say(word('reject', once_));
  const [dead] = await say(word('reject', twice));
  assert.deepEqual([dead?.['destination'], dead?.['body']], ['/work/dead', 'poison']);
  const [told] = await say(word('reject', dead));
  const { destination, headers } = told as unknown as { destination: string; headers: string[][] };
  assert.equal(destination, '/topic/dead');
  assert.deepEqual(headers.slice(0, 4), [
    ['dead-letter-from', '/work/dead'],
    ['dead-letter-reason', 'rejected'],
    ['dead-letter-delivery-count', '1'],
    ['dead-letter-from', '/work/jobs'],
  ]);
});

test('what an outbound interceptor drops is done; what it changes is acknowledged as it was, and times out', async (t) => {
  const { server, connect, passed } = inMemory(t, {
    work: { '/work/**': { acknowledgeTimeoutMs: 5_000 } },
  });
  server.intercept({
    outbound: async ({ publication }) => {
      const body = publication.json() as string;
      return body === 'drop' ? 'drop' : Message.fromJson(`${body}!`);
    },
  });
  const { say, pair, heard } = connect();
  await say(work(1));
  for (const body of ['drop', 'a', 'b']) await server.publish('/work/jobs', body);
  const [first] = await say();
  assert.equal(first?.['body'], 'a!');
  await passed(5_300);
  const [again] = heard();
  assert.equal(again?.['body'], 'a!');
  assert.deepEqual(bodies(await say(word('acknowledge', again))), ['b!']);
  pair.cut();
  await passed();
  assert.deepEqual(bodies(await connect().say(work(10))), ['b!'], 'what was dropped is gone');
});

test('[K3] consumers whose messages are changed on their way take turns too', async (t) => {
  const { server, connect } = inMemory(t);
  server.intercept({ outbound: ({ publication }) => Message.fromJson([publication.json()]) });
  const [left, right] = [connect(), connect()];
  for (const { say } of [left, right]) await say(work(10));
  await Promise.all([1, 2, 3, 4].map((body) => server.publish('/work/jobs', body)));
  assert.deepEqual(
    [bodies(await left.say()), bodies(await right.say())],
    [
      [[1], [3]],
      [[2], [4]],
    ],
  );
});

test('[K2] a STOMP client and a native one share a queue, each acknowledging in its own words', async (t) => {
  const { server, connect, passed } = inMemory(t);
  const native = connect();
  const stomp = connect('v12.stomp');
  const frames = (): string[] =>
    stomp.pair.take().map(({ octets }) => new TextDecoder().decode(octets));
  stomp.pair.sendText('CONNECT\naccept-version:1.2\nhost:a\n\n\0');
  await passed();
  stomp.pair.sendText('SUBSCRIBE\nid:0\ndestination:/work/jobs\nack:client-individual\n\n\0');
  await passed();
  await native.say(work(1));
  frames();
  for (const body of ['a', 'b', 'c']) await server.publish('/work/jobs', body);
  const [toNative] = await native.say();
  const toStomp = frames().join('');
  assert.equal(toNative?.['body'], 'b');
  assert.match(toStomp, /"a"[^]*"c"/);
  const acks = [...toStomp.matchAll(/^ack:(.*)$/gm)].map(([, ack]) => ack);
  assert.equal(acks.length, 2);
  stomp.pair.sendText(`NACK\nid:${acks[0]}\n\n\0`);
  stomp.pair.sendText(`ACK\nid:${acks[1]}\n\n\0`);
  await passed();
  const again = frames().join('');
  assert.match(again, /^redelivered:true$/m);
  assert.match(again, /^delivery-count:2$/m);
  stomp.pair.cut();
  await passed();
  assert.deepEqual(bodies(await native.say(word('acknowledge', toNative))), ['a']);
});

async function listening(t: TestContext, options: ServerOptions = {}): Promise<TidewayServer> {
  const server = createServer(options);
  await server.listen({ port: 0 });
  t.after(() => server.close());
  return server;
}

test('the HTTP API sends work as it publishes: position, message id, and 503 when the queue is full', async (t) => {
  const server = await listening(t, {
    apiKeys: ['a-key-for-these-tests'],
    work: { '/work/**': { maxMessageCount: 2 } },
  });
  const publish = async (body: object): Promise<{ status: number; json: Frame }> => {
    const response = await fetch(`${server.url}/api/publish`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: 'Bearer a-key-for-these-tests',
      },
      body: JSON.stringify({ destination: '/work/jobs', ...body }),
    });
    return { status: response.status, json: (await response.json()) as Frame };
  };
  const first = await publish({ body: 1, messageId: 'm' });
  assert.deepEqual([first.status, first.json['offset']], [200, 1]);
  const again = { ...first.json, isDuplicate: true };
  assert.deepEqual((await publish({ body: 1, messageId: 'm' })).json, again);
  assert.equal((await publish({ body: 2 })).json['offset'], 2);
  const full = await publish({ body: 3 });
  assert.equal(full.status, 503);
  assert.equal((full.json['error'] as { code: string }).code, 'work/full');
  const peer = await NativePeer.open(server.url);
  peer.send(work(10));
  await peer.frame('publication', { body: 2 });
  assert.deepEqual(bodies(peer.frames), [1, 2]);
  await peer.close();
});

test('[K2] two clients compete over real sockets, one is cut again and again: every job is done', async (t) => {
  const JOB_COUNT = 200;
  const server = await listening(t);
  const proxy = await CuttableProxy.before(server.address?.port ?? 0);
  t.after(() => proxy.close());
  const done = new Map<unknown, number>();
  const sizes = { redelivered: 0, cut: 0 };
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const run = (port: number, afterJob: () => void): Client => {
    const client = new Client({
      url: `ws://127.0.0.1:${port}/ws`,
      backoff: { minMs: 1, maxMs: 10 },
      onError: () => {},
    });
    t.after(() => client.close());
    client.subscribe(
      '/work/jobs',
      async ({ body, headers }: UnacknowledgedPublication) => {
        if (headers.some(([name]) => name === 'redelivered')) sizes.redelivered += 1;
        await new Promise((resolve) => setImmediate(resolve));
        if (Number(body) % 17 === 0 && !done.has(body)) {
          done.set(body, 0);
          throw new Error('the first time it fails');
        }
        done.set(body, (done.get(body) ?? 0) + 1);
        afterJob();
        if ([...done.values()].filter((count) => count > 0).length === JOB_COUNT) finish();
      },
      { acknowledge: 'auto', maxUnacknowledged: 5 },
    );
    return client;
  };
  let jobs = 0;
  const cutNowAndThen = (): void => {
    if (++jobs % 10 !== 0) return;
    sizes.cut += 1;
    proxy.cut();
  };
  const steady = run(server.address?.port ?? 0, () => {});
  const shaky = run(proxy.port, cutNowAndThen);
  await Promise.all([steady.connect(), shaky.connect()]);
  const boss = new Client({ url: `ws://127.0.0.1:${server.address?.port}/ws` });
  t.after(() => boss.close());
  void boss.connect();
  for (let job = 0; job < JOB_COUNT; job++) {
    await boss.send('/work/jobs', job);
  }
  await finished;
  assert.equal(done.size, JOB_COUNT);
  assert.ok(sizes.cut > 0, 'the connection was cut');
  assert.ok(sizes.redelivered >= Math.floor(JOB_COUNT / 17), `${sizes.redelivered} came again`);
});

test('manual: the client says when; what it has not acknowledged comes again after a reconnect', async (t) => {
  const server = await listening(t);
  const proxy = await CuttableProxy.before(server.address?.port ?? 0);
  t.after(() => proxy.close());
  const client = new Client({
    url: `ws://127.0.0.1:${proxy.port}/ws`,
    backoff: { minMs: 1, maxMs: 10 },
  });
  t.after(() => client.close());
  const inbox = new EventTarget();
  const got: UnacknowledgedPublication[] = [];
  client.subscribe(
    '/work/jobs',
    (publication) => {
      got.push(publication);
      inbox.dispatchEvent(new Event(`${got.length}`));
    },
    { acknowledge: 'manual', maxUnacknowledged: 2 },
  );
  const until = async (count: number): Promise<void> => {
    if (got.length < count) await once(inbox, `${count}`);
  };
  await client.connect();
  for (const body of ['a', 'b', 'c']) await server.publish('/work/jobs', body);
  await until(2);
  got[0]?.acknowledge();
  await until(3);
  proxy.cut();
  await until(5);
  assert.deepEqual(
    got.map(({ body, headers }) => [body, headers[0]?.[0]]),
    [
      ['a', undefined],
      ['b', undefined],
      ['c', undefined],
      ['b', 'redelivered'],
      ['c', 'redelivered'],
    ],
  );
});
