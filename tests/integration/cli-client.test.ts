/** Proves `tideway subscribe`, `publish`, `request` and `token` as programs: forms of bodies, failures, tokens. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { SignJWT } from 'jose';
import { generate } from 'selfsigned';
import { folderWith, run, serve, start, type Ended } from './cli-program.js';

const SECRET = 'a secret of the tests, thirty-two octets or more';

test('a body is JSON, text, or octets from stdin, and arrives as what it was', async (t) => {
  const folder = folderWith(t, { 'tideway.yaml': 'topics:\n  /topic/**: { historySize: 9 }\n' });
  const { url } = await serve(t, ['--config', join(folder, 'tideway.yaml')]);
  const publish = async (args: readonly string[], stdin?: string | Uint8Array): Promise<string> => {
    const all = ['publish', '/topic/a', ...args, '--url', url];
    const { code, stdout, stderr } = await run(t, all, stdin === undefined ? {} : { stdin });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const [epoch] = (await publish(['{"n": 1.0}'])).split(':');
  await publish(['--text', 'no "quotes" needed', '--header', 'lang=en', '--header', 'x=a=b']);
  await publish([], '"from stdin"\n');
  await publish(['-', '--text'], 'two\nlines\n');
  await publish(['--content-type', 'image/x-raw'], Uint8Array.of(0xff, 0x00, 0x0a));
  const id = ['--message-id', 'once', '--key', 'k'];
  await publish(['1', ...id]);
  const args = ['subscribe', '/topic/a', '--url', url, '--cursor', `${epoch}:0`, '--count', '6'];
  const bodies = await run(t, args);
  assert.equal(
    bodies.stdout,
    [
      '{"n":1}',
      '"no \\"quotes\\" needed"',
      '"from stdin"',
      '"two\\nlines"',
      '{"contentType":"image/x-raw","encoding":"base64","body":"/wAK"}',
      '1',
    ].join('\n'),
  );
  const whole = (await run(t, [...args, '--json'])).stdout
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  assert.deepEqual(
    whole.map(({ offset }) => offset),
    [1, 2, 3, 4, 5, 6],
  );
  const [, text, , , raw, last] = whole;
  assert.equal(text?.['contentType'], 'text/plain; charset=utf-8');
  assert.deepEqual(text?.['headers'], [
    ['lang', 'en'],
    ['x', 'a=b'],
  ]);
  assert.deepEqual([raw?.['encoding'], raw?.['body']], ['base64', '/wAK']);
  assert.deepEqual(
    [last?.['key'], last?.['messageId'], last?.['destination']],
    ['k', 'once', '/topic/a'],
  );
});

test('a body that cannot be meant is wrong use, and nothing is connected for it', async (t) => {
  const nowhere = ['--url', 'ws://127.0.0.1:1/ws'];
  const cases: readonly (readonly [args: readonly string[], words: RegExp])[] = [
    [['hello'], /^error: the body is not JSON: .* Quote a text .* '"hello"', or .* --text$/],
    [[''], /^error: the body is empty; JSON has at least null$/],
    [['1', '--text', '--content-type', 'a/b'], /either --text or --content-type, not both/],
    [['1', '--header', 'nothing'], /A header is written name=value/],
  ];
  await Promise.all(
    cases.map(async ([args, words]) => {
      const { code, stderr } = await run(t, ['publish', '/topic/a', ...args, ...nowhere]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, words);
    }),
  );
});

test('what the server refuses is a failure with its words and code', async (t) => {
  const { url } = await serve(t);
  const outcomes = await Promise.all(
    [
      ['publish', '/nowhere', '1'],
      ['publish', 'topic', '1'],
      ['subscribe', '/nowhere'],
      ['subscribe', '/topic/**/b'],
    ].map(async (args) => {
      const { code, stdout, stderr } = await run(t, [...args, '--url', url]);
      assert.equal(code, 1, args.join(' '));
      assert.equal(stdout, '');
      return /^error: .*/m.exec(stderr)?.[0] ?? stderr;
    }),
  );
  const [unknown, invalid, nothing, pattern] = outcomes;
  assert.equal(unknown, 'error: nothing is mounted at "/nowhere" (destination/unknown)');
  assert.match(invalid ?? '', /"topic".*\(destination\/invalid\)$/);
  assert.match(nothing ?? '', /\(destination\/unknown\)$/);
  assert.match(pattern ?? '', /"\*\*" may only be the last segment \(destination\/invalid\)$/);
});

