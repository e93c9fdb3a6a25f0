/** What the hook `authenticate` may do wrong, at both dialects: it costs one connection, and its answers are checked at every door. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import {
  createServer,
  MemoryMetrics,
  type Authenticate,
  type Log,
  type ServerOptions,
  type TidewayServer,
} from 'tideway';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

const ADA = { name: 'ada', claims: {}, expiresAtMs: undefined };

interface Rig {
  readonly server: TidewayServer;
  readonly errors: string[];
  readonly metrics: MemoryMetrics;
}

async function listening(t: TestContext, options: ServerOptions): Promise<Rig> {
  const errors: string[] = [];
  const ignore = (): void => {};
  const log: Log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (line) => errors.push(line),
  };
  const metrics = new MemoryMetrics();
  const server = createServer({ log, metrics, ...options });
  await server.listen({ port: 0 });
  t.after(() => server.close());
  return { server, errors, metrics };
}

/** How each dialect tells of a session that does not open. */
const DIALECTS = {
  native: async (url: string | undefined, token?: string) => {
    const peer = await NativePeer.open(url, token === undefined ? {} : { token });
    return {
      socket: peer.socket,
      refused: async () => {
        const { code, message } = await peer.frame('disconnect');
        return { code, message, ...(await peer.closed) };
      },
    };
  },
  stomp: async (url: string | undefined, token?: string) => {
    const peer = await StompPeer.dial(url);
    const passcode = token === undefined ? {} : { passcode: token };
    peer.say('CONNECT', { 'accept-version': '1.2', host: 'a', ...passcode });
    return {
      socket: peer.socket,
      refused: async () => {
        const { headers, body } = await peer.frame('ERROR');
        const message = headers['message'] ?? String(body);
        return { code: headers['tideway-code'], message, ...(await peer.closed) };
      },
    };
  },
} as const;

const LONG_NAMES = ['x'.repeat(256), 'ä'.repeat(128), '/'.repeat(86)];
const NEVER_ADDRESSED = [...LONG_NAMES, 'half \ud800', '\udfff'];

for (const [dialect, dial] of Object.entries(DIALECTS)) {
  test(`${dialect}: a hook that throws, at once or later, refuses without its words`, async (t) => {
    const hooks: Authenticate[] = [
      () => {
        throw new Error('a secret of the database');
      },
      () => Promise.reject(new Error('a secret of the database')),
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an application may
      () => Promise.reject(undefined),
    ];
    for (const authenticate of hooks) {
      const { server, errors } = await listening(t, { authenticate });
      const refused = await (await dial(server.url)).refused();
      assert.equal(refused.closeCode, 4004);
      assert.doesNotMatch(JSON.stringify(refused), /secret/);
      assert.deepEqual(errors, ['the authenticate hook failed']);
      assert.equal(server.sessionCount, 0);
    }
  });

  test(`${dialect}: a hook that hangs ends its connection in time; what it answers later opens nothing`, async (t) => {
    let answer: (principal: typeof ADA) => void = () => {};
    const authenticate = (): Promise<typeof ADA> => new Promise((resolve) => (answer = resolve));
    const { server, errors } = await listening(t, {
      authenticate,
      limits: { connectTimeoutMs: 1 },
    });
    const { closeCode } = await (await dial(server.url)).refused();
    assert.equal(closeCode, 4005);
    answer(ADA);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.sessionCount, 0);
    assert.deepEqual(server.users.names, []);
    assert.deepEqual(errors, []);
  });

  test(`${dialect}: an answer for a connection that has gone, or a server that closes, opens nothing`, async (t) => {
    let asked: () => void = () => {};
    let answer: (principal: typeof ADA) => void = () => {};
    const authenticate = (): Promise<typeof ADA> => {
      asked();
      return new Promise((resolve) => (answer = resolve));
    };
    const { server, errors, metrics } = await listening(t, { authenticate });
    let begun = new Promise<void>((resolve) => (asked = resolve));
    const gone = await dial(server.url);
    await begun;
    gone.socket.terminate();
    await once(gone.socket, 'close');
    while (Number(metrics.value('connections_open', { transport: 'websocket' })) > 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    answer(ADA);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.sessionCount, 0);

    begun = new Promise<void>((resolve) => (asked = resolve));
    const late = await dial(server.url);
    await begun;
    const closed = once(late.socket, 'close');
    const closing = server.close();
    answer(ADA);
    await closing;
    await closed;
    assert.equal(server.sessionCount, 0);
    assert.deepEqual(errors, []);
  });

  test(`${dialect}: a hook may publish, look at who is there, and close the server`, async (t) => {
    let closing: Promise<void> | undefined;
    const rig: Rig = await listening(t, {
      authenticate: async ({ token }) => {
        await rig.server.publish('/topic/arrivals', { token });
        assert.equal(rig.server.users.sessionCount, 0);
        if (token === 'close') closing = rig.server.close();
        return { name: token, claims: {}, expiresAtMs: undefined };
      },
    });
    const one = await dial(rig.server.url, 'ada');
    while (!rig.server.users.has('ada')) await new Promise((resolve) => setImmediate(resolve));
    one.socket.terminate();
    while (rig.server.sessionCount > 0) await new Promise((resolve) => setImmediate(resolve));
    const last = await dial(rig.server.url, 'close');
    await once(last.socket, 'close');
    await closing;
    assert.equal(rig.server.sessionCount, 0);
    assert.deepEqual(rig.errors, []);
  });

  test(`${dialect}: [A1] a name that nothing could be sent to gets no session, and is told why`, async (t) => {
    for (const name of NEVER_ADDRESSED) {
      const { server } = await listening(t, {
        authenticate: async () => ({ name, claims: {}, expiresAtMs: undefined }),
      });
      const { closeCode, message } = await (await dial(server.url)).refused();
      assert.equal(closeCode, 4501);
      assert.match(String(message), /longer than 255 octets|half a surrogate pair/);
      assert.equal(server.sessionCount, 0);
    }
    const name = '/'.repeat(85);
    const { server } = await listening(t, {
      authenticate: async () => ({ name, claims: {}, expiresAtMs: undefined }),
    });
    const peer = await dial(server.url);
    while (!server.users.has(name)) await new Promise((resolve) => setImmediate(resolve));
    await server.sendToUser(name, '/queue/a', 1);
    peer.socket.terminate();
  });

  test(`${dialect}: [A1] what an interceptor makes of a principal is checked too`, async (t) => {
    const principals = [
      { name: 7 },
      null,
      { name: 'a', expiresAtMs: NaN },
      { name: 'x'.repeat(256) },
    ];
    for (const principal of principals) {
      const { server } = await listening(t, {
        authenticate: async () => ADA,
        interceptors: [
          { inbound: ({ kind }) => (kind === 'connect' ? ({ principal } as object) : undefined) },
        ],
      });
      // A fault of the application's own; but a name that cannot be addressed is refused.
      const isName = typeof principal?.name === 'string' && principal.name.length > 255;
      assert.equal((await (await dial(server.url)).refused()).closeCode, isName ? 4501 : 4007);
      assert.equal(server.sessionCount, 0);
    }
    // The interceptor is never shown what the hook should not have answered.
    let shownCount = 0;
    const { server, errors } = await listening(t, {
      authenticate: (async () => ({ name: 7 })) as unknown as Authenticate,
      interceptors: [{ inbound: () => void (shownCount += 1) }],
    });
    assert.equal((await (await dial(server.url)).refused()).closeCode, 4004);
    assert.equal(shownCount, 0);
    assert.deepEqual(errors, ['the authenticate hook failed']);
  });
}

