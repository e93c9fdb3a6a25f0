/** Owns the question whether a file lies in a directory, symbolic links resolved: a link may not lead out of what is served. */
import { fstatSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';

/** What a path without a file of that name stands for, beside itself; in the order in which the file server tries them. */
const ENDINGS = ['', '/index', '.html', '/index.html', '.htm', '/index.htm'];

/** Whether the first file that a URL's path may mean is a regular one and lies in the directory; also where there is none. */
export function servesFrom(directory: string, pathname: string): boolean {
  const path = pathname.endsWith('/') ? pathname.slice(0, -1) : pathname;
  for (const ending of ENDINGS) {
    const file = realPathOf(join(directory, path + ending));
    if (file === undefined) continue;
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined || stats.isDirectory()) continue;
    // To open a pipe would wait for its writer, and keep a thread of the process meanwhile.
    return stats.isFile() && isInside(directory, file);
  }
  return true;
}

/** Whether an open file is the one that a path leads to, and lies in the directory: nothing can be exchanged behind that answer. */
export function isOpenInside(directory: string, path: string, fd: number): boolean {
  const file = realPathOf(path);
  if (file === undefined || !isInside(directory, file)) return false;
  const found = statSync(file, { throwIfNoEntry: false });
  const opened = fstatSync(fd);
  return found?.ino === opened.ino && found.dev === opened.dev;
}

/** The directory may be a link itself, and may lead elsewhere tomorrow: whoever configured it said so. */
function isInside(directory: string, file: string): boolean {
  const root = realPathOf(directory);
  return root !== undefined && file.startsWith(root.endsWith(sep) ? root : root + sep);
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
}
