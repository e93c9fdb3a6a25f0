/** Proves `tideway serve` as a program: what it reads, prints and answers, and its exit codes. */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { folderWith, run, serve, start } from './cli-program.js';

const APP = `
export async function configure(server) {
  await Promise.resolve();
  server.app.map('/add', ({ body }) => ({ sum: body.a + body.b }));
  server.app.map('/count', async function* ({ body }) {
    for (let number = 1; number <= body; number += 1) yield number;
  });
}
`;

async function takenPort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

test('what one terminal publishes, another that subscribed prints', async (t) => {
  const { url } = await serve(t);
  const reader = start(t, ['subscribe', '/topic/chat', '--url', url, '--count', '2']);
  await reader.stderr.match(/^subscribed to \/topic\/chat$/);
  const first = await run(t, ['publish', '/topic/chat', '{"text":"hello"}', '--url', url]);
  assert.equal(first.code, 0);
  assert.match(first.stdout, /^\S+:1$/);
  const second = await run(t, ['publish', '/topic/chat', '[1, 2]', '--url', url]);
  assert.match(second.stdout, /^\S+:2$/);
  const { code, stdout, stderr } = await reader.ended;
  assert.equal(code, 0);
  assert.equal(stdout, '{"text":"hello"}\n[1,2]');
  assert.match(stderr, new RegExp(`to continue: --cursor ${second.stdout}$`));
});

test('the start lines say where to look, what is exposed and what to type, without colour', async (t) => {
  const folder = folderWith(t, { 'index.html': '<h1>It works</h1>', 'app.js': APP });
  const server = await serve(t, ['--static', folder, '--app', join(folder, 'app.js')]);
  const { text } = server.stdout;
  assert.match(text, new RegExp(`Page +${server.httpUrl}/`));
  assert.match(text, new RegExp(`WebSocket +${server.url}`));
  assert.match(
    text,
    /Access +open: whatever no rule forbids; only this machine connects, or a proxy on it/,
  );
  assert.match(text, new RegExp(`npx tideway subscribe /topic/chat --url ${server.url}`));
  assert.ok(!text.includes('\u001B'), 'stdout is no terminal here');
  const page = await fetch(server.httpUrl);
  assert.equal(await page.text(), '<h1>It works</h1>');
});

test('[D5] a config file says where clients connect, what each path takes and where the mounts stand', async (t) => {
  const folder = folderWith(t, {
    'tideway.yaml': [
      'endpoints:',
      '  - { path: /stomp, dialects: [stomp] }',
      '  - { path: /live, dialects: [native], allowedOrigins: [https://shop.example] }',
      'prefixes: { topic: /news, work: [/work, /queue] }',
    ].join('\n'),
    'wrong.yaml': 'prefixes: { work: [/work, /queue] }',
  });
  const server = await serve(t, ['--config', join(folder, 'tideway.yaml')]);
  const { text } = server.stdout;
  assert.match(text, /WebSocket +ws:\S+\/stomp \(stomp\)$/m);
  assert.match(text, /WebSocket +ws:\S+\/live \(native\)$/m);
  // What it tells to type works as it stands.
  const [, destination = '', url = ''] = /publish (\S+) '.*' --url (\S+)/.exec(text) ?? [];
  assert.deepEqual([destination, new URL(url).pathname], ['/news/chat', '/live']);
  const published = await run(t, ['publish', destination, '1', '--url', url]);
  assert.match(published.stdout, /^\S+:1$/);
  const elsewhere = await run(t, ['publish', '/topic/chat', '1', '--url', url]);
  assert.match(elsewhere.stderr, /destination\/unknown/);
  const wrong = await run(t, ['serve', '--port', '0', '--config', join(folder, 'wrong.yaml')]);
  assert.equal(wrong.code, 2);
  assert.match(
    wrong.stderr,
    /wrong\.yaml:1: prefixes\.work: "\/queue" is a prefix of "topic" by def/,
  );
});

test('on an address that is not loopback it says how many rules allow anything', async (t) => {
  const folder = folderWith(t, {
    'one.yaml': 'access: [{ effect: allow, operations: subscribe, pattern: /topic/** }]\n',
    'two.js': `export const configure = (server) => server.access.allow('any', '/app/**');`,
  });
  const host = ['--host', '0.0.0.0'];
  const none = await serve(t, host);
  assert.match(none.stdout.text, /only what a rule allows, and no rule does: nobody can do anyth/);
  const config = ['--config', join(folder, 'one.yaml')];
  const one = await serve(t, [...host, ...config]);
  assert.match(one.stdout.text, /Access +only what a rule allows, and 1 rule does$/m);
  const two = await serve(t, [...host, ...config, '--app', join(folder, 'two.js')]);
  assert.match(two.stdout.text, /Access +only what a rule allows, and 2 rules do$/m);
  const refused = await run(t, ['publish', '/topic/chat', '1', '--url', two.url]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^error: .* \(access\/denied\)$/m);
});

