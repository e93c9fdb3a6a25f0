/** Proves that the guide "Running it" is true: its commands, files and programs are taken from the text and run. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { SignJWT } from 'jose';
import { generate } from 'selfsigned';
import { DEFAULT_LIMITS } from 'tideway';
import { WebSocket } from 'tideway/websocket';
import { folderWith, root, serve, start } from './cli-program.js';

const page = readFileSync(join(root, 'docs/guides/operating.md'), 'utf8');
const withoutSystemd =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'systemd is not installed';

function blockOf(language: string, beginning = ''): string {
  const blocks = [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))];
  const block = blocks.map(([, text]) => text ?? '').find((text) => text.startsWith(beginning));
  assert.ok(block !== undefined, `a block of ${language} that begins with "${beginning}"`);
  return block;
}

const unit = blockOf('ini');

/** The value of a key of the unit file. */
function unitValue(key: string): string {
  const found = new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1];
  assert.ok(found !== undefined, key);
  return found;
}

/** A folder as on a server: the package below `node_modules`, and a config file that takes any port. */
function deployment(t: TestContext): string {
  const folder = mkdtempSync(join(root, 'build', 'deployed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/tideway'));
  writeFileSync(join(folder, 'tideway.yaml'), `port: 0\n${blockOf('yaml', '# tideway.yaml')}`);
  return folder;
}

interface Program {
  readonly child: ChildProcess;
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Tells it to stop; answers its exit code, or the signal that ended it. */
  stop(): Promise<unknown>;
}

