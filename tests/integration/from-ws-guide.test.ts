/** Proves the guide from ws: its programs run as written, with ws in the place of tideway too, and its reference is complete. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A program of the guide and what it prints, line by line. */
function run(
  t: TestContext,
  file: string,
  env: Record<string, string>,
): { child: ChildProcess; line: () => Promise<string> } {
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { child, line: async () => String((await lines.next()).value) };
}

for (const engine of ['tideway/websocket', 'ws']) {
  test(`the programs of the guide do the same on ${engine}`, async (t) => {
    const folder = mkdtempSync(join(root, 'build', 'from-ws-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const programs = read('docs/guides/from-ws.md').matchAll(/```js\n\/\/ (\S+)\n([\s\S]*?)```/g);
    const names: string[] = [];
    for (const [, name = '', text = ''] of programs) {
      names.push(name);
      writeFileSync(join(folder, name), text.replace(`'tideway/websocket'`, `'${engine}'`));
    }
    assert.deepEqual(names, ['server.js', 'client.js']);
    const server = run(t, join(folder, 'server.js'), { PORT: '0' });
    const [, url = ''] = /^listening at (ws:\S+)$/.exec(await server.line()) ?? [];
    const client = run(t, join(folder, 'client.js'), { URL: url });
    assert.match(
      await client.line(),
      /^received: welcome, (?:::1|::ffff:127\.0\.0\.1|127\.0\.0\.1)$/,
    );
    assert.equal(await client.line(), 'received: hello');
    server.child.kill('SIGTERM');
    assert.equal(await client.line(), 'closed: 1001 restart');
    const [exitCode] = (await once(server.child, 'exit')) as [number | null];
    assert.equal(exitCode, 0);
  });
}

/** The members of an interface or class of a source. */
function membersOf(path: string, declaration: string): string[] {
  const source = read(path);
  const start = source.indexOf(declaration);
  assert.ok(start >= 0, declaration);
  const body = source.slice(start, source.indexOf('\n}\n', start));
  const members = body.matchAll(/^ {2}(?:readonly |get |declare )?'?([_a-zA-Z-]+)'?(?=\??[:(<])/gm);
  return [...new Set([...members].map(([, name = '']) => name))];
}

test('the reference names every option, event and member', () => {
  const page = read('docs/reference/websocket.md');
  const folder = 'src/transport/websocket';
  const internal = /^(?:WebSocketServerEvents|constructor)$/;
  const places: readonly (readonly [string, string])[] = [
    [`${folder}/ws/server-options.ts`, 'export interface ServerOptions'],
    [`${folder}/ws/client-options.ts`, 'export interface ClientOptions'],
    [`${folder}/limits/limits.ts`, 'export interface LimitOptions'],
    [`${folder}/ws/web-socket-types.ts`, 'export interface SendOptions'],
    [`${folder}/ws/web-socket-types.ts`, 'export interface WebSocketEvents'],
    [`${folder}/ws/server.ts`, 'export interface WebSocketServerEvents'],
    [`${folder}/ws/web-socket.ts`, 'export class WebSocket extends'],
    [`${folder}/ws/server.ts`, 'export class WebSocketServer'],
  ];
  for (const [path, declaration] of places) {
    const names = membersOf(path, declaration).filter((name) => !internal.test(name));
    assert.ok(names.length >= 4, `${declaration}: ${names.join()}`);
    for (const name of names) {
      assert.ok(new RegExp(`\`${name}\\b`).test(page), `${declaration}: ${name}`);
    }
  }
});