test('an app module answers requests, with one reply or a stream of them', async (t) => {
  const folder = folderWith(t, { 'app.js': APP });
  const { url } = await serve(t, ['--app', join(folder, 'app.js')]);
  const sum = await run(t, ['request', '/app/add', '{"a":1,"b":2}', '--url', url]);
  assert.deepEqual([sum.code, sum.stdout], [0, '{"sum":3}']);
  const numbers = await run(t, ['request', '/app/count', '3', '--url', url]);
  assert.deepEqual([numbers.code, numbers.stdout], [0, '1\n2\n3']);
  const none = await run(t, ['request', '/app/none', '--url', url]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^error: no message mapping matches "\/app\/none" \(app\/no-handler\)/);
});

test('an app module that cannot be used is told by its file, with the place of the fault', async (t) => {
  const folder = folderWith(t, {
    'none.js': 'export const config = 1;',
    'throws.js': `export function configure() { throw new Error('no database'); }`,
    'rejects.js': `export async function configure() { throw new Error('no database'); }`,
    'syntax.js': 'export function (',
  });
  const outcome = async (name: string): Promise<readonly [number | null, string]> => {
    const args = ['serve', '--port', '0', '--app', join(folder, name)];
    const { code, stdout, stderr } = await run(t, args);
    assert.equal(stdout, '');
    return [code, stderr.replaceAll(folder, '')];
  };
  const [missing, none, throws, rejects, syntax] = await Promise.all(
    ['missing.js', 'none.js', 'throws.js', 'rejects.js', 'syntax.js'].map(outcome),
  );
  assert.deepEqual(missing, [2, 'error: app module /missing.js: there is no such file']);
  assert.deepEqual(none, [
    1,
    'error: app module /none.js: it exports no function "configure" (it exports config). ' +
      'Write: export function configure(server) { … }',
  ]);
  assert.equal(throws?.[0], 1);
  assert.match(
    throws?.[1] ?? '',
    /^error: app module \/throws\.js: its configure\(server\) failed: no database\n.*throws\.js:1:/,
  );
  assert.equal(rejects?.[0], 1);
  assert.match(rejects?.[1] ?? '', /\/rejects\.js: its configure\(server\) failed: no database/);
  assert.equal(syntax?.[0], 1);
  assert.match(syntax?.[1] ?? '', /^error: app module \/syntax\.js: it could not be loaded: /);
});

test('a config file that is wrong is wrong use, and names file, line and key', async (t) => {
  const folder = folderWith(t, {
    'key.yaml': 'port: 0\nlimits:\n  maxMessageByte: 3\n',
    'pattern.yaml': 'access:\n  - { effect: deny, pattern: topic }\n',
    'topic.yaml': 'topics:\n  /topic/**/x: { historySize: 1 }\n',
    'work.yaml': 'work:\n  /work/**:\n    deadLetter: /work/*\n',
    'static.yaml': 'static: ./nowhere\n',
  });
  const outcome = async (name: string): Promise<string> => {
    const { code, stderr } = await run(t, ['serve', '--config', join(folder, name)]);
    assert.equal(code, 2, name);
    return stderr.replaceAll(`${folder}/`, '');
  };
  const files = ['key', 'pattern', 'topic', 'work', 'static', 'none'].map((one) => `${one}.yaml`);
  const [key, pattern, topic, work, directory, missing] = await Promise.all(files.map(outcome));
  assert.equal(
    key,
    'error: key.yaml:3: limits.maxMessageByte: unknown key; did you mean "maxMessageBytes"?',
  );
  assert.match(pattern ?? '', /^error: pattern\.yaml:2: access\[0\]\.pattern: "topic" is not a/);
  assert.match(
    topic ?? '',
    /^error: topic\.yaml:2: topics\."\/topic\/\*\*\/x": .* is not a pattern/,
  );
  assert.match(work ?? '', /^error: work\.yaml:2: work\."\/work\/\*\*": .*\/work\/\*/);
  assert.equal(directory, 'error: static.yaml:1: static: nowhere is not a directory');
  assert.equal(missing, 'error: cannot read the config file none.yaml: there is no such file');
});

test('wrong use of the command line is exit code 2, and says what is wrong', async (t) => {
  const cases: readonly (readonly [args: readonly string[], words: RegExp])[] = [
    [[], /^Usage: npx tideway <command>/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['serve', '--prot', '1'], /unknown option '--prot'\n\(Did you mean --port\?\)/],
    [['serve', '--port', '99999'], /'--port <port>' argument '99999' is invalid\. A port is/],
    [['serve', 'extra'], /too many arguments for 'serve'/],
    [['serve', '--static', '/nowhere'], /^error: --static: \/nowhere is not a directory/],
    [['serve', '--host', ''], /^error: --host: expected a host name or an address, got nothing/],
    [['publish'], /missing required argument 'destination'/],
    [['subscribe', '/topic/a', '--count', '0'], /A count is a whole number from 1 up/],
    ...['bogus', '', 'epoch:', 'epoch:-1', 'epoch:01', 'two words:1'].map(
      (cursor) =>
        [['subscribe', '/topic/a', '--cursor', cursor], /A cursor is what publish prints/] as const,
    ),
    ...[['publish', '/topic/a', '1'], ['subscribe', '/topic/a'], ['bench']].map(
      (args) => [[...args, '--token', ''], /^error: --token: there is none, it is empty/] as const,
    ),
  ];
  await Promise.all(
    cases.map(async ([args, words]) => {
      const { code, stdout, stderr } = await run(t, args);
      assert.equal(code, 2, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, words);
    }),
  );
});

