// Owns `npm run acceptance -- start`: how long after `npm start` the page is there, in a clone without a build, and once more.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { where, writeFigure } from './acceptance-page.mjs';
import { root } from './test-files.mjs';

const ROUNDS = 5;
/** Of two seconds each. */
const MAX_TRIES = 15;
const MAX_MS = { 'after npm ci': 5_000, 'nothing changed': 2_000 };
const NO_SOURCES = new Set(['node_modules', 'dist', 'build', '.git', '.start']);

/** As `npm ci` leaves it: the sources, what they need, and no build. */
function freshClone() {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-clone-'));
  for (const name of readdirSync(root)) {
    if (NO_SOURCES.has(name) || name.startsWith('.build-')) continue;
    const isOurs = (path) => !path.includes('node_modules');
    cpSync(join(root, name), join(folder, name), { recursive: true, filter: isOurs });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The share of the cores that nobody uses, over two seconds. */
async function idleShare() {
  const sums = () =>
    cpus()
      .map(({ times }) => [times.idle, Object.values(times).reduce((sum, time) => sum + time)])
      .reduce(([idle, all], [one, of]) => [idle + one, all + of]);
  const [idleBefore, before] = sums();
  await delay(2_000);
  const [idleAfter, after] = sums();
  return (idleAfter - idleBefore) / (after - before);
}

/** The goals hold for a machine that does nothing else; it is waited for, for a while. Answers whether it came. */
async function machineIsIdle() {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) if ((await idleShare()) > 0.9) return true;
  return false;
}

/** Milliseconds from the command to the page. */
async function timeStart(folder) {
  const startedAtMs = performance.now();
  const npm = spawn('npm', ['start'], {
    cwd: folder,
    env: { ...process.env, PORT: '0', npm_config_update_notifier: 'false' },
    stdio: ['ignore', 'pipe', 'inherit'],
    // npm passes on no signal: what it started is ended as one group.
    detached: true,
  });
  const ended = new Promise((resolve) => npm.on('close', resolve));
  const url = await new Promise((resolve) => {
    let said = '';
    npm.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
      const page = /Page +(\S+)\//.exec(said)?.[1];
      if (page !== undefined) resolve(page);
    });
    npm.on('close', () => resolve(undefined));
  });
  if (url === undefined) throw new Error('npm start ended without a page');
  const { ok } = await fetch(url);
  const tookMs = performance.now() - startedAtMs;
  const { pid } = npm;
  if (pid !== undefined) process.kill(-pid, 'SIGINT');
  await ended;
  if (!ok) throw new Error('the page is not there');
  return tookMs;
}

/** Answers the exit code. */
export async function runStart() {
  let idleCount = 0;
  const times = { 'after npm ci': [], 'nothing changed': [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = freshClone();
    try {
      // After the copy: it is still being written to the disk.
      if (await machineIsIdle()) idleCount += 1;
      for (const list of Object.values(times)) list.push(await timeStart(folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const figures = Object.entries(times).map(([name, list]) => {
    const sorted = list.toSorted((a, b) => a - b).map((ms) => (ms / 1000).toFixed(1));
    return `${name}: ${sorted[sorted.length >> 1]} s (${sorted[0]} to ${sorted.at(-1)})`;
  });
  const isFine = Object.entries(times).every(([name, list]) => Math.max(...list) <= MAX_MS[name]);
  const figure = `${figures.join('; ')}; median of ${ROUNDS}, of which ${idleCount} began on an idle machine${isFine ? '' : '; TOO LONG'}`;
  console.log(`start: ${figure}`);
  writeFigure(['start', 'From `npm start` to the page: within 5 s, and 2 s', figure, ...where()]);
  return isFine ? 0 : 1;
}
