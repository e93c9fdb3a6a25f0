// Owns the build: always from nothing, because `tsc -b` keeps stale outputs and stale diagnostics.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writeDoorTypes } from './write-door-types.mjs';
import { writeVersion } from './write-version.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(folder, ...args) {
  const result = spawnSync(process.execPath, args, { cwd: root + folder, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (!existsSync(root + 'node_modules/typescript')) {
  console.error(
    'tideway: the build tools are not installed. Run "npm ci" without NODE_ENV=production or --omit=dev.',
  );
  process.exit(1);
}
writeVersion();
for (const folder of ['dist', 'build']) rmSync(root + folder, { recursive: true, force: true });
// The tests are compiled against them.
writeDoorTypes();
run('', 'node_modules/typescript/bin/tsc', '-b');
run('', 'scripts/build-commonjs.mjs');
run('web/showcase', root + 'node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn');
// The command of the package; the compiler writes plain files.
chmodSync(root + 'dist/cli/main.js', 0o755);
