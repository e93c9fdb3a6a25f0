/** Proves that closing loses nothing that was acknowledged: readers get it before they are sent away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from 'tideway';
import { NativePeer } from './native-peer.js';

const KEY = 'a-key-for-these-tests';
const READER_COUNT = 60;
const PUBLICATION_COUNT = 400;

async function reader(url: string | undefined): Promise<NativePeer> {
  const peer = await NativePeer.open(url);
  peer.send({ type: 'subscribe', id: 1, destination: '/topic/a' });
  await peer.frame('subscribed');
  return peer;
}

test('what was acknowledged when the server began to close reaches every reader, then they are told to come back', async () => {
  const server = createServer({ log: false });
  await server.listen({ port: 0 });
  const readers = await Promise.all(Array.from({ length: READER_COUNT }, () => reader(server.url)));
  const expected = Array.from({ length: PUBLICATION_COUNT }, (_, index) => index);
  await Promise.all(expected.map((body) => server.publish('/topic/a', body)));
  const closed = server.close();
  for (const { closed: ended, frames } of readers) {
    assert.equal((await ended).closeCode, 4000);
    const publications = frames.filter(({ type }) => type === 'publication');
    assert.deepEqual(
      publications.map(({ body }) => body),
      expected,
    );
  }
  await closed;
});

test('[B5] a server that closes takes nothing new, and waits for handlers at work and what they publish', async () => {
  const server = createServer({ log: false, apiKeys: [KEY] });
  let goOn = (): void => {};
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  server.app.map('/late', async () => {
    await gate;
    await server.publish('/topic/a', 'last');
    return 'done';
  });
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  const watcher = await reader(server.url);
  const { url } = server;
  peer.send({ type: 'request', id: 1, destination: '/app/late' });
  peer.send({ type: 'send', id: 2, destination: '/topic/a', body: 1 });
  await peer.frame('receipt');
  const closed = server.close();
  peer.send({ type: 'send', id: 3, destination: '/topic/a', body: 1 });
  assert.equal((await peer.frame('error'))['code'], 'server/draining');
  const health = await fetch(`${url}/health`);
  assert.deepEqual([health.status, await health.json()], [503, { status: 'draining' }]);
  const published = await fetch(`${url}/api/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: '{"destination":"/topic/a","body":1}',
  });
  assert.equal(published.status, 503);
  // For longer than it waits where no handler is at work.
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < 600) {
    assert.equal((await fetch(`${url}/health`)).status, 503);
  }
  goOn();
  assert.equal((await peer.frame('reply'))['body'], 'done');
  assert.equal((await watcher.frame('publication', { body: 'last' }))['body'], 'last');
  await closed;
  await assert.rejects(server.publish('/topic/a', 1), { code: 'server/draining' });
});

test('[B5] an operation that hangs holds up the close for drainTimeoutMs at most', async () => {
  const warnings: string[] = [];
  const ignore = (): void => {};
  const log = {
    debug: ignore,
    info: ignore,
    error: ignore,
    warn: (words: string) => warnings.push(words),
  };
  const server = createServer({ log, limits: { drainTimeoutMs: 100 } });
  server.app.map('/hang', () => new Promise(() => {}));
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'request', id: 1, destination: '/app/hang' });
  peer.send({ type: 'send', id: 2, destination: '/topic/a', body: 1 });
  await peer.frame('receipt');
  await server.close();
  assert.equal((await peer.closed).closeCode, 4000);
  assert.deepEqual(warnings, ['operations at work were given up: drainTimeoutMs']);
});

test('a server that is closed while it begins to listen, or was closed before, does not listen', async () => {
  const early = createServer({ log: false });
  const listening = early.listen({ port: 0 });
  const refused = assert.rejects(listening, /closed while it began to listen/);
  await early.close();
  await refused;
  assert.equal(early.address, undefined);
  await assert.rejects(early.listen({ port: 0 }), /is closed/);
  assert.equal(early.address, undefined);
});
