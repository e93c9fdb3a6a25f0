/** Owns the command behind `npm run acceptance -- fairness`: which attacks, what is printed, and the rows of the report. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ATTACKS } from './attacks/index.js';
import { missedGoals, runAttack, type Outcome } from './fairness-run.js';

const { values } = parseArgs({
  options: {
    /** Names of attacks, or how they begin, separated by commas. */
    only: { type: 'string' },
    seconds: { type: 'string', default: '2' },
    clients: { type: 'string', default: '200' },
    /** The module of another build: `…/dist/server/index.js`. */
    server: { type: 'string' },
    /** Leaves out the comparison of ten times the frames with once. */
    'no-ratio': { type: 'boolean', default: false },
    report: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});
const wanted = values.only?.split(',');
const attacks = ATTACKS.filter(({ name }) => wanted?.some((one) => name.startsWith(one)) ?? true);
if (attacks.length === 0 || values.list) {
  console.log(ATTACKS.map(({ name, what }) => `${name}: ${what}`).join('\n'));
  process.exit(values.list ? 0 : 2);
}

const HEADS = [
  'attack',
  'what it does',
  'receipt p99.9 (longest), ms',
  'longest turn, CPU ms (collector)',
  'ten times the frames cost',
  'CPU of the attack, s',
  'resident before, peak, after, MiB',
  'kept, MiB',
  'missed',
];

const mebi = (bytes: number): string => (bytes / 1_048_576).toFixed(0);
const ms = (value: number): string =>
  Number.isFinite(value) ? value.toFixed(value < 10 ? 1 : 0) : '–';

function rowOf(outcome: Outcome): readonly string[] {
  const { clients, turn, ratio, residentBytes, silentMs } = outcome;
  const { before, peak, after } = residentBytes;
  const longest =
    turn === undefined
      ? `more than ${(silentMs / 1000).toFixed(0)} s`
      : `${ms(turn.longestCpuMs)} (${ms(Math.min(turn.collectorMs, turn.longestCpuMs))})`;
  return [
    outcome.name,
    outcome.what.replaceAll('|', '\\|'),
    clients === undefined ? '–' : `${ms(clients.p999ReceiptMs)} (${ms(clients.longestReceiptMs)})`,
    longest,
    ratio === undefined ? '–' : `${ratio.toFixed(1)} ×`,
    (Math.max(0, outcome.attackCpuMs) / 1000).toFixed(1),
    `${mebi(before)}, ${mebi(peak)}, ${mebi(after)}`,
    Number.isNaN(outcome.keptBytes) ? '–' : mebi(outcome.keptBytes),
    missedGoals(outcome).join(', '),
  ];
}

/** After each attack, so that a run that is ended has told what it found. */
function writeReport(): void {
  if (values.report === undefined) return;
  const order = ATTACKS.map(({ name }) => name);
  writeFileSync(values.report, JSON.stringify({ heads: HEADS, rows, order }));
}

const rows: (readonly string[])[] = [];
let missedCount = 0;
const startedAtMs = performance.now();
for (const [index, attack] of attacks.entries()) {
  const beganAtMs = performance.now();
  const outcome = await runAttack(attack, {
    modulePath: values.server === undefined ? '' : pathToFileURL(resolve(values.server)).href,
    clientCount: Number(values.clients),
    forMs: Number(values.seconds) * 1_000,
    size: 1,
    firstGoMs: 10_000,
    isCompared: !values['no-ratio'],
  });
  const row = rowOf(outcome);
  rows.push(row);
  writeReport();
  if (missedGoals(outcome).length > 0) missedCount += 1;
  const took = ((performance.now() - beganAtMs) / 1000).toFixed(0);
  const [name = '', , receipt, turn, ratio, cpu, resident, kept, missed = ''] = row;
  console.log(
    `${index + 1}/${attacks.length} ${name.padEnd(24)} receipt ${receipt} ms | turn ${turn} ms | ratio ${ratio} | ` +
      `CPU ${cpu} s | resident ${resident} MiB, kept ${kept} | ${outcome.goCount} goes, ${took} s` +
      `${missed === '' ? '' : ` | MISSED: ${missed}`}${outcome.ended === undefined ? '' : ` | ${outcome.ended}`}`,
  );
}
console.log(
  `${attacks.length - missedCount} of ${attacks.length} within the goals, in ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s`,
);
process.exit(missedCount === 0 ? 0 : 1);
