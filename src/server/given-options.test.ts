/** Proves that options which cannot be meant are refused by name before anything is made of them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { createServer, type ServerOptions } from './index.js';

const SECRET = 'a secret of at least thirty-two octets';

function refuses(options: object, words: RegExp): void {
  assert.throws(() => createServer(options as ServerOptions), words);
}

test('an option that there is not is refused with those that there are; one left undefined is not', () => {
  refuses(
    { topicz: {} },
    /^RangeError: topicz is no option of createServer; known: path, endpoints,/,
  );
  refuses({ toString: 1 }, /^RangeError: toString is no option/);
  refuses(
    { tokens: { hmacSecret: SECRET, allowAnonymus: false } },
    /^RangeError: allowAnonymus is no option of tokens; known: hmacSecret,/,
  );
  refuses(
    { defaultAccess: 'open' },
    /^RangeError: defaultAccess is "open-on-loopback" or "closed"/,
  );
  createServer({ log: undefined } as unknown as ServerOptions);
});

test('a key or a secret that is not set is refused with a word about environment variables', () => {
  const apiKeys = process.env['TIDEWAY_NO_SUCH_VARIABLE'];
  refuses({ apiKeys: [apiKeys] }, /^TypeError: apiKeys\[0\] is undefined; is the environment/);
  const key = 'k'.repeat(16);
  refuses({ apiKeys: [key, ''] }, /^TypeError: apiKeys\[1\] is empty; is the environment/);
  refuses({ apiKeys: [key, 'hunter2'] }, /^RangeError: apiKeys\[1\] has fewer than 16 characters$/);
  refuses({ apiKeys: 'key' }, /^TypeError: apiKeys is a list of texts/);
  refuses(
    { tokens: { hmacSecret: apiKeys } },
    /^TypeError: tokens\.hmacSecret is undefined; is the/,
  );
  refuses({ tokens: { hmacSecret: '' } }, /^TypeError: tokens\.hmacSecret is empty; is the/);
  const url = 'https://example.com/';
  refuses({ app: { '/a': { url, secret: apiKeys } } }, /^RangeError: secret is undefined; is the/);
  refuses(
    { app: { '/a': { url, secrt: SECRET } } },
    /^RangeError: secrt is no option of a forward/,
  );
});

test('Origins that are no list are refused, of an endpoint too', () => {
  const allowedOrigins = 'https://a.example';
  refuses({ allowedOrigins }, /^TypeError: allowedOrigins is a list of texts$/);
  refuses({ endpoints: [{ path: '/a', allowedOrigins }] }, /^TypeError: allowedOrigins is a list/);
});

test('a log or metrics without their functions are refused', () => {
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  refuses({ log }, /^TypeError: log has no function "error"/);
  refuses({ log: true }, /^TypeError: log has no function "debug"/);
  refuses({ metrics: { count: () => {} } }, /^TypeError: metrics has no function "gauge"/);
  createServer({ log: console });
});

test('a rule below no prefix of its mount is refused; patterns that reach it are not', () => {
  refuses(
    { topics: { '/chat': {} } },
    /^RangeError: topic rule \/chat: .* there are \/topic, \/queue/,
  );
  refuses({ work: { '/topic/a': {} } }, /^RangeError: work rule \/topic\/a: .* there are \/work$/);
  for (const pattern of ['/topic', '/topics/a', '/app/**', '/*']) {
    refuses({ topics: { [pattern]: {} } }, /^RangeError/);
  }
  refuses({ prefixes: { work: [] }, work: { '/work/a': {} } }, /it has none$/);
  const server = createServer({ prefixes: { topic: '/live/topics' } });
  for (const pattern of ['/**', '/live/**', '/live/topics/**', '/*/{kind}/a', '/user/queue/a']) {
    server.topics.rule(pattern, {});
  }
  assert.throws(() => server.topics.rule('/live/queue/a', {}), RangeError);
  assert.throws(() => server.work.rule('/live/topics/a', {}), RangeError);
});

test('[A2] what defaultAccess closes is closed on loopback too', async (t) => {
  for (const [defaultAccess, access] of [
    ['closed', 'closed'],
    ['open-on-loopback', 'open'],
  ] as const) {
    const server = createServer({ defaultAccess });
    t.after(() => server.close());
    await server.listen({ port: 0 });
    assert.equal(server.access.defaultAccess, access);
  }
});

test('a mapping with an option that there is not is refused', () => {
  const { app } = createServer();
  const options = { sendto: '/topic/a' } as object;
  assert.throws(
    () => app.map('/a', options, () => 1),
    /^RangeError: the mapping \/a: sendto is no option; known: payload,/,
  );
});

test('a server that was given no log says on stderr what went wrong; `log: false` is silent', () => {
  const door = new URL('./index.js', import.meta.url).href;
  for (const log of ['undefined', 'false']) {
    const program = `
      import { createServer } from ${JSON.stringify(door)};
      const server = createServer({ log: ${log} });
      server.onClose(() => { throw new Error('broken'); });
      await server.close();`;
    const args = ['--input-type=module', '--eval', program];
    const { stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 0);
    if (log === 'false') assert.equal(stderr, '');
    else assert.match(stderr, /^tideway: error: a listener of onClose failed\nError: broken\n/);
  }
});
