// Owns whether a build is still that of the sources: a fingerprint of all that goes into it, and the stamp in what was built.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-files.mjs';

/** Files and folders that decide what is built. Content counts, not times: a checkout changes those. */
const SOURCES = [
  'package.json',
  'package-lock.json',
  'tsconfig.base.json',
  'tsconfig.pure.json',
  'tsconfig.client.json',
  'tsconfig.node.json',
  'scripts',
  'src',
  'types',
  'web/showcase',
];
/** No part of what is built, or built themselves, or an editor's own. */
const isLeftOut = (name) => /^(?:node_modules|dist|\..*)$|\.test\.\w+$|~$/.test(name);

/** The files that a path of the repository is or has, in an order that is always the same. */
function* filesOf(path) {
  if (!statSync(join(root, path)).isDirectory()) {
    yield path;
    return;
  }
  const names = readdirSync(join(root, path)).sort();
  for (const name of names) if (!isLeftOut(name)) yield* filesOf(`${path}/${name}`);
}

/** What names a build: 16 hex digits of all that goes into it. */
export function fingerprint() {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const path of filesOf(source)) {
      const content = readFileSync(join(root, path));
      // With the length, no octet of one file can be taken for one of the next.
      hash.update(`${path}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Where the package does not look: `files` leaves it out. */
const stampOf = (folder) => join(folder, '.tsbuildinfo', 'fingerprint');

/** Of what a folder was built; undefined when it says nothing. */
export function fingerprintOf(folder) {
  return existsSync(stampOf(folder)) ? readFileSync(stampOf(folder), 'utf8') : undefined;
}

/** The last step of a build: what has no stamp is not complete. */
export function stamp(folder, name) {
  mkdirSync(join(folder, '.tsbuildinfo'), { recursive: true });
  writeFileSync(stampOf(folder), name);
}
