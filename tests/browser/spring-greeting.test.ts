/** Proves in Chromium that the front end of Spring's guide, made for a Spring server, works against Tideway. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { openPage, startChromium, withoutChromium } from './chromium.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = join(root, 'examples/spring-greeting');
/**
 * The page under test: that of the example, or the guide's own. The latter is not in this repository: say where its
 * `complete/src/main/resources/static` is, with `jquery*.min.js` in it where its page loads that from elsewhere.
 */
const STATIC = process.env['TIDEWAY_SPRING_GUIDE'] ?? join(EXAMPLE, 'public');
const STOMPJS = join(root, 'node_modules/@stomp/stompjs/bundles/stomp.umd.min.js');

const skip = withoutChromium;
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startChromium();
});
after(() => browser?.close());

/** The example's server with the page, as a program of its own. */
async function startExample(t: TestContext): Promise<string> {
  // Below the repository, so that `tideway` is the repository itself.
  const folder = mkdtempSync(join(root, 'build', 'spring-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(EXAMPLE, 'server.js'), join(folder, 'server.mjs'));
  cpSync(STATIC, join(folder, 'public'), { recursive: true });
  const program = spawn(process.execPath, [join(folder, 'server.mjs')], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => program.kill('SIGKILL'));
  const [line] = (await once(createInterface(program.stdout), 'line')) as [string];
  const url = /^greetings are given at (http:\/\/localhost:\d+)$/.exec(line)?.[1];
  assert.ok(url !== undefined, line);
  return url;
}

/** What a CDN has comes from here. And the page names port 8080, while the test's server has another: that is exchanged on the way. */
async function exchangePort(context: BrowserContext, url: string): Promise<void> {
  const { port } = new URL(url);
  await context.route('**/*.js', (route, request) => {
    const name = basename(new URL(request.url()).pathname);
    const file = name === 'stomp.umd.min.js' ? STOMPJS : join(STATIC, name);
    return route.fulfill({
      contentType: 'text/javascript',
      headers: { 'access-control-allow-origin': '*' },
      body: readFileSync(file, 'utf8').replace('ws://localhost:8080/', `ws://localhost:${port}/`),
    });
  });
  // Styles of others, and what browsers ask for by themselves, are nobody's concern here.
  await context.route(/bootstrap.*\.css$|favicon\.ico$/, (route) => route.fulfill({ body: '' }));
}

async function openGuide(t: TestContext, url: string): Promise<Page> {
  const { page, complaints } = await openPage(t, browser);
  t.after(() => assert.deepEqual(complaints, []));
  await exchangePort(page.context(), url);
  await page.goto(`${url}/`);
  return page;
}

function greetingsOf(page: Page): Promise<string[]> {
  return page
    .locator('#greetings li, #greetings td')
    .evaluateAll((items) => items.map(({ textContent }) => textContent ?? ''));
}

async function waitForGreetings(page: Page, count: number): Promise<string[]> {
  await page
    .locator('#greetings li, #greetings td')
    .nth(count - 1)
    .waitFor();
  return greetingsOf(page);
}

async function connect(page: Page): Promise<void> {
  await page.locator('#connect').click();
  await page.locator('#disconnect:not([disabled])').waitFor();
}

test('the page of the guide greets after a second of work, on every page', { skip }, async (t) => {
  const url = await startExample(t);
  const [ada, grace] = await Promise.all([openGuide(t, url), openGuide(t, url)]);
  await Promise.all([connect(ada), connect(grace)]);
  const startedAtMs = performance.now();
  await ada.locator('#name').fill('Ada');
  await ada.locator('#send').click();
  assert.deepEqual(await waitForGreetings(ada, 1), ['Hello, Ada!']);
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs >= 1_000, `the handler works for a second; the answer came after ${tookMs} ms`);
  assert.deepEqual(await waitForGreetings(grace, 1), ['Hello, Ada!']);
});

test('names are shown in the order in which they were sent, and as text', { skip }, async (t) => {
  const url = await startExample(t);
  const page = await openGuide(t, url);
  await connect(page);
  const names = ['<img src=x onerror="document.title=1">', 'Tom & "Jerry"', `O'Hara`];
  for (const name of names) {
    await page.locator('#name').fill(name);
    await page.locator('#send').click();
  }
  assert.deepEqual(
    await waitForGreetings(page, 3),
    names.map((name) => `Hello, ${name}!`),
  );
  assert.equal(await page.locator('#greetings img').count(), 0);
});

test('Disconnect ends the session, and Connect begins another', { skip }, async (t) => {
  const url = await startExample(t);
  const page = await openGuide(t, url);
  const sockets: string[] = [];
  page.on('websocket', (socket) => {
    sockets.push(`open ${new URL(socket.url()).pathname}`);
    socket.on('close', () => sockets.push('close'));
  });
  await connect(page);
  await page.locator('#disconnect').click();
  await page.locator('#connect:not([disabled])').waitFor();
  await connect(page);
  await page.locator('#name').fill('again');
  await page.locator('#send').click();
  const greetings = await waitForGreetings(page, 1);
  assert.deepEqual(greetings, ['Hello, again!']);
  assert.deepEqual(sockets, ['open /gs-guide-websocket', 'close', 'open /gs-guide-websocket']);
});
