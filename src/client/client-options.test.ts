import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_TIMER_MS } from '../foundation/index.js';
import { ScriptedServer, SeededRandom, VirtualTime } from '../testing/index.js';
import type { BackoffOptions } from './backoff.js';
import {
  Client,
  ClientError,
  type ClientOptions,
  type OperationOptions,
  type SubscribeOptions,
} from './index.js';

/** The members of options that are numbers: one that is added has to be in the table below. */
type NumberNames<Options> = {
  [Name in keyof Required<Options>]: NonNullable<Options[Name]> extends number ? Name : never;
}[keyof Required<Options>];

type NumberName =
  | NumberNames<ClientOptions>
  | NumberNames<BackoffOptions>
  | NumberNames<OperationOptions>
  | NumberNames<SubscribeOptions>;

interface Rig {
  readonly server: ScriptedServer;
  readonly time: VirtualTime;
  readonly client: Client;
  /** Every delay that a timer was set for. */
  readonly delays: readonly number[];
}

function begin(options: Partial<ClientOptions> = {}): Rig {
  const server = new ScriptedServer();
  const time = new VirtualTime();
  const delays: number[] = [];
  const client = new Client({
    url: 'ws://localhost/ws',
    WebSocket: server.WebSocket,
    random: new SeededRandom(1),
    time: {
      monotonicMs: () => time.monotonicMs(),
      after: (delayMs, callback) => {
        delays.push(delayMs);
        return time.after(delayMs, callback);
      },
    },
    onError: () => {},
    ...options,
  });
  return { server, time, client, delays };
}

const accept = ({ server }: Rig): void => {
  server.socket.opened();
  server.socket.received({ type: 'connected', heartbeatIntervalMs: 0, maxMessageBytes: 1_000 });
};

interface Way {
  readonly min: number;
  /** Gives the option a value, with which the client then does all that needs it. Throws or rejects where that is none. */
  readonly give: (value: number) => Rig | Promise<Rig>;
}

const constructed =
  (options: (value: number) => Partial<ClientOptions>) =>
  (value: number): Rig =>
    begin(options(value));

async function operated(timeoutMs: number): Promise<Rig> {
  const rig = begin();
  const options = { timeoutMs };
  const outcomes = Promise.allSettled([
    rig.client.send('/topic/a', 1, options),
    rig.client.request('/app/a', 1, options),
    rig.client.requestStream('/app/a', 1, options).next(),
  ]);
  rig.client.close();
  for (const outcome of await outcomes) {
    assert.ok(outcome.status === 'rejected');
    if ((outcome.reason as ClientError).code !== 'client/closed') throw outcome.reason;
  }
  return rig;
}

const WAYS: Readonly<Record<NumberName, Way>> = {
  heartbeatIntervalMs: {
    min: 0,
    give: constructed((heartbeatIntervalMs) => ({ heartbeatIntervalMs })),
  },
  connectTimeoutMs: { min: 0, give: constructed((connectTimeoutMs) => ({ connectTimeoutMs })) },
  requestTimeoutMs: { min: 0, give: constructed((requestTimeoutMs) => ({ requestTimeoutMs })) },
  maxQueuedCount: { min: 0, give: constructed((maxQueuedCount) => ({ maxQueuedCount })) },
  minMs: { min: 0, give: constructed((minMs) => ({ backoff: { minMs } })) },
  maxMs: { min: 0, give: constructed((maxMs) => ({ backoff: { maxMs } })) },
  stableAfterMs: { min: 0, give: constructed((stableAfterMs) => ({ backoff: { stableAfterMs } })) },
  timeoutMs: { min: 0, give: operated },
  maxUnacknowledged: {
    min: 1,
    give: (maxUnacknowledged) => {
      const rig = begin();
      rig.client.subscribe('/topic/a', () => {}, { acknowledge: 'auto', maxUnacknowledged });
      return rig;
    },
  },
};

const OUT_OF_RANGE = [NaN, -1, -0.001, -Infinity, MAX_TIMER_MS + 1, 2 ** 53, 1e300];
/** What JavaScript, JSON and environments give for numbers. */
const NO_NUMBERS = ['', '5', '5s', true, [], {}, 5n] as unknown as number[];

test('every number that no option can mean is refused by name, with its value and what is allowed', async () => {
  for (const [name, { min, give }] of Object.entries(WAYS)) {
    for (const value of [...OUT_OF_RANGE, ...NO_NUMBERS, ...(min > 0 ? [0] : [])]) {
      await assert.rejects(
        async () => give(value),
        (error) => {
          assert.ok(error instanceof ClientError, `${name}: ${String(value)}`);
          assert.equal(error.code, 'client/invalid-option');
          const words = `${name} is ${String(value)}, not a number from ${min} to 2147483647 or Infinity`;
          assert.equal(error.message, words);
          return true;
        },
      );
    }
  }
});

