// Writes the results where they are read: docs/benchmarks.md as a whole, the README between two markers.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describeMachine } from './machine.mjs';
import { figureTable, gateTable, readmeTable } from './report.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const BEGIN = '<!-- bench:start -->';
const END = '<!-- bench:end -->';

export async function writeDocuments(results, peers, plan) {
  await write('docs/benchmarks.md', page(results, peers, plan));
  const readme = readFileSync(`${root}README.md`, 'utf8');
  const [before, after] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`README.md has no ${BEGIN} … ${END}`);
  const section = `${BEGIN}\n\n${readmeTable(results)}\n\n${provenance(plan)}\n\n`;
  await write('README.md', readme.slice(0, before) + section + readme.slice(after));
}

async function write(name, text) {
  const path = root + name;
  const options = await resolveConfig(path);
  writeFileSync(path, await format(text, { ...options, filepath: path }));
}

/** How far the figures can be trusted, in a sentence. */
function provenance({ date, roundCount, isQuick }) {
  const { processor, node } = describeMachine();
  const caution = isQuick ? ' A quick run: read it as a rough picture.' : '';
  return `Measured on ${date}: ${processor}, ${node}, medians of ${roundCount} rounds.${caution}`;
}

function lengthOf({ isQuick, roundCount, durationMs, warmUpMs }) {
  const times = `${durationMs / 1000} s each, after ${warmUpMs / 1000} s of warm-up`;
  return `${isQuick ? 'a **quick** run: ' : ''}${roundCount} rounds, ${times}`;
}

function page(results, peers, plan) {
  const machine = describeMachine();
  const versions = Object.values(peers)
    .filter(({ command }) => command !== undefined)
    .map(({ label, version }) => `${label} ${version}`);
  const missing = Object.values(peers).filter(({ command }) => command === undefined);
  return `# Benchmarks

Written by \`npm run bench\`. How it is measured, and why so: [the method](../bench/README.md). Ratios of one run say
something; the figures alone say more about the machine.

- ${plan.date}, ${lengthOf(plan)}
- ${machine.processor}; ${machine.system}; ${machine.node}; ${machine.pinning}
- ${[...new Set(versions)].join(', ')}
${missing.map(({ label, why }) => `- not measured: ${label}: ${why}\n`).join('')}
## Gates

What Tideway may cost at most, against what others cost in the same run. 1/10 means a tenth of the CPU time.

${gateTable(results, peers)}

## Figures

Cost is CPU time of the server per message (echo) or delivery (fan-out), or resident memory per connection. A p99 is left
out where the load process used more than 90 % of its core. Spread is the distance between the best and the worst round.

${figureTable(results, peers)}
`;
}
