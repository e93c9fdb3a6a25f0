/** Proves `npm start`: it builds when the sources changed, says so, and disturbs neither a start beside it nor a server that runs. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Client } from 'tideway/client';
import { root } from './cli-program.js';

const PROJECTS = ['base', 'pure', 'client', 'node'].map((name) => `tsconfig.${name}.json`);
const FOLDERS = ['scripts', 'src', 'types', 'web', 'dist'];
const PARTS = ['package.json', 'package-lock.json', ...PROJECTS, ...FOLDERS];

/** The sources as a clone has them, and what `npm run build` made of them: one build less to wait for. */
function clone(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-start-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const isOurs = (path: string): boolean => !path.includes('node_modules');
  for (const part of PARTS) {
    cpSync(join(root, part), join(folder, part), { recursive: true, filter: isOurs });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface Started {
  readonly said: () => string;
  /** Where the page is; undefined when the program ended without. */
  readonly url: Promise<string | undefined>;
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

function start(t: TestContext, folder: string): Started {
  const child = spawn(process.execPath, ['scripts/start.mjs'], {
    cwd: folder,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const url = new Promise<string | undefined>((resolve) => {
    const heard = (text: string): void => {
      said += text;
      const page = /Page +(\S+)\/\n[\s\S]*Ctrl\+C/.exec(said)?.[1];
      if (page !== undefined) resolve(page);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', heard);
    ended.then(
      () => resolve(undefined),
      () => resolve(undefined),
    );
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGINT');
    await ended;
  };
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return { said: () => said, url, ended, stop };
}

interface Page {
  readonly html: string;
  /** A digest of each file that the page loads. */
  readonly files: readonly string[];
}

async function pageOf(started: Started): Promise<Page> {
  const url = await started.url;
  assert.ok(url !== undefined, started.said());
  const html = await (await fetch(`${url}/`)).text();
  const names = [...html.matchAll(/ (?:src|href)="\.\/([^"]+)"/g)].map(([, name]) => name);
  assert.ok(names.length >= 4, html);
  const files = names.map(async (name) => {
    const answer = await fetch(`${url}/${name}`);
    assert.equal(answer.status, 200, name);
    return `${name} ${digest(new Uint8Array(await answer.arrayBuffer()))}`;
  });
  return { html, files: await Promise.all(files) };
}

const digest = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

/** The server's own part is at work too: the application and the library in it. */
async function recentDays(started: Started): Promise<number> {
  const url = ((await started.url) ?? '').replace(/^http/, 'ws');
  const client = new Client({ url: `${url}/ws` });
  await client.connect();
  const { body } = await client.request('/app/ticker/recent', null);
  client.close();
  return (body as { days: unknown[] }).days.length;
}

function contentOf(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${digest(readFileSync(path))}`)
    .sort();
}

/** What starts have made beside `dist` and the copies, and should not have left. */
const leftIn = (folder: string): string[] => [
  ...readdirSync(folder).filter((name) => name.startsWith('.build-')),
  ...readdirSync(join(folder, '.start')).filter((name) => name.includes('.')),
];
const copiesIn = (folder: string): string[] => readdirSync(join(folder, '.start')).sort();

test('npm start', { timeout: 110_000 }, async (t) => {
  const folder = clone(t);
  const dist = join(folder, 'dist');
  const source = join(folder, 'src/cli/port.ts');
  const first = start(t, folder);
  const page = await pageOf(first);
  const [copyOfFirst = ''] = copiesIn(folder);

  await t.test('nothing is built when nothing changed', async () => {
    const built = contentOf(dist);
    const again = start(t, folder);
    assert.deepEqual(await pageOf(again), page);
    assert.match(again.said(), /^tideway: nothing has changed since the last build\nTideway is re/);
    await again.stop();
    assert.deepEqual(contentOf(dist), built);
  });

  const html = join(folder, 'web/showcase/index.html');
  writeFileSync(html, readFileSync(html, 'utf8').replace('<title>', '<title>Another '));
  appendFileSync(join(folder, 'web/showcase/src/style.css'), '\n.another { color: red; }\n');
  const second = start(t, folder);
  const beside = start(t, folder);
  await t.test('two at once build what changed, and who runs goes on as before', async () => {
    const changed = await pageOf(second);
    assert.match(second.said(), /^tideway: building, because the sources have changed …\n/);
    assert.match(second.said(), /^tideway: built in \d+\.\d s\n/m);
    assert.match(changed.html, /<title>Another /);
    assert.notDeepEqual(changed.files, page.files);
    assert.deepEqual(await pageOf(beside), changed);
    assert.match(readFileSync(join(dist, 'showcase/index.html'), 'utf8'), /<title>Another /);
    const served = await Promise.all([first, second, beside].map(recentDays));
    assert.deepEqual([await pageOf(first), ...served], [page, 250, 250, 250]);
    assert.equal(copiesIn(folder).length, 2);
    await beside.stop();
    assert.deepEqual(leftIn(folder), []);
  });

  await t.test('a build that fails leaves everything in place, and says so', async () => {
    const [built, sound] = [contentOf(dist), readFileSync(source, 'utf8')];
    writeFileSync(source, `${sound}\nexport const broken: number = 'text';\n`);
    const failing = start(t, folder);
    assert.equal(await failing.ended, 1);
    assert.match(failing.said(), /src\/cli\/port\.ts.*TS2322/);
    assert.match(failing.said(), /^tideway: the build failed; dist is still what was built befo/m);
    assert.deepEqual(contentOf(dist), built);
    assert.deepEqual(leftIn(folder), []);
    writeFileSync(source, sound);
  });

  await t.test('a copy goes when nobody runs from it; dist may go at any time', async () => {
    const changed = await pageOf(second);
    const longAgo = new Date(Date.now() - 3_600_000);
    const startLater = async (): Promise<void> => {
      for (const name of copiesIn(folder)) {
        utimesSync(join(folder, '.start', name), longAgo, longAgo);
      }
      const later = start(t, folder);
      assert.deepEqual(await pageOf(later), changed);
      assert.match(later.said(), /^tideway: nothing has changed since the last build\n/);
      await later.stop();
    };
    await startLater();
    assert.equal(copiesIn(folder).length, 2, 'the first still runs');
    await first.stop();
    await startLater();
    assert.equal(copiesIn(folder).length, 1);
    assert.equal(copiesIn(folder).includes(copyOfFirst), false);
    rmSync(dist, { recursive: true });
    assert.deepEqual(await pageOf(second), changed);
    assert.equal(await recentDays(second), 250);
  });
});
