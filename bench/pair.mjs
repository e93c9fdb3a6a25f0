// Owns `npm run bench:pair`: two builds of this project in alternating rounds, and whether their CPU time per message differs.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { cases } from './cases.mjs';
import { describeMachine } from './machine.mjs';
import { measureCpu } from './measure.mjs';
import { benchFolder } from './peers.mjs';

const paired = cases.filter(({ kind }) => kind !== 'memory');
const HELP = `npm run bench:pair -- <folder> [options] [case …]

Compares the build of this folder with that of another (a git worktree of an earlier commit, built), in alternating rounds.

  --rounds <number>  pairs of measurements (default 20)
  --seconds <time>   how long each time (default 2)
  --most <ratio>     ends with code 1 when a case is slower by more than that (default 1.03)

cases: ${paired.map(({ id }) => id).join(', ')}`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '2' },
    most: { type: 'string', default: '1.03' },
    help: { type: 'boolean', default: false },
  },
});
const [other, ...names] = positionals;
const roundCount = Number(flags.rounds);
const timing = { idleMs: 500, warmUpMs: 1000, durationMs: Number(flags.seconds) * 1000 };
const chosen = paired.filter(({ id }) => names.length === 0 || names.includes(id));
const isUsable =
  other !== undefined && roundCount > 0 && timing.durationMs > 0 && chosen.length > 0;

if (flags.help || !isUsable) {
  console.log(HELP);
  process.exit(flags.help ? 0 : 2);
}

const folders = { before: resolve(other), now: join(benchFolder, '..') };
for (const folder of Object.values(folders)) {
  if (existsSync(join(folder, 'dist/server/index.js'))) continue;
  console.error(`${folder} is not built: run "npm run build" there`);
  process.exit(2);
}

const { processor, node, pinning } = describeMachine();
console.log(`${processor}; ${node}; ${pinning}; ${roundCount} pairs of ${flags.seconds} s\n`);
console.log('| case | before, µs | now, µs | now ÷ before (median) | 95 % interval | all pairs |');
console.log('| ---- | ---------: | ------: | --------------------: | ------------: | --------: |');
let isSlower = false;
for (const case_ of chosen) {
  const costs = { before: [], now: [] };
  for (let round = 0; round < roundCount; round++) {
    // Whoever comes second meets another machine than the first one: they take turns in that as well.
    const order = round % 2 === 0 ? ['before', 'now'] : ['now', 'before'];
    for (const build of order) costs[build].push(await costOf(case_, folders[build]));
  }
  const ratios = costs.now.map((cost, round) => cost / costs.before[round]).toSorted(ascending);
  const median = medianOf(ratios);
  const [low, high] = intervalOf(ratios);
  isSlower ||= median > Number(flags.most);
  const cells = [
    case_.id,
    medianOf(costs.before).toFixed(3),
    medianOf(costs.now).toFixed(3),
    median.toFixed(3),
    `${low.toFixed(3)} to ${high.toFixed(3)}`,
    `${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)}`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
process.exit(isSlower ? 1 : 0);

/** CPU time of the server for one message, in µs. */
async function costOf(case_, folder) {
  const name = { broker: 'broker', stomp: 'broker' }[case_.ours] ?? 'tideway';
  const program = { command: [process.execPath, join(folder, `bench/servers/${name}.mjs`)] };
  return (await measureCpu(case_, case_.ours, program, timing)).cost;
}

function ascending(one, another) {
  return one - another;
}

function medianOf(values) {
  const sorted = values.toSorted(ascending);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** Where the median lies with a probability of 95 %, whatever the distribution: between two order statistics. */
function intervalOf(sorted) {
  const rank = Math.floor(sorted.length / 2 - 0.98 * Math.sqrt(sorted.length));
  const below = Math.max(0, rank);
  return [sorted[below], sorted[sorted.length - 1 - below]];
}
