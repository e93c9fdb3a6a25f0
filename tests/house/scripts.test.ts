/** Proves that the scripts of the repository say in words what is missing, and refuse what they cannot do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { jsonOf, root, textOf } from './repository.js';

/** The scripts alone, as in a clone where nothing has been installed. */
function bareClone(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-scripts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(root, 'scripts'), join(folder, 'scripts'), {
    recursive: true,
    filter: (path) => !path.includes('node_modules'),
  });
  return folder;
}

function run(folder: string, script: string, ...args: string[]): { status: number; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status: status ?? -1, said: stdout + stderr };
}

test('the build says in one line what to do when its tools are not installed', (t) => {
  const { status, said } = run(bareClone(t), 'scripts/build.mjs');
  assert.equal(status, 1);
  assert.match(said, /^tideway: the build tools are not installed\. Run "npm ci" without .*\n$/);
});

test('no test file is an error, and not a success', (t) => {
  const folder = bareClone(t);
  mkdirSync(join(folder, 'dist'));
  const code = "import('./scripts/test-files.mjs').then(({ testFiles }) => testFiles('dist'))";
  const { status, said } = run(folder, '--eval', code);
  assert.notEqual(status, 0);
  assert.match(said, /no test files found below dist/);
});

test('a flag that the test command does not know is wrong use', (t) => {
  const { status, said } = run(bareClone(t), 'scripts/test.mjs', '--units');
  assert.equal(status, 2);
  assert.match(said, /^usage: /);
});

test('.ci/run does what the README tells, and then every Node line', () => {
  const commands = textOf('.ci/run')
    .split('\n')
    .filter((line) => line.startsWith('npm '));
  assert.deepEqual(commands, ['npm ci', 'npm test', 'npm run test:nodes']);
  assert.match(textOf('README.md'), /npm ci && npm start/);
});

test('the Node lines that are tested begin with the floor that the package names', () => {
  const { engines } = jsonOf('package.json') as { engines: { node: string } };
  const { dependencies } = jsonOf('scripts/nodes/package.json') as {
    dependencies: Record<string, string>;
  };
  const [floor = ''] = Object.values(dependencies).map(
    (version) => version.split('@').at(-1) ?? '',
  );
  assert.equal(`>=${floor.split('.').slice(0, 2).join('.')}`, engines.node);
});
