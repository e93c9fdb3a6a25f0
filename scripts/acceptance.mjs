// Owns `npm run acceptance -- <hardening number or name>`: runs a test at full size and writes its figure, dated, to docs/acceptance.md.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runFairness } from './acceptance-fairness.mjs';
import { runOthers } from './acceptance-others.mjs';
import { where, writeFigure } from './acceptance-page.mjs';
import { runStart } from './acceptance-start.mjs';
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
  18: 'A reader that never reads, 1,000 messages/s to all: the engine, and the server in both dialects',
  19: '10,000 subscriptions, destinations of 1 MB, 1,000,000 destinations: refused at the limits, memory comes back',
  20: '100,000 payloads of 10 octets kept, each from a read of 64 KiB',
  23: 'JSON: 100,000 levels, 1,000,000 keys, prototypes, numbers, surrogates, duplicates',
  25: 'Headers, topic patterns and bodies made to hurt: ten times the input, at most 12 times the time',
  26: 'Origin: strangers, look-alikes, cookies; WebSocket and HTTP API',
  27: 'STOMP: out of place, injected, wrong lengths; 10,000 subscriptions, 1 MB headers, nothing acknowledged',
  31: '1,000,000 session ids',
  35: '10,000 idle connections: octets of each, CPU of the heartbeats; the engine, and the server in both dialects',
  37: '500 connections opened and ended a second: nothing stays; the engine, and the server in both dialects',
  bounds:
    'Every bound on time and memory in the tests, at the size of `npm test`, on a machine that does nothing else',
  simulation:
    'The broker and crowds of both dialects against a model, with more seeds than in `npm test`',
  sizing:
    'What is kept: the octets of each kind, 300 topics of 1 MB by one client, and that they are given back',
};
/** Tests that stand in a file with others, not in one of their own number. */
const FILE_OF = { 13: 'permessage-deflate.test', simulation: 'simulation/', sizing: 'sizing.test' };

const [name, ...rest] = process.argv.slice(2);
/** Those that are no test files. */
const PROGRAMS = ['fairness', 'others', 'start'];
const isKnown = PROGRAMS.includes(name) || (name !== undefined && name in TITLES);
if (!isKnown) {
  console.error(
    `npm run acceptance -- <${[...Object.keys(TITLES), ...PROGRAMS].join('|')}>\n` +
      '  [--minutes N]: shortens what runs for a time\n' +
      '  fairness [--only NAME,…] [--seconds N] [--server MODULE] [--no-ratio] [--list]',
  );
  process.exit(2);
}
if (name === 'start') process.exit(await runStart());
const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) process.exit(1);
if (name === 'fairness') process.exit(runFairness(rest));
if (name === 'others') process.exit(runOthers());

/** Shortens what runs for a time; the figure says for how long it ran. */
const minutes = rest[0] === '--minutes' ? rest[1] : undefined;
const files = testFiles('build/tests').filter((file) =>
  name === 'bounds'
    ? readFileSync(join(root, file), 'utf8').includes('checkBound')
    : file.includes(FILE_OF[name] ?? `hardening-${name}-`),
);
const only = name === '13' ? ['--test-name-pattern=\\[hardening 13\\]'] : [];
const startedAtMs = performance.now();
const result = spawnSync(
  process.execPath,
  // One after another: beside each other they would be the busy machine.
  ['--test', '--test-reporter=tap', '--test-concurrency=1', ...only, ...files],
  {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: {
      ...process.env,
      TIDEWAY_ACCEPTANCE: name,
      ...(minutes !== undefined && { TIDEWAY_ACCEPTANCE_MINUTES: minutes }),
    },
  },
);
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(result.stdout)?.[1] ?? 0);
const [passed, failed] = [count('pass'), count('fail')];
/** What the tests say about themselves. */
const said = [...result.stdout.matchAll(/^\s*# figure: (.*)$/gm)].map(([, words]) => words);
const told = name === 'bounds' ? [] : said;
const figure = [`${passed} of ${passed + failed} cases in ${seconds} s`, ...told].join('; ');
const label = /^\d+$/.test(name) ? `hardening ${name}` : name;
if (result.status !== 0 || passed === 0) console.error(result.stdout);
console.log(`${label}: ${figure}`);
writeFigure([label, TITLES[name], figure, ...where()]);
process.exit(result.status === 0 && passed > 0 ? 0 : 1);
