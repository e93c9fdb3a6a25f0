/** Proves that what one client is, and asks for, changes no octet of what another gets: frames are shared among subscribers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Message, type Interceptor, type TidewayServer } from 'tideway';
import { ConnectionPair, SeededRandom } from 'tideway/testing';
import { memoryServer } from './memory-peer.js';

type Version = '1.0' | '1.1' | '1.2';

interface Asked {
  readonly destination: string;
  /** What STOMP tells it by. */
  readonly id: string;
  readonly mode: 'auto' | 'client' | 'client-individual';
  /** How many may be on their way, where the client acknowledges. */
  readonly room: number | undefined;
}

interface Client {
  readonly name: string | undefined;
  readonly dialect: 'native' | Version;
  readonly asked: readonly Asked[];
  /** What an interceptor makes of what goes to it. */
  readonly outbound: 'nothing' | 'as it is' | 'change' | 'drop' | 'late';
}

/** Where an interceptor leads what is subscribed to. */
const LED: Readonly<Record<string, string>> = {
  '/topic/alias': '/topic/real',
  '/topic/other': '/topic/real',
  '/topic/wide': '/topic/*',
  '/topic/narrow/*': '/topic/real',
  '/user/queue/alias': '/user/queue/x',
};
const DESTINATIONS = [
  '/topic/real',
  '/topic/*',
  '/topic/**',
  '/user/queue/x',
  '/app/answer',
  ...Object.keys(LED),
];

const asked = fc.record<Asked>({
  destination: fc.constantFrom(...DESTINATIONS),
  id: fc.constantFrom('1', '2', '/topic/real', '/topic/alias', 'native', '-', '=1'),
  mode: fc.constantFrom('auto', 'client', 'client-individual'),
  room: fc.constantFrom(undefined, 2),
});
const client = fc.record<Client>({
  name: fc.constantFrom('ada', 'bob', undefined),
  dialect: fc.constantFrom('native', '1.0', '1.1', '1.2'),
  asked: fc.array(asked, { minLength: 1, maxLength: 3 }),
  outbound: fc.constantFrom('nothing', 'nothing', 'as it is', 'change', 'drop', 'late'),
});

function interceptorOf(outbounds: ReadonlyMap<string, Client['outbound']>): Interceptor {
  return {
    inbound: (operation) => {
      if (operation.kind !== 'subscribe') return undefined;
      const destination = LED[operation.destination];
      return destination === undefined ? undefined : { destination };
    },
    concerns: ({ sessionId }) => outbounds.get(sessionId) !== 'nothing',
    outbound: ({ publication, sessionId }) => {
      switch (outbounds.get(sessionId)) {
        case 'change':
          return publication.withHeaders([['for', sessionId]]);
        case 'drop':
          return (publication.offset ?? 0) % 2 === 0 ? 'drop' : undefined;
        case 'late':
          return Promise.resolve();
        default:
          return undefined;
      }
    },
  };
}

/** The subscriptions of a client as its dialect says them; one id of STOMP once. */
function wordsOf({ dialect, asked }: Client): readonly string[] {
  const seen = new Set<string>();
  return asked.flatMap(({ destination, id, mode, room }) => {
    const isNamed = dialect !== '1.0' || id.length > 1;
    const key = dialect === 'native' || !isNamed ? destination : id;
    if (seen.has(key)) return [];
    seen.add(key);
    const acknowledge = mode !== 'auto';
    if (dialect === 'native') {
      const maxUnacknowledged = acknowledge ? room : undefined;
      const frame = { type: 'subscribe', id: 1, destination, acknowledge, maxUnacknowledged };
      return [JSON.stringify(frame)];
    }
    const lines = [`destination:${destination}`, `ack:${mode}`, 'receipt:r'];
    if (isNamed) lines.push(`id:${id}`);
    if (room !== undefined) lines.push(`prefetch-count:${room}`);
    return [`SUBSCRIBE\n${lines.join('\n')}\n\n\0`];
  });
}

function hello({ dialect, name }: Client): string {
  if (dialect === 'native') return JSON.stringify({ type: 'connect', token: name });
  const token = name === undefined ? '' : `\nAuthorization:Bearer ${name}`;
  return `CONNECT\naccept-version:${dialect}\nhost:a${token}\n\n\0`;
}

async function publishAll(
  server: TidewayServer,
  sessionIds: readonly string[],
  settle: () => Promise<void>,
): Promise<void> {
  const [one = '', two = one] = sessionIds;
  await server.publish('/topic/real', { a: 1 });
  await server.publish('/topic/real', 'except', { audience: { exceptSessionId: one } });
  await server.publish('/topic/second', [1], { key: 'k', messageId: 'm' });
  await settle();
  await server.publish('/topic/real', 'only', { audience: { onlySessionId: two } });
  await server.publish('/topic/real', Message.fromText('text', [['a:b', 'c\\d']]));
  await settle();
  await server.publish('/topic/real', Uint8Array.of(0xff, 0));
  for (const name of ['ada', 'bob', one, two]) await server.sendToUser(name, '/queue/x', name);
  await settle();
}

