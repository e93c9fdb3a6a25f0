// Owns `npm run structure`: the layers and rooms of src/, how large they are, and which imports which.
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from './test-files.mjs';

const HELP = `npm run structure [-- <layer or room> …] [--files]

Prints the layers of src/ from the ground up, their rooms, files and lines without tests, and what each imports.
With names (session, transport/websocket) only those, and who imports them. --files adds their files, longest first.`;

const IMPORT =
  /^\s*(?:import|export)\b[^;'"]*?from\s*['"](\.[^'"]+)['"]|^\s*import\s*['"](\.[^'"]+)['"]|\bimport\(\s*['"](\.[^'"]+)['"]/gm;

const args = process.argv.slice(2);
if (args.includes('--help')) {
  console.log(HELP);
  process.exit(0);
}
const withFiles = args.includes('--files');
const wanted = args
  .filter((word) => !word.startsWith('--'))
  .map((word) => word.replace(/^src\//, '').replace(/\/$/, ''));

/** Every source that ships, with its lines and the sources that it imports. */
function sources() {
  const paths = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .sort();
  return paths.map((path) => {
    const text = readFileSync(join(root, 'src', path), 'utf8');
    const targets = Array.from(text.matchAll(IMPORT), ([, from, bare, lazy]) =>
      posix.join(posix.dirname(path), (from ?? bare ?? lazy).replace(/\.js$/, '.ts')),
    );
    return { path, lineCount: text.split('\n').length - 1, targets };
  });
}

/** The folder that a source stands in: its layer, or its room in it. */
const placeOf = (path) => posix.dirname(path);

const places = new Map();
const known = sources();
for (const source of known) {
  const place = placeOf(source.path);
  const found = places.get(place) ?? { files: [], lineCount: 0, imports: new Map() };
  places.set(place, found);
  found.files.push(source);
  found.lineCount += source.lineCount;
  for (const target of source.targets) {
    const other = placeOf(target);
    if (other !== place) found.imports.set(other, (found.imports.get(other) ?? 0) + 1);
  }
}

/** From the ground up: a place comes after all that it imports, as far as that can be. */
function inOrder() {
  const ordered = [];
  const seen = new Set();
  const visit = (place) => {
    if (seen.has(place)) return;
    seen.add(place);
    for (const other of places.get(place).imports.keys()) if (places.has(other)) visit(other);
    ordered.push(place);
  };
  for (const place of places.keys()) visit(place);
  return ordered;
}

const isWanted = (place) =>
  wanted.length === 0 || wanted.some((name) => place === name || place.startsWith(`${name}/`));
const shown = inOrder().filter(isWanted);
if (shown.length === 0) {
  console.error(`nothing in src/ is called ${wanted.join(', ')}\n\n${HELP}`);
  process.exit(2);
}
const width = Math.max(...shown.map((place) => place.length));
const listOf = (counts) =>
  [...counts]
    .sort(([, one], [, another]) => another - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
for (const place of shown) {
  const { files, lineCount, imports } = places.get(place);
  const size = `${String(files.length).padStart(3)} files ${String(lineCount).padStart(6)} lines`;
  console.log(`${place.padEnd(width)} ${size}${imports.size > 0 ? `  ▸ ${listOf(imports)}` : ''}`);
  if (wanted.length > 0) {
    const importers = [...places]
      .filter(([, { imports: others }]) => others.has(place))
      .map(([name, { imports: others }]) => [name, others.get(place)]);
    if (importers.length > 0) console.log(`${' '.repeat(width)} ◂ ${listOf(importers)}`);
  }
  if (!withFiles) continue;
  for (const { path, lineCount: count } of files.toSorted((a, b) => b.lineCount - a.lineCount)) {
    console.log(`${' '.repeat(width)} ${String(count).padStart(5)}  ${posix.basename(path)}`);
  }
}
