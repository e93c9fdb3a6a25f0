/** Proves that closing loses nothing that was acknowledged: readers get it before they are sent away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer, RequestError } from 'tideway';
import { NativePeer } from './native-peer.js';

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

test('a server that closes takes nothing new: whoever asks is told so', async () => {
  const server = createServer({ log: false });
  let refused: unknown;
  let goOn = (): void => {};
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  server.app.map('/late', async () => {
    await gate;
    await server.publish('/topic/a', 1).catch((error: unknown) => (refused = error));
    return 'done';
  });
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'request', id: 1, destination: '/app/late' });
  peer.send({ type: 'send', id: 2, destination: '/topic/a', body: 1 });
  await peer.frame('receipt');
  const closed = server.close();
  peer.send({ type: 'send', id: 3, destination: '/topic/a', body: 1 });
  assert.equal((await peer.frame('error'))['code'], 'server/draining');
  // What was under way settles first.
  goOn();
  assert.equal((await peer.frame('reply'))['body'], 'done');
  await closed;
  assert.ok(refused instanceof RequestError && refused.code === 'server/draining');
  await assert.rejects(server.publish('/topic/a', 1), { code: 'server/draining' });
});

test('an operation that hangs does not hold up the close for long', async () => {
  const server = createServer({ log: false });
  server.app.map('/hang', () => new Promise(() => {}));
  await server.listen({ port: 0 });
  const peer = await NativePeer.open(server.url);
  peer.send({ type: 'request', id: 1, destination: '/app/hang' });
  peer.send({ type: 'send', id: 2, destination: '/topic/a', body: 1 });
  await peer.frame('receipt');
  await server.close();
  assert.equal((await peer.closed).closeCode, 4000);
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
