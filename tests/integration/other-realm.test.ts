/** Proves that values of another realm, and promises of a library in place of the global one, are what they are to server and client. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { runInNewContext } from 'node:vm';
import {
  createServer,
  MemoryStreamStore,
  Message,
  RequestError,
  type Authenticate,
  type ServerOptions,
  type TidewayServer,
} from 'tideway';
import { Client, type ClientOptions, type ReceivedPublication } from 'tideway/client';
import { SeededRandom, VirtualTime } from 'tideway/testing';
import { WebSocket } from 'tideway/websocket';

interface Peers {
  readonly server: TidewayServer;
  readonly client: Client;
  /** The next publication that came. */
  readonly next: () => Promise<ReceivedPublication>;
}

async function connected(
  context: TestContext,
  options: ServerOptions = {},
  clientOptions: Partial<ClientOptions> = {},
): Promise<Peers> {
  const server = createServer({ log: false, ...options });
  context.after(() => server.close());
  await server.listen({ port: 0 });
  const url = `${server.url}/ws`;
  const client = new Client({ url, WebSocket, ...clientOptions });
  context.after(() => client.close());
  await client.connect();
  const events = new EventEmitter();
  await new Promise<void>((resolve) => {
    client.subscribe('/topic/a', {
      onSubscribed: () => resolve(),
      onPublication: (publication) => void events.emit('publication', publication),
    });
  });
  const next = async (): Promise<ReceivedPublication> => {
    const [publication] = (await once(events, 'publication')) as [ReceivedPublication];
    return publication;
  };
  return { server, client, next };
}

/** The octets 65 to 68 in every form that another realm has for them. */
const OCTETS: Readonly<Record<string, unknown>> = runInNewContext(`
  const octets = Uint8Array.of(65, 66, 67, 68);
  const shared = new SharedArrayBuffer(4);
  new Uint8Array(shared).set(octets);
  ({
    octets, shared, buffer: octets.slice().buffer, view: new DataView(Uint8Array.of(64, 65, 66, 67, 68).buffer, 1),
    words: new Uint16Array(octets.slice().buffer),
  })`) as Record<string, unknown>;

function isOctets({ body, contentType }: Pick<ReceivedPublication, 'body' | 'contentType'>): void {
  assert.ok(body instanceof Uint8Array, `octets came as ${JSON.stringify(body)}`);
  assert.equal(String.fromCharCode(...body), 'ABCD');
  assert.equal(contentType, 'application/octet-stream');
}

test('[M6] octets of another realm are octets: sent by a client, published by the server, answered by a handler', async (context) => {
  const { server, client, next } = await connected(context);
  let value: unknown;
  server.app.map('/value', () => value);
  server.app.map('/send', async (message) => {
    await message.send('/topic/a', value);
  });
  server.app.map('/echo', ({ message }) => ({ octets: [...message.body] }));
  for (value of Object.values(OCTETS)) {
    assert.ok(!(value instanceof Uint8Array) && !(value instanceof ArrayBuffer));
    for (const publish of [
      () => client.send('/topic/a', value),
      () => server.publish('/topic/a', value),
      () => client.send('/app/send'),
    ]) {
      const came = next();
      await publish();
      isOctets(await came);
    }
    isOctets(await client.request('/app/value'));
    const echo = await client.request('/app/echo', value);
    assert.deepEqual(echo.body, { octets: [65, 66, 67, 68] });
  }
});

test('[M6] an ArrayBuffer of this realm is octets to the server as it is to the client', async (context) => {
  const { server, next } = await connected(context);
  const { buffer } = Uint8Array.of(65, 66, 67, 68);
  for (const octets of [buffer, new DataView(buffer), new Uint16Array(buffer)]) {
    const came = next();
    await server.publish('/topic/a', octets);
    isOctets(await came);
  }
});

