/** Proves the program with few file descriptors: every command loads within 64, and a server that has none left says so. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderWith, run, serve } from './cli-program.js';

const SERVICE = { maxOpenFiles: 64 };
const MORE_THAN_THAT = 100;

test('every command works within 64 descriptors', async (t) => {
  const folder = folderWith(t, {
    'secret.txt': 'a secret of the tests, thirty-two octets or more',
    'tideway.yaml': 'topics: { /topic/**: { historySize: 9 } }\n',
    'app.js': `import { RequestError } from 'tideway';
      export const configure = (server) => server.app.map('/hello', () => RequestError.name);`,
  });
  const config = ['--config', join(folder, 'tideway.yaml'), '--app', join(folder, 'app.js')];
  const { url } = await serve(t, config, SERVICE);
  const at = ['--url', url];
  const secret = ['--secret-file', join(folder, 'secret.txt')];
  const commands: readonly (readonly string[])[] = [
    ['publish', '/topic/a', '1', ...at],
    ['request', '/app/hello', ...at],
    ['subscribe', '/app/hello', ...at],
    ['token', ...secret, '--sub', 'ada'],
    ['bench', url, '--connections', '2', '--duration', '10ms', '--warm-up', '1ms'],
  ];
  for (const args of commands) {
    const { code, stderr } = await run(t, args, SERVICE);
    assert.equal(code, 0, `${args[0]}: ${stderr}`);
  }
});

test('a server without a descriptor left says so, and when it has some again', async (t) => {
  const { httpUrl, stderr } = await serve(t, [], SERVICE);
  const { hostname, port } = new URL(httpUrl);
  const sockets = Array.from({ length: MORE_THAN_THAT }, () => connect(Number(port), hostname));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  // Those that it could not take.
  for (const socket of sockets) socket.on('error', () => {});
  const [line] = await stderr.match(/^.*no file descriptor is left.*$/);
  const { level, code } = JSON.parse(line) as { level: number; code: string };
  assert.deepEqual([level, code], [50, 'EMFILE']);
  for (const socket of sockets) socket.destroy();
  await stderr.match(/there are file descriptors again/);
  assert.equal((await fetch(`${httpUrl}/health`)).status, 200);
});

test('a server that has no descriptor to listen with says what to raise', async (t) => {
  const folder = folderWith(t, {
    'app.js': `import { openSync } from 'node:fs';
      export const configure = () => {
        try { for (;;) openSync('/dev/null', 'r'); } catch {}
      };`,
  });
  const args = ['serve', '--port', '0', '--app', join(folder, 'app.js')];
  const { code, stderr } = await run(t, args, SERVICE);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: no file descriptor is left to listen with; raise the limit of open/,
  );
});
