// Owns the folders that `npm start` makes: who runs from which, and that each goes when nobody does.
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-files.mjs';

const copies = join(root, '.start');
/** Younger ones may belong to a start that has not said yet that it runs from there. */
const MIN_AGE_MS = 60_000;

let newCount = 0;
const made = [];

/** A path beside `dist` that no other process takes; what is there at the end goes with the process. */
export function newFolder(suffix) {
  newCount += 1;
  const folder = join(root, `.build-${process.pid}-${newCount}${suffix}`);
  rmSync(folder, { recursive: true, force: true });
  if (made.length === 0) {
    process.once('exit', () => {
      for (const path of made) rmSync(path, { recursive: true, force: true });
    });
  }
  made.push(folder);
  return folder;
}

/** Says that this process runs from there, for as long as it does. */
export function runningFrom(copy) {
  const mark = join(copy, `running-${process.pid}`);
  writeFileSync(mark, '');
  process.once('exit', () => rmSync(mark, { force: true }));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

const entriesOf = (folder) => (existsSync(folder) ? readdirSync(folder) : []);

function isUsed(copy) {
  const pids = entriesOf(copy).map((name) => Number(/^running-(\d+)$/.exec(name)?.[1] ?? 0));
  return pids.some((pid) => pid > 0 && isAlive(pid));
}

/** Removes the copies that nobody runs from, and what starts that were killed have left. */
export function removeOldCopies(current) {
  const left = entriesOf(root).filter((name) => /^\.build-\d+/.test(name));
  const isDead = (name) => !isAlive(Number(/(\d+)(?:-\d+\w*)?$/.exec(name)?.[1]));
  const old = entriesOf(copies).filter((name) => {
    const copy = join(copies, name);
    // One that is being made.
    if (/\.\d+$/.test(name)) return isDead(name);
    const ageMs = Date.now() - (statSync(copy, { throwIfNoEntry: false })?.mtimeMs ?? Infinity);
    return copy !== current && !isUsed(copy) && ageMs > MIN_AGE_MS;
  });
  for (const name of left.filter(isDead))
    rmSync(join(root, name), { recursive: true, force: true });
  for (const name of old) rmSync(join(copies, name), { recursive: true, force: true });
}
