// Owns `npm run bench`: which cases, how many rounds, the peers in turn, and where the results go.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { cases } from './cases.mjs';
import { writeDocuments } from './documents.mjs';
import { measureCpu, measureMemory } from './measure.mjs';
import { benchFolder, findPeers, hasRabbitMq } from './peers.mjs';
import { figureTable, gateTable, summaryOf } from './report.mjs';

const HELP = `npm run bench [-- [options] [case …]]

  --quick            two short rounds instead of five
  --peers <a,b>      only these servers
  --rounds <number>  how often each is measured
  --seconds <time>   how long each time
  --warm-up <time>   seconds before that (default 1)
  --connections <n>  another number of connections than the cases say
  --write            write docs/benchmarks.md and README.md; a whole run that is not quick always does
  --profile          write CPU profiles of our server to bench/profiles/

cases: ${cases.map(({ id }) => id).join(', ')}`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    peers: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    'warm-up': { type: 'string', default: '1' },
    connections: { type: 'string' },
    write: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const isQuick = flags.quick;
const plan = {
  isQuick,
  date: new Date().toISOString().slice(0, 10),
  roundCount: Number(flags.rounds ?? (isQuick ? 2 : 5)),
  durationMs: Number(flags.seconds ?? (isQuick ? 0.8 : 2)) * 1000,
  warmUpMs: Number(flags['warm-up']) * 1000,
  idleMs: isQuick ? 300 : 1000,
};

if (flags.help) console.log(HELP);
else await main();

async function main() {
  const chosen = chosenCases();
  if (chosen.length === 0) fail(`no case is called ${positionals.join(', ')}\n\n${HELP}`);
  if (!(plan.roundCount >= 1 && plan.durationMs > 0 && plan.warmUpMs > 0)) fail(HELP);
  provide();
  const peers = findPeers();
  for (const { label, why } of Object.values(peers)) {
    if (why !== undefined) console.error(`NOT MEASURED: ${label}: ${why}`);
  }
  const results = [];
  for (const case_ of chosen) results.push(await measureCase(sized(case_), peers));
  console.log(`\n${gateTable(results, peers)}\n\n${figureTable(results, peers)}`);
  const isWhole = chosen === cases && flags.peers === undefined;
  if (flags.write || (isWhole && !isQuick && flags.connections === undefined)) {
    await writeDocuments(results, peers, plan);
    console.log('\nwritten: docs/benchmarks.md, README.md');
  }
}

/** The very list when none is named. */
function chosenCases() {
  return positionals.length === 0 ? cases : cases.filter(({ id }) => isNamed(id));
}

/** A case by its name, or several by how their names begin: `fan-out` is all of those, `echo-64` is one. */
function isNamed(id) {
  const isExact = (name) => cases.some((case_) => case_.id === name);
  return positionals.some((name) => (isExact(name) ? id === name : id.startsWith(name)));
}

function fail(message) {
  console.error(message);
  process.exit(2);
}

/** The case with as many connections as are wanted and the system allows. */
function sized(case_) {
  const { connectionCount = 0, subscriberCount = 0 } = case_;
  const usual = connectionCount + subscriberCount;
  const isMemory = case_.kind === 'memory';
  const wanted = Number(flags.connections ?? (isMemory && isQuick ? 4000 : usual));
  const count = affordable(wanted);
  return subscriberCount > 0
    ? { ...case_, subscriberCount: count }
    : { ...case_, connectionCount: count };
}

/** Builds what is not built, and installs what is compared with. */
function provide() {
  const run = (command, args) => {
    const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    return status === 0;
  };
  const root = join(benchFolder, '..');
  installRabbitMq(run);
  const isBuilt = existsSync(join(root, 'dist/cli/load/load-run.js'));
  if (!isBuilt && !run(process.execPath, [join(root, 'scripts/build.mjs')])) process.exit(1);
  if (existsSync(join(benchFolder, 'node_modules')) || hasOnlyOwn()) return;
  console.error('installing what is compared with, in bench/ …');
  const install = ['ci', '--prefix', benchFolder, '--ignore-scripts', '--no-audit', '--no-fund'];
  if (!run('npm', install)) console.error('that failed; measuring what there is');
}

