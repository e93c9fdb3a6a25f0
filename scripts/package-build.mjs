// Owns the steps that make the package of its sources, in `dist` or in a folder that becomes it: compiler and page beside each other.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-files.mjs';
import { writeDoorTypes } from './write-door-types.mjs';

const bin = (path) => join(root, 'node_modules', path);

/** Ends the process with words when there is nothing to build with. */
export function requireTools() {
  if (existsSync(bin('typescript'))) return;
  console.error(
    'tideway: the build tools are not installed. Run "npm ci" without NODE_ENV=production or --omit=dev.',
  );
  process.exit(1);
}

/** Whether it went well; what a tool has to say goes to stderr, where it does not mix with what a program prints. */
function run(folder, ...args) {
  const tool = spawn(process.execPath, args, {
    cwd: join(root, folder),
    stdio: ['ignore', 2, 2],
  });
  return new Promise((resolve) => tool.on('close', (status) => resolve(status === 0)));
}

/** Builds into a folder of the repository, which has to be empty or missing. Answers whether it went well. */
export async function buildPackage(folder, compilerArguments) {
  // The tests are compiled against them.
  writeDoorTypes(folder);
  const done = await Promise.all([
    run('', bin('typescript/bin/tsc'), '-b', ...compilerArguments),
    run(
      'web/showcase',
      bin('vite/bin/vite.js'),
      'build',
      '--logLevel',
      'warn',
      '--outDir',
      join(folder, 'showcase'),
    ),
  ]);
  if (!done.every(Boolean)) return false;
  if (!(await run('', join(root, 'scripts/build-commonjs.mjs'), folder))) return false;
  // The command of the package; the compiler writes plain files.
  chmodSync(join(folder, 'cli/main.js'), 0o755);
  return true;
}
