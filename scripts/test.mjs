// Owns `npm test` (and `--unit`): provides system parts, builds afresh, runs the test files by name.
import { spawnSync } from 'node:child_process';
import { provide } from './system.mjs';
import { root, testFiles, testFlags } from './test-files.mjs';

const startedAtMs = Date.now();
const onlyUnit = process.argv.includes('--unit');

function run(args, env = {}) {
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  return result.status === 0;
}

const missing = onlyUnit ? [] : provide();
for (const part of missing) console.error(part.line);
if (missing.length > 0 && process.env.CI === 'true') {
  console.error('with CI=true a missing part is a failure');
  process.exit(1);
}
if (!run(['scripts/build.mjs'])) process.exit(1);

const files = onlyUnit ? testFiles('dist') : testFiles('dist', 'build/tests');
const passed = run([...testFlags, ...files], {
  TIDEWAY_MISSING: missing.map((part) => part.name).join(','),
});
for (const part of missing) console.error(part.line);
console.log(`${files.length} test files in ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s`);
process.exit(passed ? 0 : 1);