test('with every number that an option can mean no timer is set for what it cannot hold, and nothing fires at once', async () => {
  for (const [name, { min, give }] of Object.entries(WAYS)) {
    for (const value of [min, 1, 1.5, 30_000, MAX_TIMER_MS, Infinity]) {
      const rig = await give(value);
      await live(rig);
      for (const delayMs of rig.delays) {
        const holds = delayMs >= 0 && delayMs <= MAX_TIMER_MS;
        assert.ok(holds, `${name} of ${value}: a timer for ${delayMs} ms`);
      }
    }
  }
});

/** Connects, asks, is refused a subscription, and loses the connection until the backoff has reached its bound. */
async function live(rig: Rig): Promise<void> {
  const { server, client, time } = rig;
  let retryInMs = 0;
  client.onState((change) => (retryInMs = change.retryInMs ?? 0));
  client.connect().catch(() => {});
  client.send('/topic/a', 1).catch(() => {});
  client.subscribe('/topic/refused', () => {});
  for (let attempt = 0; attempt < 40; attempt++) {
    accept(rig);
    // The wire has whole numbers only.
    for (const message of server.socket.takeSent() as Record<string, unknown>[]) {
      for (const member of ['heartbeatIntervalMs', 'maxUnacknowledged']) {
        const value = message[member] ?? 0;
        assert.ok(Number.isSafeInteger(value), `${member} is ${JSON.stringify(value)} on the wire`);
      }
      const { id, type } = message;
      const code = 'server/failed';
      if (type === 'subscribe') server.socket.received({ type: 'error', id, number: 503, code });
    }
    server.socket.ended();
    time.advance(retryInMs);
  }
  client.close();
}

test('Infinity is no limit: nothing times out, and nothing is too much', async () => {
  const rig = begin({
    connectTimeoutMs: Infinity,
    requestTimeoutMs: Infinity,
    heartbeatIntervalMs: Infinity,
    maxQueuedCount: Infinity,
  });
  const { client, time, server } = rig;
  const failures: unknown[] = [];
  const failed = (error: unknown): void => void failures.push(error);
  void client.connect();
  for (let count = 0; count < 300; count++) client.send('/topic/a', count).catch(failed);
  client.send('/topic/a', 1, { timeoutMs: Infinity }).catch(failed);
  time.advance(MAX_TIMER_MS);
  time.advance(MAX_TIMER_MS);
  accept(rig);
  time.advance(MAX_TIMER_MS);
  await Promise.resolve();
  assert.equal(client.state, 'connected');
  assert.deepEqual(failures, []);
  const sent = server.socket.takeSent() as { type: string }[];
  assert.equal(sent.filter(({ type }) => type === 'send').length, 301);
  client.close();
});

test('0 is no limit for an attempt to connect, as it is for an operation', () => {
  const rig = begin({ connectTimeoutMs: 0, requestTimeoutMs: 0 });
  void rig.client.connect();
  rig.time.advance(MAX_TIMER_MS);
  assert.equal(rig.client.state, 'connecting');
  accept(rig);
  assert.equal(rig.client.state, 'connected');
  rig.client.close();
});

test('a url that is no WebSocket server is refused, with its value and what is allowed', () => {
  const urls = [
    '',
    'nowhere',
    'ws://',
    'ftp://localhost/ws',
    'file:///ws',
    'javascript:0',
    'localhost:8080',
  ];
  for (const url of [...urls, undefined, null, 5, {}] as string[]) {
    assert.throws(() => begin({ url }), {
      name: 'ClientError',
      code: 'client/invalid-url',
      message: `url is "${url}", not a URL with ws:, wss:, http: or https:`,
    });
  }
  const opened = {
    'http://localhost/ws': 'ws:',
    'https://localhost/ws': 'wss:',
    'wss://a': 'wss:',
  };
  for (const [url, protocol] of Object.entries(opened)) {
    const { client, server } = begin({ url });
    void client.connect();
    assert.equal(new URL(server.socket.url).protocol, protocol);
    client.close();
  }
});

test('in a page a url may be relative, and one that is not set is no path below it', (context) => {
  const { location } = globalThis as { location?: unknown };
  context.after(() => Object.assign(globalThis, { location }));
  Object.assign(globalThis, { location: { href: 'https://example.com/app/' } });
  const { client, server } = begin({ url: '/ws' });
  void client.connect();
  assert.equal(server.socket.url, 'wss://example.com/ws');
  client.close();
  for (const url of ['', undefined, null] as string[]) {
    assert.throws(() => begin({ url }), { code: 'client/invalid-url' });
  }
});