/** What the clients get of which those that are `heard` subscribe: the same server and sessions every time. */
async function run(clients: readonly Client[], heard: readonly boolean[]): Promise<string[][]> {
  const outbounds = new Map<string, Client['outbound']>();
  const { server, time, settle, errors } = memoryServer({
    random: new SeededRandom(1),
    interceptors: [interceptorOf(outbounds)],
  });
  server.app.map('/answer', () => ({ answer: 1 }));
  const sessionIds: string[] = [];
  server.on('connected', ({ sessionId }) => sessionIds.push(sessionId));
  const pairs: ConnectionPair[] = [];
  for (const [index, one] of clients.entries()) {
    const pair = new ConnectionPair(time, server.accept, { connectionId: `connection-${index}` });
    pairs.push(pair);
    pair.sendText(hello(one));
    await settle();
    assert.equal(pair.take().length, 1, 'connected');
    outbounds.set(sessionIds[index] ?? '', one.outbound);
  }
  // Every stream there will be, so that their epochs are drawn in one order.
  await publishAll(server, sessionIds, settle);
  for (const [index, one] of clients.entries()) {
    for (const word of heard[index] === true ? wordsOf(one) : []) pairs[index]?.sendText(word);
    await settle();
  }
  await publishAll(server, sessionIds, settle);
  assert.deepEqual(errors, []);
  // Sorted, because no order is promised between the subscriptions of one client; the offset stands in each.
  const got = pairs.map((pair) =>
    pair
      .take()
      .map(({ octets, isBinary }) => `${isBinary}${Buffer.from(octets).toString('latin1')}`)
      .sort(),
  );
  await server.close();
  return got;
}

test('[M3] [O1] what a client gets does not depend on who else is subscribed', async () => {
  await fc.assert(
    fc.asyncProperty(client, client, async (first, second) => {
      const clients = [first, second];
      const together = await run(clients, [true, true]);
      assert.deepEqual(together[0], (await run(clients, [true, false]))[0], 'the first');
      assert.deepEqual(together[1], (await run(clients, [false, true]))[1], 'the second');
    }),
    { numRuns: 60 },
  );
});

type Given = Partial<Asked> & Partial<Pick<Client, 'dialect' | 'outbound'>>;
const REAL = { destination: '/topic/real' };

const TWO: readonly (readonly [why: string, first: Given, second: Given])[] = [
  ['led there and asked for it', { destination: '/topic/alias' }, REAL],
  ['led there by two names', { destination: '/topic/alias' }, { destination: '/topic/other' }],
  ['led to a pattern', { destination: '/topic/wide' }, { destination: '/topic/*' }],
  ['led from a pattern', { destination: '/topic/narrow/*' }, REAL],
  ['a pattern and what it matches', { destination: '/topic/*' }, REAL],
  ['two ids', { ...REAL, id: '2' }, REAL],
  ['one acknowledges', { ...REAL, mode: 'client' }, REAL],
  ['both acknowledge', { ...REAL, mode: 'client' }, { ...REAL, mode: 'client-individual' }],
  ['one has little room', { ...REAL, mode: 'client', room: 2 }, REAL],
  ['STOMP 1.1', { ...REAL, dialect: '1.1', mode: 'client' }, { ...REAL, mode: 'client' }],
  ['STOMP 1.0', { ...REAL, dialect: '1.0' }, REAL],
  ['changed for one', { ...REAL, outbound: 'change' }, REAL],
  ['dropped for one', { ...REAL, outbound: 'drop' }, { ...REAL, mode: 'client' }],
  ['one own destination', { destination: '/user/queue/alias' }, { destination: '/user/queue/x' }],
];

for (const [why, first, second] of TWO) {
  for (const dialect of ['native', '1.2'] as const) {
    test(`[I2] both get what is theirs, whoever came first: ${why}, ${dialect}`, async () => {
      const clientOf = (given: Given): Client => {
        const base = { destination: '', id: '1', mode: 'auto', room: undefined } as const;
        const asked = [{ ...base, ...given }];
        return { name: 'ada', dialect, outbound: 'nothing', ...given, asked };
      };
      for (const clients of [
        [clientOf(first), clientOf(second)],
        [clientOf(second), clientOf(first)],
      ]) {
        const together = await run(clients, [true, true]);
        assert.deepEqual(together[0], (await run(clients, [true, false]))[0]);
        assert.deepEqual(together[1], (await run(clients, [false, true]))[1]);
        assert.ok(together.every((heard) => heard.length >= 2));
      }
    });
  }
}

test('[S5] STOMP: the place of a publication is a cursor where one destination is followed, whatever was asked for', async () => {
  const base = { id: '1', mode: 'auto', room: undefined } as const;
  const cursorsOf = async (destination: string): Promise<boolean> => {
    const asked = [{ ...base, destination }];
    const one: Client = { name: 'ada', dialect: '1.2', asked, outbound: 'nothing' };
    const [heard = []] = await run([one], [true]);
    return heard.some((text) => text.includes('MESSAGE') && text.includes('tideway-cursor'));
  };
  assert.equal(await cursorsOf('/topic/alias'), true);
  assert.equal(await cursorsOf('/topic/narrow/*'), true);
  assert.equal(await cursorsOf('/topic/wide'), false);
  assert.equal(await cursorsOf('/topic/*'), false);
});
