/** Proves that all anonymous sessions of one address have one share of what the server keeps, and message ids of their own. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createServer, MemoryMetrics, type ServerOptions } from 'tideway';
import { memoryServer, type Frame, type MemoryPeer } from './memory-peer.js';
import { NativePeer } from './native-peer.js';

/** Of the addresses for documentation: that of the many, and another. */
const [CROWDED, OTHER] = ['203.0.113.1', '203.0.113.2'];
const CROWD_SIZE = 12;

type SharesServer = Awaited<ReturnType<typeof rig>>;

/** A server with a crowd of anonymous sessions of one address. */
async function rig(t: TestContext, options: ServerOptions) {
  const metrics = new MemoryMetrics();
  const memory = memoryServer({ metrics, ...options });
  t.after(() => memory.server.close());
  const crowd: MemoryPeer[] = [];
  for (let count = 0; count < CROWD_SIZE; count++) {
    crowd.push(await memory.connect(undefined, {}, CROWDED));
  }
  return { ...memory, metrics, crowd };
}

const wasTaken = ({ type }: Frame): boolean => type === 'receipt' || type === 'subscribed';

/** Of what one after another asks for, in turns, how much is taken before all were refused. */
async function takenOf(
  peers: readonly MemoryPeer[],
  frameOf: (turn: number, peer: number) => object,
): Promise<number> {
  let count = 0;
  let isAnyTaken = true;
  for (let turn = 0; isAnyTaken; turn++) {
    isAnyTaken = false;
    for (const [index, peer] of peers.entries()) {
      const answers = await peer.say(frameOf(turn, index));
      if (!answers.some(wasTaken)) continue;
      isAnyTaken = true;
      count += 1;
      assert.ok(count < 1_000, 'it ends');
    }
  }
  return count;
}

let nameCount = 0;
const newName = (): string => `n${++nameCount}`;

/** Asks with the crowd until nothing is left for it, then with another address and a name; answers how much each has got. */
async function contest(server: SharesServer, frameOf: () => object): Promise<number[]> {
  const { crowd, connect } = server;
  const got = [await takenOf(crowd, frameOf)];
  got.push(await takenOf([await connect(undefined, {}, OTHER)], frameOf));
  // Where the crowd is does not matter to who has a name.
  got.push(await takenOf([await connect('ada', {}, CROWDED)], frameOf));
  return got;
}

test('[Q2] the streams of an address are counted together, however many sessions open them', async (t) => {
  const server = await rig(t, { memory: { maxStreamCount: 80 } });
  const frameOf = () => ({ type: 'subscribe', destination: `/topic/${newName()}` });
  // Up to its part, one of three, whoever is there; then what is left, but for the last eighth.
  assert.deepEqual(await contest(server, frameOf), [40, 26, 4]);
});

test('[Q2] [K7] so are its work queues', async (t) => {
  const server = await rig(t, { limits: { maxWorkQueueCount: 80 } });
  const frameOf = () => ({ type: 'subscribe', destination: `/work/${newName()}` });
  assert.deepEqual(await contest(server, frameOf), [40, 20, 10]);
});

test('[Q2] [K7] so are the octets of its work', async (t) => {
  const server = await rig(t, { limits: { maxWorkBytes: 80_000 } });
  const body = 'x'.repeat(900);
  const frameOf = () => ({ type: 'send', id: 1, destination: '/work/a', body });
  const [crowd = 0, other = 0, named = 0] = await contest(server, frameOf);
  assert.ok(crowd >= 18 && crowd <= 40, `${crowd}`);
  assert.ok(Math.abs(other - crowd / 2) <= 1, `${other} of ${crowd}`);
  assert.ok(Math.abs(named - crowd / 4) <= 1, `${named} of ${crowd}`);
});

test('[Q2] so are the octets that it publishes, and what others keep stays', async (t) => {
  const server = await rig(t, { limits: { maxRetainedBytes: 1_000_000 } });
  server.server.topics.rule('/topic/**', { historySize: 1_000, liveRingBytes: 0 });
  const { crowd, connect, metrics } = server;
  const publisher = (name: string) => () => {
    return { type: 'send', id: 1, destination: `/topic/${name}`, body: 'x'.repeat(9_000) };
  };
  // Somebody follows, so that nothing goes for a newer one.
  const reader = await connect();
  await reader.subscribe('/topic/crowd', '/topic/other', '/topic/ada');
  const countOfCrowd = await takenOf(crowd, publisher('crowd'));
  assert.ok(countOfCrowd > 30 && metrics.value('retained_bytes') < 540_000, `${countOfCrowd}`);
  const peers = new Map([
    ['other', await connect(undefined, {}, OTHER)],
    ['ada', await connect('ada', {}, CROWDED)],
  ]);
  const cursors = new Map<string, string>();
  // A sixth of all each: less than their parts.
  for (let count = 0; count < 17; count++) {
    for (const [name, peer] of peers) {
      const receipt = (await peer.say(publisher(name)())).find(wasTaken);
      assert.ok(receipt !== undefined, `${name} ${count}`);
      if (count === 0)
        cursors.set(name, `${String(receipt['epoch'])}:${String(receipt['offset'])}`);
    }
    await takenOf(crowd, publisher('crowd'));
  }
  for (const [name, cursor] of cursors) {
    const frame = { type: 'subscribe', id: 2, destination: `/topic/${name}`, cursor };
    const answers = await crowd[0]!.say(frame);
    assert.equal(answers.find(wasTaken)?.['recovered'], true, name);
    assert.equal(answers.filter(({ type }) => type === 'publication').length, 16);
  }
  assert.ok(metrics.value('retained_bytes') <= 1_000_000);
});