/** Debian's package, where that may be done: `RUNLEVEL=1` keeps it from being started as a service. */
function installRabbitMq(run) {
  const isWanted = chosenCases().some(({ peers }) => peers.includes('rabbitmq'));
  const isAsked = flags.peers?.split(',').includes('rabbitmq') ?? true;
  if (!isWanted || !isAsked || hasRabbitMq() || process.getuid?.() !== 0) return;
  const apt = ['env', 'RUNLEVEL=1', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q'];
  console.error('installing rabbitmq-server …');
  const [command, ...args] = apt;
  run(command, [...args, 'update']);
  if (!run(command, [...args, 'install', '-y', '--no-install-recommends', 'rabbitmq-server'])) {
    console.error('that failed; measuring what there is');
  }
}

/** Whether nothing of what is measured has to be installed. */
function hasOnlyOwn() {
  const own = new Set([
    'tideway',
    'broker',
    'stomp',
    'rabbitmq',
    'floor',
    'floor-fan-out',
    'net-socket',
  ]);
  return flags.peers?.split(',').every((peer) => own.has(peer)) ?? false;
}

/** Peers in turn, round by round: what the machine does beside it meets them all. */
async function measureCase(case_, peers) {
  const wanted = flags.peers?.split(',') ?? case_.peers;
  const measured = case_.peers.filter(
    (peer) => wanted.includes(peer) && peers[peer].command !== undefined,
  );
  const rounds = Object.fromEntries(measured.map((peer) => [peer, []]));
  const problems = {};
  const roundCount = case_.kind === 'memory' ? Math.min(plan.roundCount, 3) : plan.roundCount;
  for (let round = 1; round <= roundCount; round++) {
    let payloadBytes = case_.payloadBytes;
    for (const peer of measured) {
      if (problems[peer] !== undefined) continue;
      process.stderr.write(`${case_.id} ${round}/${roundCount} ${peers[peer].label} … `);
      try {
        const found = await measureOnce(case_, peer, peers[peer], payloadBytes);
        rounds[peer].push(found);
        // Our engine is to move the octets that the broker's deliveries have.
        if (peer === 'broker') payloadBytes = Math.round(found.meanPayloadBytes);
        else payloadBytes = case_.payloadBytes;
        console.error(words(case_, found));
      } catch (error) {
        problems[peer] = error.message;
        console.error(error.message);
      }
    }
  }
  const summaries = Object.fromEntries(
    Object.entries(rounds)
      .filter(([peer, found]) => found.length > 0 && problems[peer] === undefined)
      .map(([peer, found]) => [peer, summaryOf(found)]),
  );
  return { case_, summaries, problems };
}

function measureOnce(case_, peer, program, payloadBytes) {
  if (case_.kind === 'memory') {
    return measureMemory(case_, peer, program);
  }
  const isProfiled = flags.profile && peer === case_.ours;
  const profiles = ['--cpu-prof', `--cpu-prof-dir=${join(benchFolder, 'profiles', case_.id)}`];
  return measureCpu(case_, peer, program, plan, payloadBytes, isProfiled ? profiles : []);
}

/** Twelve sockets for ten: some are opened before the others are counted. */
function affordable(connectionCount) {
  const limit = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout?.trim();
  const most = limit === 'unlimited' ? Infinity : Math.floor((Number(limit) - 200) / 1.2);
  if (connectionCount > most) console.error(`only ${most} connections: ulimit -n is ${limit}`);
  return Math.min(connectionCount, most);
}

function words(case_, { cost, messagesPerSecond, clientCpuShare }) {
  if (case_.kind === 'memory') return `${Math.round(cost)} B per connection`;
  const busy = clientCpuShare > 0.9 ? ', load process busy' : '';
  return `${cost.toFixed(2)} µs per ${case_.unit}, ${Math.round(messagesPerSecond)} per second${busy}`;
}
