// Owns the CommonJS build of the engine: one file for those that cannot `require` a module (Jest), and a door each for Node and bundlers.
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { rolldown } from 'rolldown';

/** `dist`, or a folder beside it that becomes it. */
const dist = process.argv[2];
const folder = join(dist, 'transport/websocket/');

/**
 * Lead to the module, so that both kinds of import share their classes. Node answers what the module exports as
 * 'module.exports', bundlers its namespace.
 */
const BUNDLERS_DOOR = `'use strict';
const required = require('./drop-in.js');
module.exports = required.default ?? required;
`;

/** Where a hook has loaded a CommonJS file (tsx, instrumentation), the `require` that Node 20 gives it takes no modules. */
const DOOR = `'use strict';
const { createRequire } = require('node:module');
const required = createRequire(__filename)('./drop-in.js');
module.exports = required.default ?? required;
`;

const bundle = await rolldown({
  input: folder + 'drop-in.js',
  platform: 'node',
  external: /^node:/,
});
const { output } = await bundle.generate({
  format: 'cjs',
  exports: 'named',
  keepNames: true,
  outro: 'module.exports = exports.default;',
});
await bundle.close();
// It names its parts as they will be called.
const code = output[0].code.replaceAll(`// ${basename(dist)}/`, '// dist/');
writeFileSync(folder + 'drop-in.bundle.cjs', code);
writeFileSync(folder + 'drop-in.cjs', DOOR);
writeFileSync(folder + 'drop-in.bundlers.cjs', BUNDLERS_DOOR);