test('--help and --version print to stdout and are fine', async (t) => {
  const [help, version] = await Promise.all([run(t, ['serve', '--help']), run(t, ['--version'])]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--config <file>[\s\S]*Examples:\n {2}npx tideway serve/);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+$/);
});

test('a taken port is said plainly, with what changes it', async (t) => {
  const port = await takenPort(t);
  const folder = folderWith(t, {
    'app.js': 'export function configure() { setInterval(() => {}, 1000); }',
  });
  const { code, stdout, stderr } = await run(t, [
    'serve',
    '--port',
    String(port),
    '--app',
    join(folder, 'app.js'),
  ]);
  assert.equal(code, 1);
  assert.equal(stderr, `error: port ${port} is taken; choose another with --port or PORT`);
  assert.equal(stdout, '');
});

test('a flag goes before PORT, PORT before the config file', async (t) => {
  const port = await takenPort(t);
  const env = { PORT: String(port) };
  const folder = folderWith(t, { 'tideway.yaml': 'port: 0\nhost: "127.0.0.1"\n' });
  const config = ['--config', join(folder, 'tideway.yaml')];
  // The port of the environment is taken: who tries it says so.
  const byEnvironment = await run(t, ['serve', ...config], { env });
  assert.match(byEnvironment.stderr, new RegExp(`port ${port} is taken`));
  const byFlag = start(t, ['serve', ...config, '--port', '0'], { env });
  await byFlag.stdout.match(/Ctrl\+C/);
  const byFile = start(t, ['serve', ...config], { env: { PORT: '' } });
  await byFile.stdout.match(/Ctrl\+C/);
  const wrong = await run(t, ['serve'], { env: { PORT: 'http' } });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /PORT: expected a number from 0 to 65535, got "http"/);
});

test('SIGTERM and SIGINT close the server, which tells its clients, and are fine', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const server = await serve(t);
    const reader = start(t, ['subscribe', '/topic/chat', '--url', server.url]);
    await reader.stderr.match(/^subscribed/);
    server.kill(signal);
    await reader.stderr.match(/^not connected .*\(server\/shutdown\); again in \d+\.\d s$/);
    const { code, stderr } = await server.ended;
    assert.equal(code, 0);
    assert.match(stderr, new RegExp(`^${signal}: closing`));
    reader.kill('SIGINT');
    assert.equal((await reader.ended).code, 0);
  }
});

test('a second signal ends a server at once whose clients keep it waiting', async (t) => {
  const folder = folderWith(t, { 'slow.yaml': 'limits: { closeTimeoutMs: 3600000 }\n' });
  const server = await serve(t, ['--config', join(folder, 'slow.yaml')]);
  const { host, hostname, port } = new URL(server.url);
  // A client that never answers the closing handshake.
  const socket = connect(Number(port), hostname);
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString('latin1'), /^HTTP\/1\.1 101 /);
  server.kill('SIGTERM');
  await server.stderr.match(/closing/);
  server.kill('SIGTERM');
  assert.equal((await server.ended).code, 1);
});

test('a back end with an API key of the config file publishes over HTTP', async (t) => {
  const folder = folderWith(t, {
    'tideway.yaml':
      'apiKeysFile: keys.txt\ntopics:\n  /topic/news: { historySize: 5 }\n' +
      'work:\n  /work/jobs: { maxMessageCount: 1 }\n',
    'keys.txt': '# the shop\nkey-of-the-old-shop\n',
  });
  const { httpUrl, url, stdout } = await serve(t, ['--config', join(folder, 'tideway.yaml')]);
  await stdout.match(/HTTP API +\S+\/api\/publish \(POST; 1 API key\)/);
  const publish = (key: string, destination = '/topic/news'): Promise<Response> =>
    fetch(`${httpUrl}/api/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ destination, body: 'sale' }),
    });
  assert.equal((await publish('another')).status, 401);
  const answer = (await (await publish('key-of-the-old-shop')).json()) as { epoch: string };
  const cursor = ['--cursor', `${answer.epoch}:0`, '--count', '1'];
  const reader = await run(t, ['subscribe', '/topic/news', '--url', url, ...cursor]);
  assert.equal(reader.stdout, '"sale"');
  assert.match(reader.stderr, /subscribed to \/topic\/news; nothing was missed/);
  const job = async (): Promise<number> =>
    (await publish('key-of-the-old-shop', '/work/jobs')).status;
  assert.deepEqual([await job(), await job()], [200, 503]);
});
