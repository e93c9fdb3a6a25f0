/**
 * Owns the measurement of turns inside the server process; it is `--import`ed there, so any server can be measured.
 *
 * A timer of one millisecond looks, each time it runs, at the CPU time of the main thread. It runs once in every turn of the loop that
 * begins when it is due, so what lies between two looks is at most one turn that outlasted the timer, and the millisecond of short
 * ones before it: the longest stretch is the longest turn, or up to a millisecond more. CPU time, because on a busy machine the wall
 * clock goes on while the thread does not run; that of the thread, because the collector has threads of its own. Linux counts
 * it in `schedstat`, exactly after `getrusage`, which brings the counters up to date; elsewhere the whole process is taken.
 */
import { openSync, readSync } from 'node:fs';
import { PerformanceObserver, performance, type PerformanceEntry } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { answer } from '../child.js';
import { MAX_TURN_CPU_MS, type TurnReport, type UsedReport } from './goals.js';

interface Turn {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly cpuMs: number;
}

const statistics = openStatistics();
const line = Buffer.alloc(96);
const NO_TURN: Turn = { fromMs: 0, untilMs: 0, cpuMs: 0 };
const MAX_COLLECTION_COUNT = 10_000;

let longest = NO_TURN;
let overCount = 0;
let collections: PerformanceEntry[] = [];
let lastCpuMs = cpuMs();
let lastMs = performance.now();

function openStatistics(): number | undefined {
  try {
    return openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    return undefined;
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  if (statistics === undefined) return (user + system) / 1000;
  const length = readSync(statistics, line, 0, line.length, 0);
  return Number(line.toString('latin1', 0, line.subarray(0, length).indexOf(0x20))) / 1e6;
}

function look(): void {
  const [nowCpuMs, nowMs] = [cpuMs(), performance.now()];
  const turn = { fromMs: lastMs, untilMs: nowMs, cpuMs: nowCpuMs - lastCpuMs };
  if (turn.cpuMs > longest.cpuMs) longest = turn;
  if (turn.cpuMs > MAX_TURN_CPU_MS) overCount += 1;
  lastCpuMs = nowCpuMs;
  lastMs = nowMs;
}

const observer = new PerformanceObserver((list) => keep(list.getEntries()));
observer.observe({ entryTypes: ['gc'] });

function keep(entries: readonly PerformanceEntry[]): void {
  for (const entry of entries) if (entry.duration >= 1) collections.push(entry);
  if (collections.length > MAX_COLLECTION_COUNT)
    collections = collections.slice(-MAX_COLLECTION_COUNT);
}

function begin(): void {
  look();
  longest = NO_TURN;
  overCount = 0;
  collections = [];
}

function report(): TurnReport {
  look();
  keep(observer.takeRecords());
  const within = collections.map(({ startTime, duration }) => {
    const until = Math.min(startTime + duration, longest.untilMs);
    return Math.max(0, until - Math.max(startTime, longest.fromMs));
  });
  return {
    longestCpuMs: longest.cpuMs,
    longestWallMs: longest.untilMs - longest.fromMs,
    collectorMs: within.reduce((sum, ms) => sum + ms, 0),
    overCount,
  };
}

async function collect(): Promise<UsedReport> {
  setFlagsFromString('--expose-gc');
  const collectNow = runInNewContext('gc') as () => void;
  // Finalizers of buffers and sockets run between collections.
  for (let round = 0; round < 4; round++) {
    collectNow();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return { usedBytes: heapUsed + external };
}

setInterval(look, 1).unref();
answer({ 'probe-begin': begin, 'probe-report': report, 'probe-collect': collect });
