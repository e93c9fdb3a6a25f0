/** Owns the proof that the README and the guides are true: their programs are taken from the text and run. */
import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import { Client } from 'tideway/client';
import { WebSocket } from 'tideway/websocket';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const SECRET = 'a secret of the tests, thirty-two octets or more';

/** The JavaScript blocks of a page, in order. */
function programsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
}

/** Below the repository, so that `tideway` is the repository itself. */
function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(root, 'build', 'guide-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The programs of a guide that say which file they are, in a folder. */
function filesOf(t: TestContext, page: string): string {
  const folder = folderFor(t);
  for (const program of programsOf(page)) {
    const name = /^\/\/ (\S+\.js)\n/.exec(program)?.[1];
    if (name !== undefined) writeFileSync(join(folder, name), program);
  }
  return folder;
}

interface Running {
  readonly process: ChildProcess;
  readonly lines: Interface;
  readonly seen: string[];
  readonly line: (pattern: RegExp) => Promise<RegExpMatchArray>;
}

function run(
  t: TestContext,
  file: string,
  env: Record<string, string>,
  ...words: readonly string[]
): Running {
  const child = spawn(process.execPath, [file, ...words], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const lines = createInterface(child.stdout);
  const seen: string[] = [];
  lines.on('line', (line) => seen.push(line));
  const line = async (pattern: RegExp): Promise<RegExpMatchArray> => {
    for (;;) {
      const match = seen.map((text) => pattern.exec(text)).find((found) => found !== null);
      if (match !== undefined) return match;
      const ended = once(lines, 'close').then(() => false);
      const isMore = await Promise.race([once(lines, 'line').then(() => true), ended]);
      if (!isMore) throw new Error(`the program ended without ${pattern}:\n${seen.join('\n')}`);
    }
  };
  return { process: child, lines, seen, line };
}

function tokenFor(name: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(name)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
}

test('the programs of the getting-started guide run as written', async (t) => {
  const folder = filesOf(t, 'docs/guides/getting-started.md');
  const server = run(t, join(folder, 'server.js'), { PORT: '0', TOKEN_SECRET: SECRET });
  const [, url = ''] = await server.line(/^listening at (http:\S+)$/);
  const client = run(t, join(folder, 'client.js'), {
    TIDEWAY_URL: `${url.replace('http', 'ws')}/ws`,
    TOKEN: await tokenFor('ada'),
  });
  await Promise.all([
    client.line(/^state: connected/),
    client.line(/^the handler is done$/),
    client.line(/^ada: hello$/),
  ]);
  const stranger = run(t, join(folder, 'client.js'), {
    TIDEWAY_URL: `${url.replace('http', 'ws')}/ws`,
    TOKEN: 'not.a.token',
  });
  await stranger.line(/^state: disconnected \(session\/invalid-token\)$/);
  server.process.kill('SIGTERM');
  const [exitCode] = (await once(server.process, 'exit')) as [number | null];
  assert.equal(exitCode, 0);
  await client.line(/^state: connecting/);
});

test('the programs of the guide to message mappings run as written', async (t) => {
  const folder = folderFor(t);
  for (const program of programsOf('docs/guides/message-mappings.md')) {
    const name = /^\/\/ (\S+\.js)\n/.exec(program)?.[1];
    if (name !== undefined) writeFileSync(join(folder, name), program);
  }
  const server = run(t, join(folder, 'orders.js'), { PORT: '0' });
  const [, url = ''] = await server.line(/^listening at (http:\S+)$/);
  const TIDEWAY_URL = `${url.replace('http', 'ws')}/ws`;
  const guest = run(t, join(folder, 'guest.js'), { TIDEWAY_URL });
  await guest.line(/^refused: /);
  const page = readFileSync(join(root, 'docs/guides/message-mappings.md'), 'utf8');
  const said = /It says, [^\n]*\n\n```\n([\s\S]*?)\n```/.exec(page)?.[1]?.split('\n') ?? [];
  assert.equal(said.length, 6);
  assert.deepEqual([...guest.seen].sort(), [...said].sort());
  assert.deepEqual(guest.seen.slice(-2), said.slice(-2));
});

test('the controller of the guide to message mappings compiles with what the compiler is by default, and answers', async (t) => {
  const folder = folderFor(t);
  const page = readFileSync(join(root, 'docs/guides/message-mappings.md'), 'utf8');
  writeFileSync(join(folder, 'rooms.ts'), /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
  const flags = [
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--strict',
    '--types',
    'node',
    '--skipLibCheck',
  ];
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const file = join(folder, 'rooms.ts');
  const compiled = spawnSync(process.execPath, [compiler, ...flags, '--ignoreConfig', file], {
    encoding: 'utf8',
  });
  assert.equal(compiled.stdout, '');
  const server = run(t, join(folder, 'rooms.js'), { PORT: '0' });
  const [, url = ''] = await server.line(/^listening at (http:\S+)$/);
  const client = new Client({ url: `${url.replace('http', 'ws')}/ws` });
  t.after(() => client.close());
  await client.connect();
  const bodies: unknown[] = [];
  const subscribed = (name: string): Promise<void> =>
    new Promise((resolve) => {
      client.subscribe(name, {
        onPublication: ({ body }) => bodies.push(body),
        onSubscribed: () => resolve(),
      });
    });
  await Promise.all(['/topic/rooms/a/say', '/user/queue/count'].map(subscribed));
  await client.send('/app/rooms/a/say', { text: 'hello' });
  await client.send('/app/rooms/a/typing');
  await client.send('/app/rooms/a/count');
  await subscribed('/app/rooms/a/history');
  // Answered after all of it: what was published before it has come.
  await client.request('/app/rooms/a/count');
  assert.deepEqual(bodies, [{ room: 'a', from: 'somebody', text: 'hello' }, 1, ['hello']]);
});

test('the workers of the work-queue guide share the jobs, and what one leaves behind another does', async (t) => {
  const folder = filesOf(t, 'docs/guides/work-queues.md');
  const server = run(t, join(folder, 'server.js'), { PORT: '0' });
  const [, url = ''] = await server.line(/^listening at (http:\S+)$/);
  const program = (file: string, env: Record<string, string>, ...words: string[]): Running =>
    run(
      t,
      join(folder, file),
      { TIDEWAY_URL: `${url.replace('http', 'ws')}/ws`, ...env },
      ...words,
    );
  const stuck = program('worker.js', { NAME: 'stuck', MAIL_MS: '3600000' });
  await stuck.line(/^stuck: ready$/);
  const first = program('send.js', {}, 'carol');
  await Promise.all([first.line(/^kept as 1$/), stuck.line(/^stuck: begins carol$/)]);
  const quick = program('worker.js', { NAME: 'quick', MAIL_MS: '0' });
  await quick.line(/^quick: ready$/);
  stuck.process.kill('SIGKILL');
  await quick.line(/^quick: begins carol again$/);
  await quick.line(/^quick: done carol$/);

  const slow = program('worker.js', { NAME: 'slow', MAIL_MS: '3600000' });
  const dead = program('dead-letters.js', {});
  await slow.line(/^slow: ready$/);
  program('send.js', {}, 'dave', 'erin', 'frank');
  // Each is in the line once, so the slow one has one of the first two, and the other one all the rest.
  await Promise.all([slow.line(/^slow: begins (dave|erin)$/), quick.line(/^quick: done frank$/)]);
  program('send.js', {}, 'nobody');
  await quick.line(/^quick: failed: there is no such mailbox$/);
  await dead.line(/^to nobody: rejected$/);
  // With the quick one gone, what is sent waits for the one that speaks STOMP: the slow one has a job.
  quick.process.kill('SIGKILL');
  await once(quick.process, 'exit');
  const stomp = program('stomp-worker.js', {});
  await stomp.line(/^stomp: ready$/);
  program('send.js', {}, 'grace', 'nobody');
  await Promise.all([
    stomp.line(/^stomp: done grace$/),
    stomp.line(/^stomp: failed: there is no such mailbox$/),
  ]);
  server.process.kill('SIGTERM');
  const [exitCode] = (await once(server.process, 'exit')) as [number | null];
  assert.equal(exitCode, 0);
});

test("the worker in the server's own program gets what a handler sends, and clients may not send it", async (t) => {
  const folder = filesOf(t, 'docs/guides/work-queues.md');
  const shop = run(t, join(folder, 'shop.js'), { PORT: '0' });
  const [, url = ''] = await shop.line(/^listening at (http:\S+)$/);
  const client = new Client({ url: `${url.replace('http', 'ws')}/ws` });
  t.after(() => client.close());
  await client.connect();
  const { body } = await client.request('/app/orders', { to: 'erin' });
  assert.deepEqual(body, { isOrdered: true });
  await shop.line(/^mail to erin$/);
  await assert.rejects(client.send('/work/mail', { to: 'mallory' }), { code: 'access/denied' });
  shop.process.kill('SIGTERM');
  const [exitCode] = (await once(shop.process, 'exit')) as [number | null];
  assert.equal(exitCode, 0);
});

test('the server of the guide to proxies takes pages of the origin that it names, and no others', async (t) => {
  const folder = filesOf(t, 'docs/guides/behind-a-proxy.md');
  const server = run(t, join(folder, 'server.js'), { PORT: '0', TOKEN_SECRET: SECRET });
  const [, url = ''] = await server.line(/^listening at (http:\S+)$/);
  const open = (origin: string): WebSocket =>
    new WebSocket(`${url.replace('http', 'ws')}/ws`, { origin });
  const page = open('https://chat.example');
  await once(page, 'open');
  page.terminate();
  const [stranger] = (await once(open('https://other.example'), 'error')) as [Error];
  assert.match(stranger.message, /403/);
  const client = new Client({
    url: `${url.replace('http', 'ws')}/ws`,
    token: () => tokenFor('ada'),
  });
  t.after(() => client.close());
  const heard = new Promise((resolve) => {
    client.subscribe('/topic/room/a', {
      onSubscribed: () => void client.send('/app/room/a', { text: 'hello' }),
      onPublication: ({ body }) => resolve(body),
    });
  });
  await client.connect();
  assert.deepEqual(await heard, { name: 'ada', text: 'hello' });
});

test("the README's server and client run as written", async (t) => {
  const folder = folderFor(t);
  const [console_ = '', stomp = '', server = '', client = ''] = programsOf('README.md');
  assert.match(console_, /new WebSocket/);
  writeFileSync(
    join(folder, 'server.js'),
    `${server.replace('port: 8080', 'port: 0')}\nprocess.on('SIGTERM', () => void server.close());\n`,
  );
  const serving = run(t, join(folder, 'server.js'), {});
  const [, url = ''] = await serving.line(/^listening at (http:\S+)$/);
  const at = `${url.replace('http', 'ws')}/ws`;
  writeFileSync(join(folder, 'client.js'), client.replace('ws://localhost:8080/ws', at));
  const asking = run(t, join(folder, 'client.js'), {});
  await Promise.all([asking.line(/^3$/), asking.line(/^connected /), asking.line(/^\d{4}-.*Z$/)]);
  // As it stands, but for the address, and a topic that something is published to.
  const stompProgram = stomp.replace('ws://localhost:8080/ws', at);
  writeFileSync(join(folder, 'stomp.mjs'), stompProgram.replace('/topic/chat', '/topic/time'));
  await run(t, join(folder, 'stomp.mjs'), {}).line(/^"\d{4}-.*Z"$/);
  serving.process.kill('SIGTERM');
  const [exitCode] = (await once(serving.process, 'exit')) as [number | null];
  assert.equal(exitCode, 0);
});

test('the exporter of the page on metrics prints what was counted, with its unit', async (t) => {
  const folder = filesOf(t, 'docs/reference/metrics.md');
  const exporter = run(t, join(folder, 'exporter.js'), {});
  await exporter.line(/^publications_appended \{\} \+1 publications$/);
  await exporter.line(/^retained_bytes \d+ octets$/);
});
