/**
 * Owns loading the program's own modules, one after another. `import` opens all the files that a module names at once, which with the
 * libraries are more than the 64 that some services may have open; it also takes twice as long.
 */
import { createRequire } from 'node:module';

/** The module of the program that a path from here names. */
export const loadModule: (path: string) => unknown = createRequire(import.meta.url);
