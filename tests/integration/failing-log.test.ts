/** A log and metrics that fail at every call, at once or later: clients of every kind notice nothing, and nothing is left unhandled. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createServer, RequestError, type Log, type Metrics } from 'tideway';
import { NativePeer } from './native-peer.js';
import { StompPeer } from './stomp-peer.js';

const KEY = 'a-key-for-these-tests';

/** How each call fails. */
const FAILURES: Readonly<Record<string, () => unknown>> = {
  throw: () => {
    throw new Error('of the log or the metrics');
  },
  reject: () => Promise.reject(new Error('of the log or the metrics')),
};

for (const [how, fail] of Object.entries(FAILURES)) {
  test(`a log and metrics that ${how} at every call disturb nobody`, async (t) => {
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, listener);
    t.after(() => {
      for (const event of ['unhandledRejection', 'uncaughtException']) process.off(event, listener);
    });
    let callCount = 0;
    const call = (): void => {
      callCount += 1;
      return fail() as void;
    };
    const log: Log = { debug: call, info: call, warn: call, error: call };
    const metrics: Metrics = { count: call, gauge: call };
    const staticDirectory = await mkdtemp(join(tmpdir(), 'tideway-failing-log-'));
    t.after(() => rm(staticDirectory, { recursive: true }));
    await writeFile(join(staticDirectory, 'a.txt'), 'text');
    const server = createServer({ log, metrics, staticDirectory, apiKeys: [KEY] });
    server.app.map('/twice', ({ body }) => Number(body) * 2);
    server.app.map('/fail', () => {
      throw new Error('of the handler');
    });
    server.on('connect', () => {
      throw new Error('of a listener');
    });
    server.access.deny('send', '/topic/closed', () => {
      throw new Error('of a condition');
    });
    server.intercept({
      broker: ({ destination }) => {
        if (destination === '/topic/refused') throw new Error('of an interceptor');
        if (destination === '/topic/denied') throw new RequestError('test/denied', 'no');
      },
    });
    server.onClose(() => {
      throw new Error('of the application');
    });
    await server.listen({ port: 0 });

    const native = await NativePeer.open(server.url);
    await native.frame('connected');
    native.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
    await native.frame('subscribed', { id: 1 });
    const stomp = await StompPeer.open(server.url);
    stomp.say('SUBSCRIBE', { id: 's', destination: '/topic/a', receipt: 'r' });
    await stomp.frame('RECEIPT', { 'receipt-id': 'r' });

    stomp.say('SEND', { destination: '/topic/a' }, '"of STOMP"');
    assert.equal((await native.frame('publication', { offset: 1 }))['body'], 'of STOMP');
    native.send({ type: 'request', id: 2, destination: '/app/twice', body: 21 });
    assert.equal((await native.frame('reply', { id: 2 }))['body'], 42);
    native.send({ type: 'request', id: 3, destination: '/app/fail' });
    assert.equal((await native.frame('error', { id: 3 }))['code'], 'app/failed');
    const refusals = [
      ['/topic/closed', 'server/failed'],
      ['/topic/refused', 'server/failed'],
      ['/topic/denied', 'test/denied'],
      ['/nowhere/a', 'destination/unknown'],
    ] as const;
    for (const [index, [destination, code]] of refusals.entries()) {
      native.send({ type: 'send', id: 10 + index, destination, body: 1 });
      assert.equal((await native.frame('error', { id: 10 + index }))['code'], code, destination);
    }
    native.socket.send('no JSON');
    await native.frame('error', { code: 'json/invalid' });

    const published = await fetch(`${server.url}/api/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: '{"destination":"/topic/a","body":"of HTTP"}',
    });
    assert.equal(published.status, 200);
    assert.equal(String((await stomp.messages(2))[1]?.body), '"of HTTP"');
    assert.equal((await fetch(`${server.url}/api/publish`, { method: 'POST' })).status, 401);
    assert.equal(await (await fetch(`${server.url}/a.txt`)).text(), 'text');
    assert.equal((await fetch(`${server.url}/none.txt`)).status, 404);

    // The next connections, and the ends of these.
    const failing = await StompPeer.open(server.url);
    failing.say('SEND', { destination: '/nowhere/a' });
    await failing.frame('ERROR');
    await failing.closed;
    native.socket.terminate();
    await server.close();
    await stomp.closed;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(callCount > 20, `${callCount} calls`);
    assert.deepEqual(unhandled, []);
  });
}
