/** Proves what the client says about publications, when, and on which connection. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { ScriptedServer, SeededRandom, VirtualTime } from '../testing/index.js';
import { Client, type UnacknowledgedPublication } from './index.js';

function begin() {
  const server = new ScriptedServer();
  const time = new VirtualTime();
  const reported: unknown[] = [];
  const client = new Client({
    url: 'ws://localhost/ws',
    WebSocket: server.WebSocket,
    time,
    random: new SeededRandom(1),
    onError: (error) => reported.push(error),
  });
  let retryInMs = 0;
  client.onState((change) => (retryInMs = change.retryInMs ?? 0));
  void client.connect();
  const sent = () => server.socket.takeSent() as { type: string; id?: number }[];
  /** Accepts the connection and the one subscription; answers how that was asked for. */
  const accept = () => {
    server.socket.opened();
    server.socket.received({ type: 'connected', heartbeatIntervalMs: 0, maxMessageBytes: 1_000 });
    const subscribe = sent().at(-1);
    server.socket.received({ type: 'subscribed', id: subscribe?.id, destination: '/work/a' });
    return subscribe;
  };
  const deliver = (offset: number, more: object = {}): void => {
    const fields = { destination: '/work/a', epoch: 'e', offset, publishedAtMs: 0, body: offset };
    server.socket.received({ type: 'publication', ...fields, ...more });
  };
  const cut = (): void => {
    server.socket.ended();
    time.advance(retryInMs);
  };
  return { server, client, sent, accept, deliver, cut, reported };
}

const word = (type: string, offset: number) => ({
  type,
  destination: '/work/a',
  epoch: 'e',
  offset,
});

test('a subscription asks for acknowledgements only when it is told to, one after another by default', () => {
  const asked = (options?: object): object => {
    const { client, accept } = begin();
    client.subscribe('/work/a', () => {}, options as { acknowledge: 'auto' });
    const { id: _id, ...frame } = accept() ?? {};
    return frame;
  };
  const plain = { type: 'subscribe', destination: '/work/a' };
  assert.deepEqual(asked(), plain);
  assert.deepEqual(asked({ maxUnacknowledged: 5 }), plain);
  const one = { ...plain, acknowledge: true, maxUnacknowledged: 1 };
  assert.deepEqual(asked({ acknowledge: 'auto' }), one);
  assert.deepEqual(asked({ acknowledge: 'manual' }), one);
  const ten = { ...one, maxUnacknowledged: 10 };
  assert.deepEqual(asked({ acknowledge: 'auto', maxUnacknowledged: 10 }), ten);
});

test('auto: acknowledged when the promise resolves, rejected and told when it rejects or the handler throws', async () => {
  const { client, accept, deliver, sent, reported } = begin();
  const settle: ((failure?: Error) => void)[] = [];
  client.subscribe(
    '/work/a',
    ({ body }) => {
      if (body === 3) throw new Error('thrown');
      return new Promise<void>((resolve, reject) => {
        settle.push((failure) => (failure === undefined ? resolve() : reject(failure)));
      });
    },
    { acknowledge: 'auto', maxUnacknowledged: 3 },
  );
  accept();
  for (const offset of [1, 2, 3]) deliver(offset);
  await turn();
  assert.deepEqual(sent(), [word('reject', 3)]);
  settle[1]?.();
  await turn();
  assert.deepEqual(sent(), [word('acknowledge', 2)]);
  settle[0]?.(new Error('rejected'));
  await turn();
  assert.deepEqual(sent(), [word('reject', 1)]);
  assert.deepEqual(reported.map(String), ['Error: thrown', 'Error: rejected']);
});

test('manual: the handler says either word once, whenever it likes; what it returns does not count', async () => {
  const { client, accept, deliver, sent } = begin();
  const got: UnacknowledgedPublication[] = [];
  client.subscribe('/work/a', (publication) => void got.push(publication), {
    acknowledge: 'manual',
  });
  accept();
  deliver(1);
  deliver(2);
  await turn();
  assert.deepEqual(sent(), []);
  got[0]?.acknowledge();
  got[0]?.acknowledge();
  got[0]?.reject();
  got[1]?.reject();
  assert.deepEqual(sent(), [word('acknowledge', 1), word('reject', 2)]);
});

test('a word carries the name of a pattern, and there is none for what has no position', () => {
  const { client, accept, deliver, sent } = begin();
  client.subscribe('/work/a', (publication) => publication.acknowledge(), {
    acknowledge: 'manual',
  });
  accept();
  deliver(1, { destination: '/work/b', subscription: '/work/a' });
  deliver(2, { epoch: undefined, offset: undefined });
  assert.deepEqual(sent(), [
    { ...word('acknowledge', 1), destination: '/work/b', subscription: '/work/a' },
  ]);
});

test('after a cut or an unsubscribe the words of before mean nothing and are not said', async () => {
  const { client, accept, deliver, sent, cut } = begin();
  const got: UnacknowledgedPublication[] = [];
  const subscription = client.subscribe('/work/a', (publication) => void got.push(publication), {
    acknowledge: 'manual',
  });
  accept();
  deliver(1);
  cut();
  got[0]?.acknowledge();
  assert.deepEqual(
    (({ type, ...rest }) => [type, 'acknowledge' in rest])(accept() ?? { type: '' }),
    ['subscribe', true],
  );
  got[0]?.reject();
  assert.deepEqual(sent(), []);
  deliver(1);
  got[1]?.acknowledge();
  assert.deepEqual(sent(), [word('acknowledge', 1)]);
  deliver(2);
  subscription.unsubscribe();
  sent();
  got[2]?.acknowledge();
  assert.deepEqual(sent(), []);
});

test('without the option a publication has no words, and promises are not waited for', () => {
  const { client, accept, deliver, sent } = begin();
  const got: object[] = [];
  client.subscribe('/work/a', (publication) => void got.push(publication));
  accept();
  deliver(1);
  assert.ok(!('acknowledge' in (got[0] ?? {})));
  assert.deepEqual(sent(), []);
});
