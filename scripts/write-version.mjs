// Owns src/foundation/version.ts: the version as a constant, because a program bundled into one file has no package.json beside itself.
import { readFileSync, writeFileSync } from 'node:fs';

const manifest = new URL('../package.json', import.meta.url);
const source = new URL('../src/foundation/version.ts', import.meta.url);

/** Brings the constant up to date; a file that already says so is left alone. */
export function writeVersion() {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const before = readFileSync(source, 'utf8');
  const after = before.replace(/(?<=PACKAGE_VERSION = ')[^']*/, version);
  if (after !== before) writeFileSync(source, after);
}
