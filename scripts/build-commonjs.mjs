// Owns the CommonJS build of the engine: one file for those that cannot `require` a module (Jest), and a door for those that can.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const folder = fileURLToPath(new URL('../dist/transport/websocket/', import.meta.url));

/**
 * Leads to the module, so that both kinds of import share their classes. Node answers what the module exports as
 * 'module.exports', bundlers its namespace.
 */
const DOOR = `'use strict';
const required = require('./drop-in.js');
module.exports = required.default ?? required;
`;

const bundle = await rolldown({
  input: folder + 'drop-in.js',
  platform: 'node',
  external: /^node:/,
});
await bundle.write({
  file: folder + 'drop-in.bundle.cjs',
  format: 'cjs',
  exports: 'named',
  keepNames: true,
  outro: 'module.exports = exports.default;',
});
await bundle.close();
writeFileSync(folder + 'drop-in.cjs', DOOR);
