// Owns `npm run acceptance -- <hardening number>`: runs a test at full size and writes its figure, dated, to docs/acceptance.md.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { root, testFiles } from './test-files.mjs';

const TITLES = {
  1: 'RFC 6455 and RFC 7692, every section, both roles, against a golden file',
  2: 'Masks the wrong way round',
  3: 'Reserved bits, reserved opcodes, control frames too long or in parts',
  4: 'Lengths from one above the limit to 2^64 - 1',
  5: 'Lengths not in the fewest octets',
  6: 'Invalid UTF-8, cut at every octet',
  7: 'All 65,536 close codes',
  8: '100,000 seeds of random octets, server and client',
  9: '20,000 random conversations with ours, ws, undici and faye-websocket',
  10: 'Random frame sequences cut into writes in four ways',
  11: 'Bad and hostile opening handshakes',
  12: 'Wrong parameters and data of permessage-deflate',
  13: '1 GiB out of 1 MiB: closed before the output exceeds the limit by more than a chunk',
  14: 'Fragments of one octet, of none and of 1 KiB without an end: closed at the limit',
  15: 'One octet every ten seconds: closed by the message deadline',
  17: 'Floods of Pings, Pongs and Close frames: closed by rate, no lag',
  18: 'A reader that never reads, 1,000 messages/s to all',
  20: '100,000 payloads of 10 octets kept, each from a read of 64 KiB',
  25: 'Header and topic patterns made to hurt: ten times the input, at most 12 times the time',
  35: '10,000 idle connections: octets of each, CPU of the heartbeats',
  37: '500 connections opened and ended a second: nothing stays',
  23: 'JSON: 100,000 levels, 1,000,000 keys, prototypes, numbers, surrogates, duplicates',
  26: 'Origin: strangers, look-alikes, cookies; WebSocket and HTTP API',
  27: 'STOMP: out of place, injected, wrong lengths; 10,000 subscriptions, 1 MB headers, nothing acknowledged',
  31: '1,000,000 session ids',
};
/** Tests that stand in a file with others, not in one of their own number. */
const FILE_OF = { 13: 'permessage-deflate.test' };
const page = join(root, 'docs/acceptance.md');

const [name, ...rest] = process.argv.slice(2);
/** Shortens what runs for a time; the figure says for how long it ran. */
const minutes = rest[0] === '--minutes' ? rest[1] : undefined;
if (name === undefined || !(name in TITLES)) {
  console.error(`npm run acceptance -- <${Object.keys(TITLES).join('|')}> [--minutes N]`);
  process.exit(2);
}
const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const ownFile = FILE_OF[name] ?? `hardening-${name}-`;
const files = testFiles('build/tests').filter((file) => file.includes(ownFile));
const only = name in FILE_OF ? [`--test-name-pattern=\\[hardening ${name}\\]`] : [];
const startedAtMs = performance.now();
const result = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...only, ...files], {
  cwd: root,
  encoding: 'utf8',
  env: {
    ...process.env,
    TIDEWAY_ACCEPTANCE: name,
    ...(minutes !== undefined && { TIDEWAY_ACCEPTANCE_MINUTES: minutes }),
  },
});
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(result.stdout)?.[1] ?? 0);
const [passed, failed] = [count('pass'), count('fail')];
/** What the tests say about themselves. */
const said = [...result.stdout.matchAll(/^# figure: (.*)$/gm)].map(([, words]) => words);
const figure = [`${passed} of ${passed + failed} cases in ${seconds} s`, ...said].join('; ');
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
    .filter((line) => Number(/\d+/.exec(line)?.[0]) < Number(name)).length;
kept.splice(place, 0, `| ${row.join(' | ')} |`);
writeFileSync(page, kept.join('\n'));
spawnSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', page], {
  cwd: root,
});
process.exit(result.status === 0 && passed > 0 ? 0 : 1);
