/** Proves what a handler and a program have at hand: a session's attributes, a header by name, a user by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryServer, told } from './memory-peer.js';

test('attributes are kept with a session for all its handlers, and not beyond it', async () => {
  const { server, connect } = memoryServer();
  server.app.map('/keep', ({ body, session }) => session?.attributes.set('kept', body));
  server.app.map('/kept', ({ session }) => session?.attributes.get('kept') ?? 'nothing');
  const [ada, grace] = [await connect('ada'), await connect('ada')];
  const ask = async (peer: typeof ada): Promise<unknown> =>
    (await peer.say({ type: 'request', id: 1, destination: '/app/kept' })).at(-1)?.['body'];
  await ada.say({ type: 'send', destination: '/app/keep', body: 'tea' });
  assert.deepEqual([await ask(ada), await ask(grace)], ['tea', 'nothing']);
  await server.close();
});

test('header answers the first of a name, names are case-sensitive', async () => {
  const { server, connect } = memoryServer();
  const seen: unknown[] = [];
  server.app.map('/h', ({ header }) => {
    seen.push(header('priority'), header('Priority'));
  });
  const headers = [
    ['priority', '9'],
    ['priority', '1'],
  ];
  await (await connect()).say({ type: 'send', destination: '/app/h', headers, body: 1 });
  assert.deepEqual(seen, ['9', undefined]);
  await server.close();
});

test('[U1] [U3] sendToUser reaches every session of a name as it is, wherever user destinations stand', async () => {
  for (const user of ['/user', '/me']) {
    const { server, connect, settle } = memoryServer({ prefixes: { user } });
    const [first, second, other] = [
      await connect('a/b'),
      await connect('a/b'),
      await connect('bob'),
    ];
    const own = `${user}/queue/x`;
    for (const peer of [first, second, other]) await peer.subscribe(own);
    await server.sendToUser('a/b', '/queue/x', 'both');
    await server.sendToUser(first.sessionId, '/queue/x', 'one');
    await settle();
    assert.deepEqual(
      [first, second, other].map((peer) => told(peer.heard())),
      [
        [
          [own, 'both'],
          [own, 'one'],
        ],
        [[own, 'both']],
        [],
      ],
    );
    await server.close();
  }
});
