/** Proves that the STOMP program of the README runs in a page too, through a bundler, without the line that it says to leave out. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { createServer } from 'tideway';
import { openPage, startChromium, withoutChromium } from './chromium.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test("the README's STOMP program runs in a page", { skip: withoutChromium }, async (t) => {
  const program = /```js\n(import \{ Client \} from '@stomp[\s\S]*?)```/.exec(
    readFileSync(join(root, 'README.md'), 'utf8'),
  )?.[1];
  assert.ok(program !== undefined);
  // Below the repository, so that stompjs is the repository's.
  const folder = mkdtempSync(join(root, 'build', 'readme-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const server = createServer({ staticDirectory: folder });
  t.after(() => server.close());
  const { port } = await server.listen({ port: 0 });

  const lines = program.split('\n').filter((line) => !line.startsWith('globalThis.WebSocket'));
  const entry = join(folder, 'stomp.mjs');
  writeFileSync(entry, lines.join('\n').replace('localhost:8080', `127.0.0.1:${port}`));
  const bundle = await rolldown({ input: entry });
  await bundle.write({ file: join(folder, 'page.js') });
  await bundle.close();
  const html = '<!doctype html><title>page</title><script type="module" src="page.js"></script>';
  writeFileSync(join(folder, 'index.html'), html);
  // Every browser asks for it.
  writeFileSync(join(folder, 'favicon.ico'), '');

  const browser = await startChromium();
  t.after(() => browser.close());
  const { page, complaints } = await openPage(t, browser);
  const printed = page.waitForEvent('console', (message) => message.text() === '"hello"');
  const subscribed = new Promise<void>((resolve) =>
    server.on('subscribe', ({ destination }) => {
      if (destination === '/topic/chat') resolve();
    }),
  );
  await page.goto(`http://127.0.0.1:${port}/`);
  await subscribed;
  await server.publish('/topic/chat', 'hello');
  await printed;
  assert.deepEqual(complaints, []);
});
