/** Owns which file a URL's path means, and opening it: a regular file of the directory, symbolic links resolved, not one outside of it. */
import { constants, type Stats } from 'node:fs';
import { open, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** What a path without a file of that name stands for, beside itself; in the order in which they are tried. */
const ENDINGS = ['', '/index.html', '.html', '/index.htm', '.htm'];
/** A pipe is not waited for; a link that has taken the place of a file is not followed. Windows has neither. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
/** RFC 8615: the one name with a dot that is meant to be served. */
const WELL_KNOWN = '.well-known';

/** One file, as it is now. */
export interface OpenFile {
  /** Its name in the directory, with the ending that was found. */
  readonly name: string;
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/** `left`: a link leads out of the directory, or to what is no file. `none`: there is nothing of that name. */
export type NoFile = 'left' | 'none';

/** The file that the path of a URL means. Its handle is the caller's to close. */
export async function openFile(directory: string, urlPath: string): Promise<OpenFile | NoFile> {
  const path = relativePath(urlPath);
  if (path === undefined) return 'none';
  for (const ending of ENDINGS) {
    const name = path + ending;
    const found = await openIn(directory, name);
    if (found === 'left') return 'left';
    if (found !== 'none') return { name, ...found };
  }
  return 'none';
}

/** A path below the directory, decoded; undefined for one that can be none, or that is hidden by a leading dot. */
function relativePath(urlPath: string): string | undefined {
  const trimmed = urlPath.endsWith('/') ? urlPath.slice(0, -1) : urlPath;
  const segments: string[] = [];
  for (const encoded of trimmed.split('/').slice(1)) {
    const segment = decoded(encoded);
    // An empty one would be left out, and "a//b" be another spelling of "a/b".
    if (segment === undefined || segment === '' || /[/\\\0]/.test(segment)) return undefined;
    if (segment.startsWith('.') && segment !== WELL_KNOWN) return undefined;
    segments.push(segment);
  }
  return segments.map((segment) => `/${segment}`).join('');
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

async function openIn(
  directory: string,
  name: string,
): Promise<Pick<OpenFile, 'handle' | 'stats'> | NoFile> {
  const path = await realpath(join(directory, name)).catch(missing);
  if (path === undefined) return 'none';
  const before = await stat(path).catch(missing);
  if (before === undefined || before.isDirectory()) return 'none';
  // To open a device may do something.
  if (!before.isFile() || !(await isInside(directory, path))) return 'left';
  const handle = await open(path, FLAGS).catch(missing);
  if (handle === undefined) return 'none';
  try {
    const stats = await handle.stat();
    if (stats.isFile() && (await isFrom(path, handle.fd, stats))) return { handle, stats };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return 'left';
}

/**
 * Whether what was opened stood at a path without links: a directory above it may have been exchanged for a link between the question
 * and the opening, and be back by now. The system says from where it was opened, also where another file has taken its place since.
 */
async function isFrom(path: string, fd: number, opened: Stats): Promise<boolean> {
  const from = await readlink(`/proc/self/fd/${fd}`).catch(missing);
  if (from === undefined) return isAt(path, opened);
  return from === path || from === `${path} (deleted)`;
}

/** The same where the system does not say: a file that was replaced meanwhile is refused. */
export async function isAt(path: string, opened: Stats): Promise<boolean> {
  const [real, found] = [await realpath(path).catch(missing), await stat(path).catch(missing)];
  return real === path && found?.ino === opened.ino && found.dev === opened.dev;
}

/** The directory may be a link itself, and may lead elsewhere tomorrow: whoever configured it said so. */
async function isInside(directory: string, file: string): Promise<boolean> {
  const root = await realpath(directory).catch(missing);
  return root !== undefined && file.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** What is not there, or cannot be reached, is undefined; anything else is a failure. */
function missing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  const isMissing = code !== undefined && MISSING.has(code);
  if (!isMissing) throw error;
}

const MISSING: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ELOOP',
  'EINVAL',
]);
