// Owns the list of test files and the flags of `node --test`; globs and folders differ between Node lines, names do not.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Built test files below a folder of the repository, by name; an empty answer is an error. */
export function testFiles(...folders) {
  return folders.flatMap((folder) => {
    const files = readdirSync(join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.test.js'))
      .map((file) => join(folder, file))
      .sort();
    if (files.length === 0) throw new Error(`no test files found below ${folder}`);
    return files;
  });
}

export const testFlags = [
  '--test',
  '--test-reporter=spec',
  // Holds for a whole file too, so it has to leave room for a machine that is busy with other things.
  '--test-timeout=600000',
  '--test-concurrency=2',
];

// TIDEWAY_TEST_STATIC_READ=0 runs the tests without the shared read buffer, =1 with it on every connection.
if (process.env.TIDEWAY_TEST_STATIC_READ !== undefined) {
  testFlags.push('--import', new URL('../build/tests/static-read.js', import.meta.url).href);
}
