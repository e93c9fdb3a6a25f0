// Owns `npm run test:nodes`: the unit and interop tests on every supported Node line.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, testFiles, testFlags } from './test-files.mjs';

const { dependencies } = JSON.parse(readFileSync(join(root, 'scripts/nodes/package.json'), 'utf8'));
const lines = Object.keys(dependencies);
const binary = (line) => join(root, 'scripts/nodes/node_modules', line, 'bin/node');

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

/** Undefined when it is not installed. */
function versionOf(line) {
  return spawnSync(binary(line), ['--version'], { encoding: 'utf8' }).stdout?.trim();
}

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error('NOT TESTED: other Node lines: their binaries are fetched for linux-x64 only');
  process.exit(process.env.CI === 'true' ? 1 : 0);
}
if (!lines.every((line) => versionOf(line) === `v${dependencies[line].split('@').at(-1)}`)) {
  if (!run('npm', ['ci', '--prefix', 'scripts/nodes', '--no-audit', '--no-fund'])) process.exit(1);
}
if (!run(process.execPath, ['scripts/build.mjs'])) process.exit(1);

const files = testFiles('dist', 'build/tests/interop');
const failed = lines.filter((line) => {
  console.log(`\n== ${line} (${versionOf(line)})`);
  return !run(binary(line), [...testFlags, ...files]);
});
if (failed.length > 0) {
  console.error(`failed on ${failed.join(', ')}`);
  process.exit(1);
}
console.log(`\nunit and interop tests passed on ${lines.join(', ')}`);
