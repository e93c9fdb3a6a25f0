// Owns `npm run acceptance -- fairness`: runs the attacks and writes what was measured to docs/acceptance.md.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { where, writeSection } from './acceptance-page.mjs';
import { root } from './test-files.mjs';

const WORDS = [
  'What one client, or a crowd within the limits, does to the others. Each attack has a server process of its own',
  '(the built package, `createServer` with default options and both dialects), 200 well-behaved clients in a',
  'second process (half native, half STOMP; each sends with a receipt every 100 to 500 ms, whether or not the',
  'last was answered), and the attacker in a third: raw sockets, frames encoded beforehand.',
  '`npm run acceptance -- fairness` runs them all; `--only` some, `--server` against another build.',
  '',
  "Goals: the longest turn of the server takes at most 25 ms of its main thread's CPU time, which decides; beside",
  'it the receipts of the others come within 100 ms (p99.9); ten times the frames cost at most twelve times the',
  'CPU time; nobody else is disconnected, and somebody new gets in afterwards.',
  "`tests/acceptance/fairness/turn-probe.ts` says how a turn is measured. The collector's part of the longest",
  'turn stands in parentheses, as does the longest wait. CPU is that of all threads, less what the clients cost',
  'without an attack. Kept is what heap and buffers hold after the attackers have gone and the garbage is',
  'collected, beyond what they held before.',
].join('\n');

/** Answers the exit code: 0 when every goal was met. */
export function runFairness(args) {
  const folder = mkdtempSync(join(tmpdir(), 'tideway-fairness-'));
  const report = join(folder, 'report.json');
  const program = 'build/tests/acceptance/fairness/main.js';
  const { status } = spawnSync(process.execPath, [program, ...args, '--report', report], {
    cwd: root,
    stdio: 'inherit',
  });
  // The page is about this build.
  if (existsSync(report) && !args.includes('--server')) {
    const [machine, day] = where();
    const words = `${WORDS}\n\nLast measured with ${machine}, on ${day}.`;
    writeSection('Fairness', words, JSON.parse(readFileSync(report, 'utf8')));
  }
  rmSync(folder, { recursive: true });
  return status ?? 1;
}
