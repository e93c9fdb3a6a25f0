// Owns the bundles: a program as one file, by esbuild, Rollup or webpack. `node bundle.mjs <tool> <entry> <file>`
import { dirname, basename, resolve } from 'node:path';

const [tool, entry, file] = process.argv.slice(2);
const format = file.endsWith('.cjs') ? 'cjs' : 'esm';
const TOOLS = { esbuild, rollup, webpack };
await TOOLS[tool]();

async function esbuild() {
  const { build } = await import('esbuild');
  // What is CommonJS and asks for Node's own modules needs a `require` in a module: esbuild's own advice.
  const banner =
    format === 'esm'
      ? {
          js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
        }
      : {};
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format,
    outfile: file,
    banner,
  });
}

async function rollup() {
  const { rollup: bundle } = await import('rollup');
  const [commonJs, json, nodeResolve] = await Promise.all(
    ['commonjs', 'json', 'node-resolve'].map((name) => import(`@rollup/plugin-${name}`)),
  );
  const plugins = [
    nodeResolve.default({ preferBuiltins: true }),
    commonJs.default(),
    json.default(),
  ];
  const made = await bundle({ input: entry, plugins });
  await made.write({ file, format });
}

async function webpack() {
  const { default: pack } = await import('webpack');
  const output = { path: dirname(file), filename: basename(file) };
  const configuration = { mode: 'production', target: 'node', entry: resolve(entry), output };
  const stats = await new Promise((done, failed) =>
    pack(configuration, (error, made) => (error ? failed(error) : done(made))),
  );
  if (stats.hasErrors()) throw new Error(stats.toString());
}
