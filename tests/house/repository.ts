/** Owns how the house tests see the repository: its files by name, without what is built or installed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../../..', import.meta.url));

/** `.start` and `.build-…` are what `npm start` makes. */
const isOurs = (name: string): boolean =>
  !/^(?:node_modules|dist|build|\.git|\.start|\.build-.*)$/.test(name);

/** Paths of files from the root of the repository, with `/`, sorted. */
export function filesBelow(folder: string, ending: string): string[] {
  const found = readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (!isOurs(entry.name)) return [];
    if (entry.isDirectory()) return filesBelow(path, ending);
    return entry.isFile() && path.endsWith(ending) ? [path] : [];
  });
  return found.sort();
}

/** Folders from the root of the repository, with `/`. */
export function foldersBelow(folder: string): string[] {
  const files = filesBelow(folder, '');
  const parents = (path: string): string[] => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    return parent === '' ? [] : [parent, ...parents(parent)];
  };
  return [...new Set(files.flatMap(parents))].sort();
}

/** The sources that ship: TypeScript below src/ that is no test. */
export function shippedSources(): string[] {
  const files = filesBelow('src', '.ts').filter((file) => !file.endsWith('.test.ts'));
  if (files.length < 50) throw new Error(`only ${files.length} sources found below src/`);
  return files;
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function jsonOf(path: string): unknown {
  return JSON.parse(textOf(path));
}

const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/.source;
/** A slash begins a pattern, and no division, behind one of these. */
const PATTERN = /(?<=[=(,:!&|?;\s])\/(?![/*])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//.source;
const STRING_PATTERN_OR_COMMENT = new RegExp(
  `(${STRING}|${PATTERN})|//[^\\n]*|/\\*[\\s\\S]*?\\*/`,
  'g',
);

/** The code without its comments, lines kept; what looks like one inside a string or a pattern stays. */
export function withoutComments(code: string): string {
  return code.replace(
    STRING_PATTERN_OR_COMMENT,
    (match, kept: string | undefined) => kept ?? match.replace(/[^\n]/g, ' '),
  );
}

/** The layers that know no host (docs: ARCHITECTURE.md). */
export const HOST_FREE_LAYERS: readonly string[] = [
  'foundation',
  'message',
  'protocol',
  'session',
  'routing',
  'streams',
  'dialect',
  'mounts',
  'testing',
];
