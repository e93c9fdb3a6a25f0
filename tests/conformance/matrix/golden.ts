/** The golden file: one line a case, its name and its verdict. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Result } from './matrix.js';

/** Beside the sources, not beside what is built from them. */
const FILE = fileURLToPath(new URL('../../../../tests/conformance/golden.txt', import.meta.url));
const BETWEEN = ' → ';
const ROLES = ['server', 'client'];

/** Verdicts by the name of their case. */
export function readGolden(): ReadonlyMap<string, string> {
  const lines = readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(
    lines.flatMap((line) => {
      const at = line.indexOf(BETWEEN);
      const name = line.slice(0, at);
      const verdict = line.slice(at + BETWEEN.length);
      const id = name.slice(name.indexOf(':'));
      const names = name.startsWith('both:') ? ROLES.map((role) => role + id) : [name];
      return names.map((one) => [one, verdict] as const);
    }),
  );
}

/** Writes the verdicts anew; those that are the same for both roles once. */
export function writeGolden(results: readonly Result[]): void {
  const lineByName = new Map(results.map(({ name, line }) => [name, line]));
  const lines = results.flatMap(({ name, line }) => {
    const at = name.indexOf(':');
    const [role, id] = [name.slice(0, at), name.slice(at)];
    const other = ROLES.find((one) => one !== role) ?? '';
    if (lineByName.get(other + id) !== line) return [name + BETWEEN + line];
    return role === 'server' ? [`both${id}${BETWEEN}${line}`] : [];
  });
  writeFileSync(FILE, `${lines.join('\n')}\n`);
}
