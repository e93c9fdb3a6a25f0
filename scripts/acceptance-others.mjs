// Owns `npm run acceptance -- others`: bundlers, Jest, old compilers, and packages that depend on ws, with Tideway in its place.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { where, writeFigure } from './acceptance-page.mjs';
import { root } from './test-files.mjs';

const others = join(root, 'tests/others');
const programs = join(others, 'programs');
const COMPILERS = ['5.0', '5.6'];
const RESOLUTIONS = {
  node16: { module: 'node16', files: ['mts', 'cts'] },
  bundler: { module: 'esnext', files: ['ts'] },
  node: { module: 'commonjs', files: ['ts', 'cts'] },
};

/** From the lock file beside it, without scripts; once. */
function install(folder) {
  if (existsSync(join(folder, 'node_modules'))) return;
  console.error(`installing what stands in ${folder.slice(root.length)}/package-lock.json …`);
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--workspaces=false'];
  const { status } = spawnSync('npm', ['ci', '--prefix', folder, ...flags], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('that failed');
}

function run(cwd, args, env = {}) {
  const options = { cwd, encoding: 'utf8', timeout: 120_000, env: { ...process.env, ...env } };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  return { isFine: status === 0, said: (stdout + stderr).trim() };
}

/** Every entry by every bundler, run from a folder of an application with a version of its own. */
function bundles(folder) {
  const output = mkdtempSync(join(root, 'build', 'bundles-'));
  writeFileSync(join(output, 'package.json'), '{"type":"module","version":"9.9.9"}');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const cases = ['echo.cjs', 'both.mjs', 'server.mjs'].flatMap((entry) =>
    [
      ['esbuild', 'cjs'],
      ['esbuild', 'mjs'],
      ['rollup', 'cjs'],
      ['rollup', 'mjs'],
      ['webpack', 'cjs'],
    ].map(([tool, ending]) => {
      const file = join(output, `${tool}-${entry}.${ending}`);
      const made = run(folder, ['bundle.mjs', tool, `bundles/${entry}`, file]);
      if (!made.isFine) return { name: `${tool} ${entry} ${ending}`, ...made };
      const { said } = run(output, [file], { TIDEWAY_VERSION: version });
      return { name: `${tool} ${entry} ${ending}`, isFine: said === 'fine', said };
    }),
  );
  rmSync(output, { recursive: true });
  return cases;
}

function jest(folder) {
  const binary = join(folder, 'node_modules/jest/bin/jest.js');
  return [{ name: 'Jest', ...run(join(folder, 'jest'), [binary, '--rootDir', '.']) }];
}

/** The programs of tests/others/types against `@types/ws` and ours, without skipLibCheck. */
function types(folder) {
  const sources = mkdtempSync(join(root, 'build', 'types-'));
  const cases = COMPILERS.flatMap((version) =>
    ['ws', 'tideway/websocket'].flatMap((name) =>
      Object.entries(RESOLUTIONS).map(([moduleResolution, { module, files }]) => {
        const entries = files.map((ending) => {
          const source = join(folder, `types/programs.${ending === 'cts' ? 'cts' : 'mts'}`);
          const file = join(sources, `programs.${ending}`);
          writeFileSync(file, readFileSync(source, 'utf8').replaceAll(`'ws'`, `'${name}'`));
          return file;
        });
        const flags = ['--noEmit', '--strict', '--esModuleInterop', '--target', 'es2022'];
        flags.push('--types', 'node', '--module', module, '--moduleResolution', moduleResolution);
        const compiler = join(folder, `node_modules/typescript-${version}/bin/tsc`);
        return {
          name: `TypeScript ${version}, ${moduleResolution}: ${name}`,
          ...run(root, [compiler, ...flags, ...entries]),
        };
      }),
    ),
  );
  rmSync(sources, { recursive: true });
  return cases;
}

/** Each package does something real; it says `fine`. */
function packages(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.mjs') && file !== 'common.mjs')
    .map((file) => {
      const { said } = run(folder, [file]);
      return { name: file.replace('.mjs', ''), isFine: /^fine$/m.test(said), said };
    });
}

/** Answers the exit code. */
export function runOthers() {
  cpSync(join(root, 'ws-shim'), join(programs, 'ws-shim'), { recursive: true });
  install(others);
  install(programs);
  const groups = {
    'bundles by esbuild, Rollup and webpack': bundles(others),
    'Jest in its default mode': jest(others),
    'compilations by TypeScript 5.0 and 5.6': types(others),
    'packages under overrides': packages(programs),
  };
  const failures = Object.values(groups)
    .flat()
    .filter(({ isFine }) => !isFine);
  for (const { name, said } of failures) console.error(`${name}: ${said.slice(0, 2000)}`);
  const counts = Object.entries(groups).map(([name, cases]) => {
    const fine = cases.filter(({ isFine }) => isFine);
    return `${name}: ${fine.length} of ${cases.length}`;
  });
  const named = groups['packages under overrides'].map(({ name }) => name).join(', ');
  const figure = `${counts.join('; ')} (${named})`;
  console.log(`others: ${figure}`);
  const title = 'Programs of others: bundlers, Jest, old compilers, packages that depend on ws';
  writeFigure(['others', title, figure, ...where()]);
  return failures.length === 0 ? 0 : 1;
}
