// One run of the load generator in a process of its own, which also reads the server's CPU time at both ends of the measurement.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { runLoad } from '../dist/cli/load/load-run.js';

/** Clock ticks per second in /proc (proc_pid_stat(5)); it is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** How long a server may be busy with connections that have just opened. */
const SETTLE_MS = 200;
/** Share of one core that a server has to use in a warm-up or a measurement, or it is prolonged. */
const WORKING_SHARE = 0.25;

/** User and system time of processes and all their threads, in ms; NaN where there is no /proc. */
const cpuMs = (pids) => pids.reduce((total, pid) => total + cpuMsOf(pid), 0);

function cpuMsOf(pid) {
  try {
    // The name of the program may have spaces and parentheses; what follows the last one has not.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  } catch {
    return NaN;
  }
}

function withUrls(value) {
  return JSON.parse(JSON.stringify(value), (key, member) =>
    key === 'url' ? new URL(member) : member,
  );
}

const { serverPids, idleMs, isHolding, load } = withUrls(JSON.parse(await text(process.stdin)));
let idleShare = 0;
let beganAt = NaN;
let begin = NaN;
let end = NaN;
const result = await runLoad(load, {
  async connected() {
    if (isHolding) console.log('holding');
    // Whatever connecting left to do is not what the server does when nobody asks anything of it.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const before = cpuMs(serverPids);
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    beganAt = cpuMs(serverPids);
    idleShare = idleMs > 0 ? (beganAt - before) / idleMs : 0;
  },
  // On a busy machine the clock runs and the server does not: it has to have worked, not just waited.
  isWarm: () => !(cpuMs(serverPids) - beganAt < load.warmUpMs * WORKING_SHARE),
  measuringBegins: () => (begin = cpuMs(serverPids)),
  isMeasured: () => !(cpuMs(serverPids) - begin < load.durationMs * WORKING_SHARE),
  measuringEnds: () => (end = cpuMs(serverPids)),
}).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
const serverCpuMs = end - begin - idleShare * result.durationMs;
console.log(JSON.stringify({ ...result, serverCpuMs, idleShare }));
process.exit(0);