test('a server that is not there is a failure after one attempt', async (t) => {
  const vacant = createServer().listen(0, '127.0.0.1');
  await once(vacant, 'listening');
  const address = vacant.address();
  assert.ok(address !== null && typeof address === 'object');
  vacant.close();
  await once(vacant, 'close');
  const url = `ws://127.0.0.1:${address.port}/ws`;
  for (const command of ['publish', 'request']) {
    const { code, stderr } = await run(t, [command, '/topic/a', '1', '--url', url]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`^error: cannot connect to ${url}: .*ECONNREFUSED.* Is the server running there`),
    );
  }
});

test('a path or a URL with no endpoint is told as such', async (t) => {
  const { httpUrl } = await serve(t);
  const wrongPath = await run(t, ['publish', '/topic/a', '1', '--url', `${httpUrl}/other`]);
  assert.equal(wrongPath.code, 1);
  assert.match(wrongPath.stderr, /cannot connect to .*\/other: .*404/);
  for (const url of ['nonsense', 'ftp://localhost/ws']) {
    const { code, stderr } = await run(t, ['publish', '/topic/a', '1', '--url', url]);
    assert.equal(code, 2);
    assert.match(stderr, /^error: --url: /);
  }
});

test('a subscriber waits for a server that may come, and gives up where no waiting helps', async (t) => {
  // Statuses that it is answered with, one after another; beyond them it is no HTTP.
  const subscribe = async (...statuses: readonly number[]): Promise<Ended> => {
    let count = 0;
    const server = createServer((socket) => {
      socket.on('error', () => {});
      const status = statuses[count++];
      socket.once('data', () =>
        socket.end(
          status === undefined ? 'hello\r\n' : `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`,
        ),
      );
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return run(t, ['subscribe', '/topic/a', '--url', `ws://127.0.0.1:${port}/ws`]);
  };
  const outcomes = await Promise.all([
    subscribe(503, 429, 404),
    subscribe(502, 301),
    subscribe(200),
    subscribe(500),
    run(t, ['subscribe', '/topic/a', '--url', 'ws://nobody.invalid/ws']),
  ]);
  const reasons = [
    'Unexpected server response: 404 .* A server answers, but has no endpoint at this path$',
    'Unexpected server response: 301 .* A server answers, and refuses$',
    'Unexpected server response: 200 .* A server answers, and refuses$',
    'Parse Error: .* Is the server running there\\?$',
    'getaddrinfo ENOTFOUND .* Is the server running there\\?$',
  ];
  for (const [index, { code, stderr }] of outcomes.entries()) {
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^error: cannot connect to ws.*: ${reasons[index]}`, 'm'));
  }
  const tries = outcomes.map(({ stderr }) => stderr.split('again in').length);
  assert.deepEqual(tries, [3, 2, 1, 2, 1]);
});

test('a certificate that is not trusted is told with how to trust it', async (t) => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }]);
  const server = createHttpsServer({ cert, key }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `wss://127.0.0.1:${port}/ws`;
  const { code, stderr } = await run(t, ['publish', '/topic/a', '1', '--url', url]);
  assert.equal(code, 1);
  assert.match(stderr, /self-signed certificate .* NODE_EXTRA_CA_CERTS names a file/);
});

test('a reply that does not come in time is a failure', async (t) => {
  const folder = folderWith(t, {
    'app.js': `export const configure = (server) => {
      server.app.map('/never', ({ cancellation }) =>
        new Promise((resolve) => cancellation.onCancelled(resolve)));
    };`,
  });
  const { url } = await serve(t, ['--app', join(folder, 'app.js')]);
  const { code, stderr } = await run(t, [
    'request',
    '/app/never',
    '--timeout',
    '50ms',
    '--url',
    url,
  ]);
  assert.equal(code, 1);
  assert.equal(stderr, 'error: no answer within 50 ms (client/request-timeout)');
});

test('a token of the command `token` is accepted; others are refused with the reason', async (t) => {
  const folder = folderWith(t, {
    'secret.txt': `${SECRET}\n`,
    'tideway.yaml': 'tokens: { hmacSecretFile: secret.txt, allowAnonymous: false }\n',
  });
  const { url } = await serve(t, ['--config', join(folder, 'tideway.yaml')]);
  const secretFile = ['--secret-file', join(folder, 'secret.txt')];
  const made = await run(t, ['token', ...secretFile, '--sub', 'ada', '--ttl', '5m']);
  assert.equal(made.code, 0, made.stderr);
  const publish = (token: string): ReturnType<typeof run> =>
    run(t, ['publish', '/topic/a', '1', '--url', url], { env: { TIDEWAY_TOKEN: token } });
  const accepted = await publish(made.stdout);
  assert.equal(accepted.code, 0, accepted.stderr);

  const expired = await new SignJWT({ sub: 'ada', exp: 1_000_000_000 })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
  const refusals = await Promise.all([publish(expired), publish('nonsense'), publish('')]);
  assert.deepEqual(
    refusals.map(({ code, stderr }) => [code, stderr.replace(url, 'URL')]),
    ['the token has expired', 'the token is not valid', 'a token is required'].map((why) => [
      1,
      `error: URL refused the connection: ${why} (session/invalid-token)`,
    ]),
  );
  const flag = ['--token', 'nonsense'];
  const reader = await run(t, ['subscribe', '/topic/a', '--url', url, ...flag], {
    env: { TIDEWAY_TOKEN: made.stdout },
  });
  assert.equal(reader.code, 1, 'the flag goes before the environment, and nothing is tried again');
  assert.match(reader.stderr, /the token is not valid/);
});

test('a secret that is missing or too short makes no token', async (t) => {
  const folder = folderWith(t, { 'short.txt': 'short\n' });
  const token = (name: string): ReturnType<typeof run> =>
    run(t, ['token', '--secret-file', join(folder, name), '--sub', 'ada']);
  const [short, missing] = await Promise.all([token('short.txt'), token('none.txt')]);
  assert.equal(short.code, 2);
  assert.match(short.stderr, /short\.txt has fewer than 32 octets/);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /none\.txt: there is no such file/);
});

test('a subscription to a handler prints its answer and ends', async (t) => {
  const folder = folderWith(t, {
    'app.js': `export const configure = (server) => { server.app.map('/now', () => 42); };`,
  });
  const { url } = await serve(t, ['--app', join(folder, 'app.js')]);
  const { code, stdout } = await run(t, ['subscribe', '/app/now', '--url', url]);
  assert.deepEqual([code, stdout], [0, '42']);
});

test('a subscriber whose reader has left ends quietly', async (t) => {
  const { url } = await serve(t);
  const reader = start(t, ['subscribe', '/topic/a', '--url', url]);
  await reader.stderr.match(/^subscribed/);
  reader.closeStdout();
  await run(t, ['publish', '/topic/a', '1', '--url', url]);
  assert.equal((await reader.ended).code, 0);
});

test('only what has cursors is continued by one: a topic, not a work queue', async (t) => {
  const { url } = await serve(t);
  for (const [destination, hasCursor] of [
    ['/topic/a', true],
    ['/work/mail', false],
  ] as const) {
    const reader = start(t, ['subscribe', destination, '--url', url, '--count', '1']);
    await reader.stderr.match(/^subscribed to/);
    assert.equal((await run(t, ['publish', destination, '1', '--url', url])).code, 0);
    const { code, stderr } = await reader.ended;
    assert.equal(code, 0, destination);
    assert.equal(/to continue: --cursor \S/.test(stderr), hasCursor, destination);
  }
});
