// Owns `npm run acceptance -- <hardening number>`: runs a test at full size and writes its figure, dated, to docs/acceptance.md.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { root, testFiles } from './test-files.mjs';

const TITLES = {
  23: 'JSON: 100,000 levels, 1,000,000 keys, prototypes, numbers, surrogates, duplicates',
  26: 'Origin: strangers, look-alikes, cookies; WebSocket and HTTP API',
  31: '1,000,000 session ids',
};
const page = join(root, 'docs/acceptance.md');

const [name] = process.argv.slice(2);
if (name === undefined || !(name in TITLES)) {
  console.error(`npm run acceptance -- <${Object.keys(TITLES).join('|')}>`);
  process.exit(2);
}
const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const files = testFiles('build/tests').filter((file) => file.includes(`hardening-${name}-`));
const startedAtMs = performance.now();
const result = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...files], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, TIDEWAY_ACCEPTANCE: name },
});
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(result.stdout)?.[1] ?? 0);
const [passed, failed] = [count('pass'), count('fail')];
const figure = `${passed} of ${passed + failed} cases in ${seconds} s`;
if (result.status !== 0 || passed === 0) console.error(result.stdout);
console.log(`hardening ${name}: ${figure}`);

const row = [
  `hardening ${name}`,
  TITLES[name],
  figure,
  `Node ${process.versions.node}, ${cpus().length} cores`,
  new Date().toISOString().slice(0, 10),
];
const kept = readFileSync(page, 'utf8')
  .split('\n')
  .filter((line) => !line.startsWith(`| hardening ${name} `));
const end = kept.findIndex((line) => line.startsWith('| ---')) + 1;
const isRow = (line) => line?.startsWith('| hardening');
const place =
  end +
  kept
    .slice(end)
    .filter(isRow)
    .filter((line) => line < `| hardening ${name}`).length;
kept.splice(place, 0, `| ${row.join(' | ')} |`);
writeFileSync(page, kept.join('\n'));
spawnSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', page], {
  cwd: root,
});
process.exit(result.status === 0 && passed > 0 ? 0 : 1);
