// Owns `npm run build`: the package and its tests, always from nothing, because `tsc -b` keeps stale outputs and stale diagnostics.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, stamp } from './fingerprint.mjs';
import { buildPackage, requireTools } from './package-build.mjs';
import { root } from './test-files.mjs';
import { writeVersion } from './write-version.mjs';

requireTools();
writeVersion();
for (const folder of ['dist', 'build']) {
  rmSync(join(root, folder), { recursive: true, force: true });
}
const dist = join(root, 'dist');
const before = fingerprint();
if (!(await buildPackage(dist, []))) process.exit(1);
// What was edited meanwhile may be in it or not.
if (fingerprint() === before) stamp(dist, before);
