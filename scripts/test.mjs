// Owns `npm test`: provides system parts, builds afresh, runs the test files by name. `--unit` runs the unit tests
// alone, `--check` those and the tests of the house (format, lint, layers …).
import { spawnSync } from 'node:child_process';
import { provide } from './system.mjs';
import { root, testFiles, testFlags } from './test-files.mjs';

const startedAtMs = Date.now();
const folders = {
  '--unit': ['dist'],
  '--check': ['dist', 'build/tests/house'],
  undefined: ['dist', 'build/tests'],
}[process.argv[2]];
if (folders === undefined || process.argv.length > 3) {
  console.error(`usage: node scripts/test.mjs [--unit | --check]`);
  process.exit(2);
}

function run(args, env = {}) {
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  return result.status === 0;
}

const missing = folders.includes('build/tests') ? provide() : [];
for (const part of missing) console.error(part.line);
if (missing.length > 0 && process.env.CI === 'true') {
  console.error('with CI=true a missing part is a failure');
  process.exit(1);
}
if (!run(['scripts/build.mjs'])) process.exit(1);

const files = testFiles(...folders);
const passed = run([...testFlags, ...files], {
  TIDEWAY_MISSING: missing.map((part) => part.name).join(','),
});
for (const part of missing) console.error(part.line);
console.log(`${files.length} test files in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s`);
process.exit(passed ? 0 : 1);
