/** Proves what becomes of a handler's errors: exception handlers, their destinations, and what a client never learns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestError } from 'tideway';
import { memoryServer, told } from './memory-peer.js';

class StockError extends Error {
  readonly item: string;
  constructor(item: string) {
    super(`no ${item}`);
    this.item = item;
  }
}

test('[H4] the value of an exception handler goes to the errors queue of the session that sent, or is the reply', async () => {
  const { server, connect, errors } = memoryServer();
  server.app.map('/buy/{item}', ({ variables }) => {
    throw new StockError(variables.item);
  });
  server.app.onError(StockError, ({ item }, { destination }) => ({ item, destination }));
  const [phone, laptop] = [await connect('ada'), await connect('ada')];
  for (const peer of [phone, laptop]) await peer.subscribe('/user/queue/errors');
  const body = { item: 'tea', destination: '/app/buy/tea' };
  const destination = '/app/buy/tea';
  const sent = await phone.say({ type: 'send', id: 1, destination });
  assert.deepEqual(told(sent), [['/user/queue/errors', body]]);
  assert.ok(sent.some(({ type, id }) => type === 'receipt' && id === 1));
  assert.deepEqual(laptop.heard(), []);
  const [reply] = await phone.say({ type: 'request', id: 2, destination });
  assert.deepEqual([reply?.type, reply?.['body']], ['reply', body]);
  // A subscriber's data are never an error's: the value goes to the queue, and the subscription ends.
  const subscribed = await phone.say({ type: 'subscribe', id: 3, destination });
  assert.deepEqual(told(subscribed), [['/user/queue/errors', body]]);
  assert.ok(
    subscribed.some((frame) => frame.type === 'ended' && frame['destination'] === destination),
  );
  assert.deepEqual(errors, []);
  await server.close();
});

test('an exception handler may say where its value goes, be chosen by a predicate, and say nothing', async () => {
  const { server, connect } = memoryServer();
  server.app.map('/{what}/{id}', ({ variables }) => {
    throw new StockError(variables.what);
  });
  const isItem = (item: string) => (error: unknown) =>
    error instanceof StockError && error.item === item;
  server.app.onError(isItem('topic'), () => 1, { sendTo: '/topic/failed/{id}' });
  server.app.onError(isItem('user'), () => 2, { sendToUser: '/queue/failed' });
  server.app.onError(isItem('nothing'), () => undefined);
  server.app.onError(Error, () => 'the first that fits counts');
  server.app.onError(StockError, () => 'never');
  const [phone, laptop] = [await connect('ada'), await connect('ada')];
  const own = ['/user/queue/failed', '/user/queue/errors'];
  for (const peer of [phone, laptop]) await peer.subscribe('/topic/**', ...own);
  const heard = await phone.say(
    ...['topic', 'user', 'nothing', 'other'].map((what) => {
      return { type: 'send', destination: `/app/${what}/7` };
    }),
  );
  const all = [
    ['/topic/failed/7', 1],
    ['/user/queue/failed', 2],
  ];
  const last = ['/user/queue/errors', 'the first that fits counts'];
  assert.deepEqual(told(heard), [...all, last]);
  assert.deepEqual(told(laptop.heard()), all);
  await server.close();
});

test('an exception handler may translate an error, and one that fails itself is a failed handler', async () => {
  const { server, connect, errors } = memoryServer();
  server.app.map('/a', () => {
    throw new StockError('tea');
  });
  server.app.map('/b', async function* () {
    yield 1;
    throw new StockError('milk');
  });
  server.app.map('/c', () => {
    throw new RangeError('a secret');
  });
  server.app.onError(StockError, ({ item }) => {
    throw new RequestError('shop/sold-out', `${item} is sold out`);
  });
  server.app.onError(RangeError, () => {
    throw new Error('another secret');
  });
  const ada = await connect('ada');
  const heard = await ada.say(
    ...['a', 'b', 'c'].map((path, id) => {
      return { type: 'request', id, destination: `/app/${path}` };
    }),
  );
  const answers = [0, 1, 2].map((asked) =>
    heard
      .filter(({ id }) => id === asked)
      .map(({ body, code, message }) => [body ?? code, message]),
  );
  assert.deepEqual(answers, [
    [['shop/sold-out', 'tea is sold out']],
    [
      [1, undefined],
      ['shop/sold-out', 'milk is sold out'],
    ],
    [['app/failed', 'the handler of this destination failed']],
  ]);
  assert.deepEqual(errors, ['a message handler failed']);
  await server.close();
});

test('a value that cannot be sent is a failure of its message, without the words of an unknown error', async () => {
  const { server, connect, errors } = memoryServer();
  server.app.map('/circular', () => {
    const value: Record<string, unknown> = {};
    value['self'] = value;
    return value;
  });
  server.app.map('/lost', { sendTo: '/nowhere' }, () => 1);
  const ada = await connect('ada');
  const heard = await ada.say(
    { type: 'send', id: 1, destination: '/app/circular' },
    { type: 'send', id: 2, destination: '/app/lost' },
  );
  assert.deepEqual(
    heard.map(({ id, code }) => [id, code]),
    [
      [1, 'app/failed'],
      [2, 'destination/unknown'],
    ],
  );
  assert.deepEqual(errors, ['a message handler failed']);
  await server.close();
});

test('an exception handler of a class takes its instances, be it one of errors or not', async () => {
  const { server, connect } = memoryServer();
  class Refusal {
    readonly why = 'refusal';
  }
  // As code from before classes has it.
  const Old = function (this: object) {} as unknown as new () => object;
  (Old.prototype as { why: string }).why = 'old';
  const thrown: Record<string, unknown> = {
    refusal: new Refusal(),
    old: new Old(),
    range: new RangeError('range'),
    text: 'text',
  };
  server.app.map('/fail/{what}', ({ variables }) => {
    throw thrown[variables.what];
  });
  server.app.onError(Refusal, ({ why }) => why);
  server.app.onError(Old, () => 'old');
  server.app.onError(Error, ({ message }) => message);
  server.app.onError(
    function (error: unknown) {
      return error === 'text';
    },
    (error) => error,
  );
  const ada = await connect('ada');
  for (const what of Object.keys(thrown)) {
    const [reply] = await ada.say({ type: 'request', id: 1, destination: `/app/fail/${what}` });
    assert.equal(reply?.['body'], what);
  }
  await server.close();
});

test('a value that JSON cannot say: who publishes it is told, and of a handler it is the handler that failed', async () => {
  const { server, connect, errors } = memoryServer();
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  let deep: unknown = 1;
  for (let depth = 0; depth < 200; depth++) deep = [deep];
  const isInvalid = (error: unknown) =>
    error instanceof RequestError && error.code === 'message/invalid';
  await assert.rejects(server.publish('/topic/a', circular), isInvalid);
  await assert.rejects(server.publish('/topic/a', 1n), isInvalid);
  server.app.map('/deep', () => deep);
  server.app.map('/stream', async function* () {
    yield deep;
  });
  server.app.map('/thrown', () => {
    throw new StockError('tea');
  });
  server.app.onError(StockError, () => circular);
  const ada = await connect('ada');
  let failureCount = 0;
  for (const name of ['deep', 'stream', 'thrown']) {
    for (const type of ['send', 'request', 'subscribe']) {
      const destination = `/app/${name}`;
      const heard = await ada.say({ type, id: 1, destination });
      const codes = heard.map(({ code }) => code).filter((code) => code !== undefined);
      assert.deepEqual(codes, ['app/failed'], `${type} ${name}`);
      failureCount += 1;
    }
  }
  assert.deepEqual(
    errors,
    Array.from({ length: failureCount }, () => 'a message handler failed'),
  );
  await server.close();
});