test('[S8] sessions of one address have message ids of their own; a name has its ids wherever it is', async (t) => {
  const { crowd, connect } = await rig(t, {});
  const [one, another] = crowd as [MemoryPeer, MemoryPeer];
  const named = [await connect('ada', {}, CROWDED), await connect('ada', {}, OTHER)];
  for (const destination of ['/topic/a', '/work/a']) {
    const isKnown = async (peer: MemoryPeer): Promise<boolean> => {
      const frame = { type: 'send', id: 1, destination, messageId: 'm', body: 1 };
      const receipt = (await peer.say(frame)).find(({ type }) => type === 'receipt');
      assert.ok(receipt !== undefined);
      return receipt['isDuplicate'] === true;
    };
    const known: boolean[] = [];
    for (const peer of [one, another, one, another, ...named]) known.push(await isKnown(peer));
    assert.deepEqual(known, [false, false, true, true, false, true]);
  }
});

test('[Q1] names that look like keys of others change nothing', async (t) => {
  const { crowd, connect } = await rig(t, { limits: { maxWorkQueueCount: 80 } });
  const frameOf = () => ({ type: 'subscribe', destination: `/work/${newName()}` });
  const anonymous = await connect();
  const names = [`address ${CROWDED}`, `session ${anonymous.sessionId}`, 'server', 'name server'];
  const got = [await takenOf(crowd, frameOf)];
  for (const name of names) got.push(await takenOf([await connect(name)], frameOf));
  // The last eighth of the places is for those who have none.
  assert.deepEqual(got, [40, 20, 10, 1, 1]);
  assert.equal(await takenOf([anonymous], frameOf), 1, 'has its own');
  const send = { type: 'send', id: 1, destination: '/topic/a', messageId: 'm', body: 1 };
  await anonymous.say(send);
  for (const name of names) {
    const [receipt] = await (await connect(name)).say(send);
    assert.deepEqual([receipt?.type, receipt?.['isDuplicate']], ['receipt', undefined], name);
  }
});

test("[Q1] what a handler sends is charged to whose message it handles, and its message ids are the server's", async (t) => {
  const server = await rig(t, { memory: { maxStreamCount: 80 } });
  server.server.app.map('/room/{name}', ({ body }) => body);
  server.server.app.map('/once', async ({ send }) => {
    await send('/topic/once', 1, { messageId: 'm' });
  });
  const { crowd, connect } = server;
  let openedCount = 0;
  for (let count = 0; count < 90; count++) {
    const peer = crowd[count % CROWD_SIZE]!;
    const name = newName();
    await peer.say({ type: 'send', id: 1, destination: `/app/room/${name}`, body: 1 });
    const answers = await peer.say({
      type: 'subscribe',
      id: 2,
      destination: `/topic/room/${name}`,
    });
    if (answers.some(wasTaken)) openedCount += 1;
  }
  assert.equal(openedCount, 40);
  const heard = await connect();
  await heard.subscribe('/topic/once');
  const named = await connect('ada');
  const once = { type: 'send', id: 1, destination: '/app/once', body: 1 };
  await named.say(once);
  await (await connect('bob')).say(once);
  assert.equal(heard.heard().filter(({ type }) => type === 'publication').length, 1);
});

test('[C2] behind a proxy it is the address of the client that has the share', async (t) => {
  const server = createServer({
    log: false,
    trustedProxies: ['127.0.0.0/8'],
    memory: { maxStreamCount: 8 },
  });
  await server.listen({ port: 0 });
  t.after(() => server.close());
  const openAll = async (address: string): Promise<(string | undefined)[]> => {
    const answers: (string | undefined)[] = [];
    for (let count = 0; count < 5; count++) {
      const headers = { 'X-Forwarded-For': address };
      const peer = await NativePeer.open(server.url, { headers });
      t.after(() => peer.socket.terminate());
      peer.send({ type: 'subscribe', id: 1, destination: `/topic/${newName()}` });
      const answer = await Promise.race([peer.frame('subscribed'), peer.frame('error')]);
      answers.push(answer.type);
    }
    return answers;
  };
  const ofFour = ['subscribed', 'subscribed', 'subscribed', 'subscribed', 'error'];
  assert.deepEqual(await openAll(CROWDED), ofFour);
  assert.deepEqual(await openAll(OTHER), ['subscribed', 'subscribed', 'error', 'error', 'error']);
});