test('[M6] a promise and a Blob are refused as bodies, by a stable code, instead of being published as {}', async (context) => {
  const { server, client } = await connected(context);
  for (const body of [Promise.resolve(1), runInNewContext('Promise.resolve(1)'), new Blob(['a'])]) {
    await assert.rejects(client.send('/topic/a', body), { code: 'client/invalid-body' });
    await assert.rejects(server.publish('/topic/a', body), { code: 'message/invalid' });
    await assert.rejects(server.sendToUser('ada', '/queue/a', body), { code: 'message/invalid' });
  }
});

test('a predicate of errors that another realm made is asked, and not taken for a class', async (context) => {
  const { server, client } = await connected(context);
  server.app.map('/fail', () => {
    throw new Error('sold out');
  });
  const predicate = runInNewContext(
    '(function (error) { return error.message === "sold out"; })',
  ) as (error: unknown) => boolean;
  server.app.onError(predicate, () => 'told');
  assert.equal((await client.request('/app/fail')).body, 'told');
});

/** What a thing does asynchronously, by whatever promise. */
type Later = <T>(value: T) => Promise<T>;

/** Everything in a server that may answer a promise answers one that `later` makes. */
async function exchange(context: TestContext, later: Later): Promise<void> {
  const authenticate: Authenticate = ({ token }) =>
    token === 'bad'
      ? later(0).then(() => {
          throw new RequestError('access/invalid-token', 'no');
        })
      : later({ name: token, claims: {}, expiresAtMs: undefined });
  const told: string[] = [];
  const { server, client, next } = await connected(
    context,
    {
      authenticate,
      interceptors: [
        { inbound: () => later(undefined) },
        { broker: ({ message }) => later(Message.fromJson([message.json()])) },
        { outbound: ({ publication }) => later(Message.fromJson([publication.json()])) },
      ],
    },
    { token: () => later('ada') },
  );
  assert.equal(client.principal, 'ada');
  server.on('subscribe', () => later(told.push('subscribe')));
  server.app.map('/twice', { payload: schemaBy(later) }, ({ payload }) =>
    later(2 * (payload as number)),
  );
  server.app.map('/count', () => iterable(later, [1, 2]));
  const came = next();
  await client.send('/topic/a', 1);
  assert.deepEqual((await came).body, [[1]]);
  assert.equal((await client.request('/app/twice', 21)).body, 42);
  const counted: unknown[] = [];
  for await (const { body } of client.requestStream('/app/count')) counted.push(body);
  assert.deepEqual(counted, [1, 2]);
  await new Promise<void>((resolve) => {
    client.subscribe(
      '/topic/b',
      {
        onSubscribed: () => void client.send('/topic/b', 1),
        onPublication: (publication) => later(publication.body).then(() => resolve()),
      },
      { acknowledge: 'auto' },
    );
  });
  assert.deepEqual(told, ['subscribe']);
  // A refusal by an interceptor that answers later is a refusal, too.
  server.intercept({
    inbound: () =>
      later(0).then(() => {
        throw new RequestError('orders/closed', 'no');
      }),
  });
  await assert.rejects(client.send('/topic/a', 1), { code: 'orders/closed' });
  await assert.rejects(new Client({ url: `${server.url}/ws`, WebSocket, token: 'bad' }).connect(), {
    code: 'session/invalid-token',
  });
}

function schemaBy(later: Later) {
  return {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) => later({ value }),
    },
  };
}

