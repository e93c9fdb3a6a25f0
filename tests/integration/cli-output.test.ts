/** What stdout, stderr and the log of `tideway serve` may not do, whatever becomes of them: end it, hold it up, or spoil its exit code. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { folderWith, MAIN, root } from './cli-program.js';
import { NativePeer } from './native-peer.js';

/** Errors so large that ten of them are more than the kernel takes for a reader that does not read. */
const APP = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
/** The disk takes half of what comes next, and no more until somebody asks again. */
function fillDisk() {
  const { write } = fs;
  let room = 1;
  fs.write = (fd, octets, done) => {
    if (fd !== 2) return write(fd, octets, done);
    if (room-- > 0) return write(fd, octets.subarray(0, octets.length / 2), done);
    const error = new Error('no space');
    fs.write = write;
    syncBuiltinESMExports();
    setImmediate(done, error, 0);
  };
  syncBuiltinESMExports();
}
export function configure(server) {
  server.app.map('/fail', ({ body }) => { throw new Error('x'.repeat(body)); });
  server.app.map('/fill', () => fillDisk());
  server.app.map('/count', ({ body }) => server.metrics.value(body));
  const listen = server.listen.bind(server);
  server.listen = async (options) => {
    const address = await listen(options);
    process.send(address.port);
    return address;
  };
}
`;

interface Serving {
  readonly child: ChildProcess;
  readonly peer: NativePeer;
  readonly folder: string;
}

/** A server that tells its port on a channel of its own. */
async function serving(
  t: TestContext,
  stdout: 'pipe' | number,
  stderr: 'pipe' | number,
  begun: (child: ChildProcess) => void = () => {},
): Promise<Serving> {
  const folder = folderWith(t, { 'app.mjs': APP });
  const stdio: StdioOptions = ['ignore', stdout, stderr, 'ipc'];
  const args = [MAIN, 'serve', '--port', '0', '--app', join(folder, 'app.mjs')];
  const child = spawn(process.execPath, args, { cwd: root, stdio });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  begun(child);
  const [port] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the server ended with ${code as number}`);
    }),
  ])) as [number];
  const peer = await NativePeer.open(`http://127.0.0.1:${port}`);
  return { child, peer, folder };
}

let nextId = 1;

async function asked(peer: NativePeer, destination: string, body: unknown): Promise<unknown> {
  const id = nextId++;
  peer.send({ type: 'request', id, destination, body });
  return (await peer.frame('reply', { id }))['body'];
}

/** Makes the server write errors of so many characters. */
async function fail(peer: NativePeer, count: number, length: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const id = nextId++;
    peer.send({ type: 'request', id, destination: '/app/fail', body: length });
    assert.equal((await peer.frame('error', { id }))['code'], 'app/failed');
  }
}

/** Files are written by other threads: that a line is lost is known some time later. */
async function linesDropped(peer: NativePeer): Promise<void> {
  while ((await asked(peer, '/app/count', 'log_lines_dropped')) === 0);
}

async function endsWell({ child, peer }: Serving): Promise<void> {
  peer.socket.terminate();
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
}

test('a server whose stdout and stderr have no reader serves on', async (t) => {
  const server = await serving(t, 'pipe', 'pipe', (child) => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  });
  await fail(server.peer, 30, 10);
  await linesDropped(server.peer);
  await endsWell(server);
});

test('a server whose disk is full serves on', { skip: !existsSync('/dev/full') }, async (t) => {
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  const server = await serving(t, full, full);
  await fail(server.peer, 30, 10);
  await linesDropped(server.peer);
  await endsWell(server);
});

test('a line that a full disk cut off is not joined to the next', async (t) => {
  const path = join(folderWith(t, { log: '' }), 'log');
  const file = openSync(path, 'w');
  t.after(() => closeSync(file));
  const server = await serving(t, 'pipe', file);
  await asked(server.peer, '/app/fill', null);
  // The first is cut off, the second comes after it.
  await fail(server.peer, 1, 10);
  await linesDropped(server.peer);
  await fail(server.peer, 1, 10);
  await endsWell(server);
  const lines = readFileSync(path, 'utf8').split('\n');
  const whole = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line));
  assert.ok(whole.some(({ msg }) => msg.startsWith('lines of this log were lost')));
  assert.ok(whole.some(({ msg }) => msg === 'a message handler failed'));
});

test('a server whose output nobody reads serves on, drops lines, and says so once it is read', async (t) => {
  const server = await serving(t, 'pipe', 'pipe');
  const { child, peer } = server;
  // More than the kernel and both ends keep; each second lets ten of them through.
  let dropped = 0;
  while (dropped === 0) {
    await fail(peer, 10, 400_000);
    dropped = (await asked(peer, '/app/count', 'log_lines_dropped')) as number;
  }
  assert.ok(dropped > 0);
  let text = '';
  const told = new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (/"count":\d+,"msg":"lines of this log were lost/.test(text)) resolve();
    });
  });
  let isTold = false;
  void told.then(() => (isTold = true));
  while (!isTold) await fail(peer, 1, 10);
  for (const line of text.split('\n').slice(0, -1)) JSON.parse(line);
  await endsWell(server);
});

test('a server that ends while nobody reads its output has the exit code 0', async (t) => {
  const server = await serving(t, 'pipe', 'pipe');
  await fail(server.peer, 10, 400_000);
  await endsWell(server);
});

test('thousands of lines of one kind are a few, and how many more there were', async (t) => {
  const folder = folderWith(t, {});
  const file = join(folder, 'log');
  const log = openSync(file, 'a');
  t.after(() => closeSync(log));
  const server = await serving(t, log, log);
  await fail(server.peer, 500, 10);
  const suppressed = (await asked(server.peer, '/app/count', 'log_lines_suppressed')) as number;
  assert.ok(suppressed > 300, String(suppressed));
  await endsWell(server);
  const lines = readFileSync(file, 'utf8').split('\n');
  assert.ok(lines.length < 200, `${lines.length} lines`);
  const more = lines.flatMap((line) => /"msg":"(\d+) more like this: /.exec(line)?.[1] ?? []);
  assert.equal(
    more.reduce((sum, count) => sum + Number(count), 0),
    suppressed,
  );
});