function launch(
  t: TestContext,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Program {
  const { PORT: _port, ...inherited } = process.env;
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as unknown);
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  const seen: string[] = [];
  const lines = createInterface(child.stdout);
  lines.on('line', (line) => seen.push(line));
  return {
    child,
    line: async (pattern) => {
      for (;;) {
        const match = seen.map((line) => pattern.exec(line)).find((found) => found !== null);
        if (match !== null && match !== undefined) return match;
        await Promise.race([
          once(lines, 'line'),
          ended.then((code) => assert.fail(`ended with ${String(code)} without ${pattern}`)),
        ]);
      }
    },
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** Runs a command line of the guide, which names Node first: it listens, is healthy, and ends with 0 when it is told to. */
async function runsAsService(t: TestContext, command: readonly string[]): Promise<void> {
  const [node = '', ...args] = command;
  assert.match(node, /(?:^|\/)node$/);
  const program = launch(t, args, deployment(t));
  const [, port = ''] = await program.line(/ws:\/\/[^:]+:(\d+)\/ws/);
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  assert.deepEqual([health.status, await health.json()], [200, { status: 'ok' }]);
  assert.equal(await program.stop(), 0);
}

test('the node command for services listens, is healthy, and ends with 0 at SIGTERM', (t) =>
  runsAsService(t, (/^node node_modules.*$/m.exec(page)?.[0] ?? '').split(' ')));

test('the ExecStart of the unit file does so too', (t) =>
  runsAsService(t, unitValue('ExecStart').split(' ')));

test('the CMD of the Dockerfile is in its JSON form and does so too', (t) => {
  const command = /^CMD (\[.*\])$/m.exec(blockOf('dockerfile'))?.[1] ?? 'null';
  return runsAsService(t, JSON.parse(command) as string[]);
});

test('systemd has no word against the unit file', { skip: withoutSystemd }, (t) => {
  const folder = mkdtempSync(join(root, 'build', 'unit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const verify = (text: string): string => {
    const file = join(folder, 'tideway.service');
    // systemd looks whether the program is there.
    writeFileSync(file, text.replace('/usr/bin/node', process.execPath));
    const said = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    return said.stderr
      .split('\n')
      .filter((line) => line.includes('tideway.service'))
      .join('\n');
  };
  assert.equal(verify(unit), '');
  assert.match(verify(unit.replace('RestartSec', 'RestratSec')), /Unknown key name|Unknown key/);
});

test('what the unit file allows is enough for the default limits', () => {
  const limits = DEFAULT_LIMITS;
  const longestMs = limits.drainTimeoutMs + 2 * limits.closeTimeoutMs;
  assert.ok(Number(unitValue('TimeoutStopSec')) * 1000 > longestMs);
  assert.ok(Number(/--stop-timeout (\d+)/.exec(page)?.[1]) * 1000 > longestMs);
  const descriptors = limits.maxConnectionCount + limits.maxUnauthenticatedConnectionCount;
  assert.ok(Number(unitValue('LimitNOFILE')) > descriptors);
  assert.doesNotMatch(unit, /MemoryDenyWriteExecute|Type=notify|KillSignal/);
});

test('the log has one object a line, with the fields of the table and no key twice', async (t) => {
  const documented = new Set(
    [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) +\|/gm)].flatMap(([, names = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    ),
  );
  const secret = 'a secret of the tests, thirty-two octets or more';
  const folder = folderWith(t, { 'tideway.yaml': `tokens: { hmacSecret: "${secret}" }\n` });
  const server = await serve(t, ['--config', join(folder, 'tideway.yaml')]);
  const stranger = new WebSocket(server.url, { origin: 'https://evil.example' });
  await once(stranger, 'error');
  const forged = new WebSocket(server.url, 'tideway.v1');
  await once(forged, 'open');
  forged.send('{"type":"connect","token":"nonsense"}');
  await once(forged, 'close');
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret));
  const named = new WebSocket(server.url, 'v12.stomp');
  await once(named, 'open');
  named.send(`CONNECT\naccept-version:1.2\nhost:a\npasscode:${token}\n\n\0`);
  await once(named, 'message');
  named.send('NO-SUCH-FRAME\n\nnonsense\0');
  await once(named, 'close');
  const headers = { authorization: 'Bearer nonsense', 'content-type': 'application/json' };
  await fetch(`${server.httpUrl}/api/publish`, { method: 'POST', headers, body: '{}' });
  await server.stderr.match(/http\/unauthorized/);
  server.kill('SIGTERM');
  const { code, stderr } = await server.ended;
  assert.equal(code, 0);
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  assert.equal(lines.length, 4, stderr);
  for (const line of lines) {
    const fields = Object.keys(JSON.parse(line) as object);
    assert.deepEqual(
      fields.filter((field) => !documented.has(field)),
      [],
      line,
    );
    for (const field of fields) assert.equal(line.split(`"${field}":`).length, 2, line);
    assert.match(line, /"program":"tideway"/);
  }
  assert.match(lines[2] ?? '', /"name":"ada"/);
  assert.ok(!stderr.includes('nonsense') && !stderr.includes(token));
});

test('the app module serves the counts that the guide says to watch, in the format of Prometheus', async (t) => {
  const folder = folderWith(t, { 'app.js': blockOf('js', '// app.js') });
  const env = { METRICS_PORT: '0' };
  const running = await serve(t, ['--app', join(folder, 'app.js')], { env });
  const [, metricsUrl = ''] = await running.stdout.match(/^metrics at (http:\S+)$/);
  await once(new WebSocket(running.url, { origin: 'https://evil.example' }), 'error');
  const answer = await fetch(metricsUrl);
  const text = await answer.text();
  assert.match(text, /^tideway_websocket_handshakes_refused\{code="403"\} 1$/m);
  for (const line of text.trim().split('\n')) {
    assert.match(line, /^tideway_[a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? -?[\d.e+]+$/);
  }
  running.kill('SIGTERM');
  assert.equal((await running.ended).code, 0);
});

test('a restart: 503 while a handler is at work, then 4000, and what SIGHUP says', async (t) => {
  const app = `export function configure(server) {
    server.app.map('/slow', async () => {
      console.log('at work');
      await new Promise((done) => process.once('SIGUSR2', done));
      return 'done';
    });
  }`;
  const folder = folderWith(t, { 'app.js': app });
  const program = launch(
    t,
    [join(root, 'dist/cli/main.js'), 'serve', '--port', '0', '--app', join(folder, 'app.js')],
    folder,
  );
  const [, url = ''] = await program.line(/(ws:\S+)/);
  const health = (): Promise<Response> => fetch(new URL('/health', url.replace('ws', 'http')));
  program.child.kill('SIGHUP');
  assert.equal((await health()).status, 200);
  const socket = new WebSocket(url, 'tideway.v1');
  await once(socket, 'open');
  const messages: string[] = [];
  socket.on('message', (data) => messages.push((data as Buffer).toString()));
  const closed = once(socket, 'close');
  socket.send('{"type":"connect"}');
  socket.send('{"type":"request","id":1,"destination":"/app/slow"}');
  await program.line(/^at work$/);
  const ended = program.stop();
  let last = await health();
  while (last.status === 200) last = await health();
  assert.deepEqual([last.status, await last.json()], [503, { status: 'draining' }]);
  const refused = await once(new WebSocket(url), 'error');
  assert.match(String(refused[0]), /503/);
  socket.send('{"type":"send","id":2,"destination":"/topic/a","body":1}');
  while (!messages.some((message) => message.includes('server/draining'))) {
    await once(socket, 'message');
  }
  program.child.kill('SIGUSR2');
  const [closeCode, reason] = await closed;
  assert.deepEqual([closeCode, String(reason)], [4000, 'server/shutdown']);
  assert.ok(messages.some((message) => message.includes('"done"')));
  assert.equal(await ended, 0);
});

test('the program of its own ends with 0 at SIGTERM', async (t) => {
  const folder = folderWith(t, { 'server.mjs': blockOf('js', '// server.js') });
  const program = launch(t, [join(folder, 'server.mjs')], folder, { PORT: '0' });
  await program.line(/^listening at http:/);
  assert.equal(await program.stop(), 0);
});

test('the program with TLS takes a renewed certificate while connections stay', async (t) => {
  const certified = (name: string) => generate([{ name: 'commonName', value: name }]);
  const [old, renewed] = await Promise.all([certified('old.example'), certified('new.example')]);
  const folder = folderWith(t, {
    'secure.mjs': blockOf('js', '// secure.js'),
    'cert.pem': old.cert,
    'key.pem': old.private,
  });
  const [TLS_CERT, TLS_KEY] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const program = launch(t, [join(folder, 'secure.mjs')], folder, { PORT: '0', TLS_CERT, TLS_KEY });
  const [, port = ''] = await program.line(/^port (\d+)$/);
  const nameShown = async (): Promise<unknown> => {
    const socket = connectTls({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  };
  const client = new WebSocket(`wss://127.0.0.1:${port}/ws`, { rejectUnauthorized: false });
  await once(client, 'open');
  assert.equal(await nameShown(), 'old.example');
  writeFileSync(TLS_CERT, renewed.cert);
  writeFileSync(TLS_KEY, renewed.private);
  program.child.kill('SIGHUP');
  await program.line(/^the certificate was read again$/);
  assert.equal(await nameShown(), 'new.example');
  client.ping();
  await once(client, 'pong');
  const closed = once(client, 'close');
  assert.equal(await program.stop(), 0);
  assert.equal((await closed)[0], 4000);
});

test('the exit codes of the table: wrong use 2, a second signal 1', async (t) => {
  const wrong = start(t, ['serve', '--config', 'missing.yaml']);
  assert.equal((await wrong.ended).code, 2);
  const app = `export function configure(server) {
    server.app.map('/never', () => { console.log('at work'); return new Promise(() => {}); });
  }`;
  const folder = folderWith(t, { 'app.js': app });
  const running = await serve(t, ['--app', join(folder, 'app.js')]);
  const socket = new WebSocket(running.url, 'tideway.v1');
  await once(socket, 'open');
  socket.send('{"type":"connect"}');
  socket.send('{"type":"request","id":1,"destination":"/app/never"}');
  await running.stdout.match(/^at work$/);
  running.kill('SIGTERM');
  await running.stderr.match(/closing; a second signal ends it at once/);
  running.kill('SIGTERM');
  assert.equal((await running.ended).code, 1);
});
