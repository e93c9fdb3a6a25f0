/** Proves that the server's reference names every option, limit and member, and that its example runs as written. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generate } from 'selfsigned';
import { createServer, DEFAULT_LIMITS } from 'tideway';
import { Client } from 'tideway/client';
import { WebSocket } from 'tideway/websocket';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const page = read('docs/reference/server.md');

/** The public members of an interface or class of a source. */
function membersOf(path: string, declaration: string): string[] {
  const source = read(path);
  const start = source.indexOf(declaration);
  assert.ok(start >= 0, declaration);
  const body = source.slice(start, source.indexOf('\n}\n', start));
  const members = body.matchAll(/^ {2}(?:readonly |get |async )*([a-zA-Z]+)(?=\??[:(<])/gm);
  return [...new Set([...members].map(([, name = '']) => name))].filter(
    (name) => name !== 'constructor',
  );
}

test('the reference names every option and every public member', () => {
  const places: readonly (readonly [string, string, number])[] = [
    ['src/server/options.ts', 'export interface ServerOptions', 20],
    ['src/server/server.ts', 'export class TidewayServer', 19],
    ['src/server/publishing.ts', 'export interface PublishOptions', 3],
    ['src/server/tokens.ts', 'export interface TokenOptions', 5],
    ['src/session/principal.ts', 'export interface Principal', 3],
    ['src/routing/access.ts', 'export interface AccessControl', 4],
  ];
  for (const [path, declaration, count] of places) {
    const names = membersOf(path, declaration);
    assert.ok(names.length >= count, `${declaration}: ${names.join()}`);
    assert.deepEqual(
      names.filter((name) => !new RegExp(`\`(?:access\\.)?${name}\\b`).test(page)),
      [],
      declaration,
    );
  }
});

test('the reference has every limit with its default', () => {
  const rows = [...page.matchAll(/^\| `(max\w+|\w+Ms)` +\|[^|]*\|[^|]*\| `(\d+)` +\|/gm)];
  const said = Object.fromEntries(rows.map(([, name = '', value]) => [name, Number(value)]));
  assert.deepEqual(said, DEFAULT_LIMITS);
});

test("the reference's example has an application and Tideway on one port", async (t) => {
  const folder = mkdtempSync(join(root, 'build', 'server-reference-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [, program = ''] = /```js\n(\/\/ one-port\.js\n[\s\S]*?)```/.exec(page) ?? [];
  writeFileSync(join(folder, 'one-port.js'), program);
  const child = spawn(process.execPath, [join(folder, 'one-port.js')], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const [, url = ''] = /^listening at (http:\S+)$/.exec(line) ?? [];
  const answer = await fetch(`${url}/any/page`);
  assert.equal(await answer.text(), 'the page of the application\n');
  const client = new Client({ url: `${url.replace('http', 'ws')}/ws` });
  t.after(() => client.close());
  const heard = new Promise((resolve) => {
    client.subscribe('/topic/a', {
      onSubscribed: () => void client.send('/topic/a', 7),
      onPublication: ({ body }) => resolve(body),
    });
  });
  await client.connect();
  assert.equal(await heard, 7);
  child.kill('SIGTERM');
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  assert.equal(exitCode, 0);
});

test('an HTTPS server of your own carries it, as the reference says', async (t) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
  const https = createHttpsServer({ key, cert });
  const server = createServer({ server: https });
  t.after(async () => {
    await server.close();
    https.close();
  });
  https.listen(0, '127.0.0.1');
  await once(https, 'listening');
  const url = `wss://127.0.0.1:${server.address?.port}/ws`;
  const socket = new WebSocket(url, { rejectUnauthorized: false });
  await once(socket, 'open');
  socket.send('{"type":"subscribe","destination":"/topic/a"}');
  const [said] = (await once(socket, 'message')) as [Buffer];
  assert.match(String(said), /"type":"subscribed"|"type":"connected"/);
  socket.close();
  await once(socket, 'close');
});
