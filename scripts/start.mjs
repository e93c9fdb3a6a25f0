// Owns `npm start`: builds when the sources are not those of the last build, and runs the showcase from a copy that no later build touches.
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fingerprint, fingerprintOf, stamp } from './fingerprint.mjs';
import { buildPackage, requireTools } from './package-build.mjs';
import { newFolder, removeOldCopies, runningFrom } from './start-copies.mjs';
import { root } from './test-files.mjs';
import { writeVersion } from './write-version.mjs';

const dist = join(root, 'dist');
const copyOf = (name) => join(root, '.start', name);
const say = (words) => console.error(`tideway: ${words}`);

/** The package alone: its tests have to be compiled for nobody who starts the showcase. */
const PROJECTS = { pure: [], client: ['pure'], node: ['pure', 'client'] };

/** The projects of the repository with another folder for what they make. Answers the last, which leads to the others. */
function writeProjects(folder) {
  const projects = join(folder, '.tsbuildinfo');
  mkdirSync(projects, { recursive: true });
  for (const [name, references] of Object.entries(PROJECTS)) {
    const project = {
      extends: `../../tsconfig.${name}.json`,
      compilerOptions: { outDir: '..', tsBuildInfoFile: `./${name}` },
      references: references.map((other) => ({ path: `./tsconfig.${other}.json` })),
    };
    writeFileSync(join(projects, `tsconfig.${name}.json`), JSON.stringify(project));
  }
  return join(projects, 'tsconfig.node.json');
}

/** Ctrl+C while it builds: what is half built goes with the process. */
const stop = () => process.exit(130);

/** A folder with what was built of the sources as they are; its name says of which. Ends the process when it cannot be built. */
async function build(why) {
  requireTools();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const startedAtMs = performance.now();
  say(`building, because ${why} …`);
  for (;;) {
    const name = fingerprint();
    // Beside dist, so that its source maps lead to the sources from there.
    const folder = newFolder('');
    if (!(await buildPackage(folder, [writeProjects(folder)]))) {
      const kept = fingerprintOf(dist) !== undefined ? '; dist is still what was built before' : '';
      say(`the build failed${kept}`);
      process.exit(1);
    }
    stamp(folder, name);
    if (fingerprint() === name) {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      say(`built in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
      return { name, folder };
    }
    rmSync(folder, { recursive: true });
    say('the sources have changed meanwhile: once more …');
  }
}

/** Makes a complete folder the one of this path. Answers false when another start was faster with the same. */
function putInPlace(folder, path) {
  try {
    renameSync(folder, path);
    return true;
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code)) throw error;
    return false;
  }
}

/** Only the folder's name changes under whoever has it open. */
function replaceDist(folder) {
  do {
    const old = newFolder('old');
    try {
      renameSync(dist, old);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    rmSync(old, { recursive: true, force: true });
  } while (!putInPlace(folder, dist));
}

/** What the showcase runs from, laid out as the repository is, so that every path in it leads to itself. */
function makeCopy(name, built) {
  const folder = `${copyOf(name)}.${process.pid}`;
  rmSync(folder, { recursive: true, force: true });
  const isRun = (path) => !/\.map$|\.d\.c?ts$|\.test\.js$/.test(path);
  cpSync(built, join(folder, 'dist'), { recursive: true, filter: isRun });
  // With its name and its "exports", the application that stands in it finds this copy as `tideway`.
  for (const path of ['package.json', 'web/showcase/app.js', 'web/showcase/replay.json']) {
    cpSync(join(root, path), join(folder, path));
  }
  // A build that replaced the original meanwhile has left a mixture.
  const isWhole = fingerprintOf(built) === name && fingerprintOf(join(folder, 'dist')) === name;
  if (!isWhole || !putInPlace(folder, copyOf(name))) rmSync(folder, { recursive: true });
  return isWhole;
}

function tryToCopy(name, built) {
  try {
    return makeCopy(name, built);
  } catch {
    // Somebody else builds, and files of it are gone.
    return false;
  }
}

/** The copy that is run; its name. */
async function upToDate() {
  writeVersion();
  const name = fingerprint();
  const known = fingerprintOf(dist);
  const copied = fingerprintOf(join(copyOf(name), 'dist')) === name;
  if (known === name && (copied || tryToCopy(name, dist))) {
    say('nothing has changed since the last build');
    return name;
  }
  const why = known === undefined ? 'there is no complete build yet' : 'the sources have changed';
  const built = await build(why);
  makeCopy(built.name, built.folder);
  replaceDist(built.folder);
  return built.name;
}

mkdirSync(join(root, '.start'), { recursive: true });
const copy = copyOf(await upToDate());
runningFrom(copy);
removeOldCopies(copy);

// As one types it: what is printed for other terminals is told by it.
const settings = ['--config', join('web', 'showcase', 'tideway.yaml')];
const app = ['--app', join(copy, 'web/showcase/app.js'), '--static', join(copy, 'dist/showcase')];
process.argv.splice(1, 1, join(dist, 'cli/main.js'), 'serve', ...settings, ...app);
await import(pathToFileURL(join(copy, 'dist/cli/main.js')).href);