function iterable(later: Later, values: readonly unknown[]): AsyncIterable<unknown> {
  let index = 0;
  const next = (): Promise<IteratorResult<unknown>> =>
    later({ done: index === values.length, value: values[index++] } as IteratorResult<unknown>);
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

test('[M6] promises of another realm are waited for wherever an application may answer one', async (context) => {
  await exchange(context, runInNewContext('(value) => Promise.resolve(value)') as Later);
});

/** As little as a library may have: no `catch`, no `finally`, not of the class of any other promise. */
function thenable<T>(value: T): PromiseLike<T> {
  return {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
    then: <A, B>(
      fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
      rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
    ) => {
      const settled = Promise.resolve(value).then(fulfilled, rejected);
      // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
      return { then: settled.then.bind(settled) } as PromiseLike<A | B>;
    },
  };
}

test('what only has a `then` is waited for wherever an application may answer a promise', async (context) => {
  await exchange(context, thenable as Later);
});

test('a store may answer promises of any library', async (context) => {
  const time = new VirtualTime();
  const store = new Proxy(new MemoryStreamStore(time, new SeededRandom(1)), {
    get(inner, name) {
      const member: unknown = Reflect.get(inner, name, inner);
      if (typeof member !== 'function') return member;
      const isAnswered = ['append', 'follow', 'followPattern', 'read'].includes(String(name));
      return (...given: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(member, inner, given);
        return isAnswered ? thenable(answer) : answer;
      };
    },
  });
  const { client, next } = await connected(context, { store });
  const sent = [next()];
  assert.equal((await client.send('/topic/a', 1)).offset, 1);
  assert.equal((await sent[0])?.body, 1);
  const patterns = new EventEmitter();
  client.subscribe('/topic/*', {
    onSubscribed: () => void patterns.emit('subscribed'),
    onPublication: ({ body }) => void patterns.emit('publication', body),
  });
  await once(patterns, 'subscribed');
  const came = once(patterns, 'publication');
  await client.send('/topic/b', 2);
  assert.deepEqual(await came, [2]);
});

test('with a library in place of the global Promise operations work, interceptors and all', async (context) => {
  const native = globalThis.Promise;
  context.after(() => void (globalThis.Promise = native));
  globalThis.Promise = libraryPromise(native);
  await exchange(context, (value) => globalThis.Promise.resolve(value));
  const asynchronous: Later = async (value) => value;
  assert.ok(!(asynchronous(1) instanceof Promise), 'async functions keep to the native one');
  await exchange(context, asynchronous);
});

/** A promise with the members of ECMAScript's that is no instance of it, as zone.js and polyfills have. */
function libraryPromise(Native: PromiseConstructor): PromiseConstructor {
  type Executor<T> = ConstructorParameters<typeof Native<T>>[0];
  class LibraryPromise<T> {
    readonly #inner: Promise<T>;
    constructor(executor: Executor<T>) {
      this.#inner = new Native(executor);
    }
    // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
    then(...handlers: Parameters<Promise<T>['then']>): LibraryPromise<unknown> {
      return LibraryPromise.of(this.#inner.then(...handlers));
    }
    catch(handler: Parameters<Promise<T>['catch']>[0]): LibraryPromise<unknown> {
      return LibraryPromise.of(this.#inner.catch(handler));
    }
    finally(handler: () => void): LibraryPromise<T> {
      return LibraryPromise.of(this.#inner.finally(handler));
    }
    static of<T>(promise: Promise<T>): LibraryPromise<T> {
      return new LibraryPromise((resolve, reject) => void promise.then(resolve, reject));
    }
    static resolve<T>(value: T): LibraryPromise<Awaited<T>> {
      if (value instanceof LibraryPromise) return value as LibraryPromise<Awaited<T>>;
      return LibraryPromise.of(Native.resolve(value));
    }
    static reject(reason: unknown): LibraryPromise<never> {
      return LibraryPromise.of(Native.reject(reason as Error));
    }
    static all(values: readonly unknown[]): LibraryPromise<unknown> {
      return LibraryPromise.of(Native.all(values));
    }
    static allSettled(values: readonly unknown[]): LibraryPromise<unknown> {
      return LibraryPromise.of(Native.allSettled(values));
    }
    static race(values: readonly unknown[]): LibraryPromise<unknown> {
      return LibraryPromise.of(Native.race(values));
    }
  }
  return LibraryPromise as unknown as PromiseConstructor;
}