test('[A1] a renewal is checked like the first answer: what is none leaves the session as it was', async (t) => {
  const answers: Readonly<Record<string, unknown>> = {
    nothing: undefined,
    number: 7,
    never: { name: 'ada', claims: {}, expiresAtMs: NaN },
    text: { name: 'ada', claims: {}, expiresAtMs: '9' },
    long: { name: 'x'.repeat(256), claims: {}, expiresAtMs: undefined },
    good: { name: 'ada', claims: {}, expiresAtMs: Date.now() + 60_000 },
  };
  for (const interceptors of [[], [{ inbound: () => undefined }]]) {
    const authenticate = (async ({ token = '' }) =>
      token === 'first' ? ADA : answers[token]) as unknown as Authenticate;
    const { server } = await listening(t, { authenticate, interceptors });
    const peer = await NativePeer.open(server.url, { token: 'first' });
    await peer.frame('connected');
    const renew = (id: number, token: string) => peer.send({ type: 'authenticate', id, token });
    for (const [index, token] of Object.keys(answers).entries()) {
      renew(index, token);
      if (token === 'good') await peer.frame('receipt', { id: index });
      else {
        const { code } = await peer.frame('error', { id: index });
        assert.equal(code, token === 'long' ? 'access/invalid-token' : 'server/failed', token);
      }
    }
    assert.equal(server.sessionCount, 1);
    await peer.close();
  }
});

test('a renewal that hangs, throws or answers late harms nobody', async (t) => {
  let answer: (principal: typeof ADA) => void = () => {};
  const rig: Rig = await listening(t, {
    authenticate: ({ token }) => {
      if (token === 'throw') throw new Error('of the hook');
      if (token === 'hang') return new Promise((resolve) => (answer = resolve));
      return Promise.resolve(ADA);
    },
  });
  const peer = await NativePeer.open(rig.server.url, { token: 'first' });
  await peer.frame('connected');
  peer.send({ type: 'authenticate', id: 1, token: 'throw' });
  assert.equal((await peer.frame('error', { id: 1 }))['code'], 'server/failed');
  peer.send({ type: 'authenticate', id: 2, token: 'hang' });
  // The session goes on meanwhile, and no second renewal waits.
  peer.send({ type: 'authenticate', id: 3, token: 'first' });
  assert.equal((await peer.frame('error', { id: 3 }))['code'], 'request/too-many');
  peer.send({ type: 'send', id: 4, destination: '/topic/a', body: 1 });
  await peer.frame('receipt', { id: 4 });
  await peer.close();
  while (rig.server.sessionCount > 0) await new Promise((resolve) => setImmediate(resolve));
  answer(ADA);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rig.server.sessionCount, 0);
  assert.deepEqual(rig.errors, ['an operation failed']);
});
