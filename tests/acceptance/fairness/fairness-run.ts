/** Owns the run of one attack: its processes, its phases, and what was measured. */
import type { GoForArgument } from './attacker.js';
import type { Attack } from './attacks/index.js';
import { Child } from '../child.js';
import type { ClientsReport } from './good-clients.js';
import {
  MAX_RATIO,
  MAX_RECEIPT_MS,
  MAX_TURN_CPU_MS,
  type TurnReport,
  type UsedReport,
} from './goals.js';

export interface RunOptions {
  /** The module of the server under test; empty: this package. */
  readonly modulePath: string;
  readonly clientCount: number;
  readonly forMs: number;
  /** How much of the attack; 1 is all of it. */
  readonly size: number;
  /** Time that the first go may take. */
  readonly firstGoMs: number;
  /** Whether ten times the frames are compared with once. */
  readonly isCompared: boolean;
}

export interface Outcome {
  readonly name: string;
  readonly what: string;
  /** Full-size goes that were finished in the time. */
  readonly goCount: number;
  readonly clients: ClientsReport | undefined;
  /** Undefined when the server did not answer any more. */
  readonly turn: TurnReport | undefined;
  /** How long the server was asked in vain. */
  readonly silentMs: number;
  /** Resident octets. */
  readonly residentBytes: {
    readonly before: number;
    readonly peak: number;
    readonly after: number;
  };
  /** Heap and buffers in use after the attack and a collection, less those before. */
  readonly keptBytes: number;
  /** CPU time of the server beyond what its clients cost. */
  readonly attackCpuMs: number;
  /** CPU time of the whole attack over that of a tenth of its frames. */
  readonly ratio: number | undefined;
  /** Whether somebody new could connect, subscribe, send and receive afterwards. */
  readonly isOpenToNewcomers: boolean;
  /** What the server said when it ended by itself. */
  readonly ended: string | undefined;
}

const MAX_SILENCE_MS = 15_000;
/** Below this a go costs what nobody can measure. */
const MIN_COST_MS = 5;
const OUTSTANDING_MS = 3_000;
const WARM_MS = 500;
const IDLE_MS = 700;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The server under test with its probe. */
async function startServer(attack: Attack, { modulePath }: RunOptions): Promise<[Child, number]> {
  const server = Child.start(new URL('./server-program.js', import.meta.url), {
    args: [modulePath, attack.setup ?? ''],
    execArgv: ['--import', new URL('./turn-probe.js', import.meta.url).href],
    isFirst: true,
  });
  const port = await server.ready<number>();
  if (port === undefined) throw new Error(`the server does not start: ${server.said}`);
  return [server, port];
}

/** Waits until the server has nothing to do any more; answers the CPU time that it has used by then. */
async function quiet(server: Child, withinMs: number): Promise<number> {
  const untilMs = performance.now() + withinMs;
  for (let last = server.cpuMs(); ;) {
    await wait(60);
    const now = server.cpuMs();
    if (now - last < 6 || performance.now() > untilMs) return now;
    last = now;
  }
}

/** What ten times the frames cost, over once: without other clients, when the code is warm. */
async function compare(attack: Attack, options: RunOptions): Promise<number | undefined> {
  const [server, port] = await startServer(attack, options);
  const attacker = Child.start(new URL('./attacker.js', import.meta.url));
  const cost = async (size: number): Promise<number> => {
    const before = await quiet(server, MAX_SILENCE_MS);
    const fromMs = performance.now();
    await attacker.ask('go', { name: attack.name, port, size }, 2 * MAX_SILENCE_MS);
    const used = (await quiet(server, MAX_SILENCE_MS)) - before;
    longestGoMs = Math.max(longestGoMs, performance.now() - fromMs);
    // The probe and the deadlines cost something while nothing happens.
    return Math.max(MIN_COST_MS, used - idleRate * (performance.now() - fromMs));
  };
  let idleRate = 0;
  let longestGoMs = 0;
  try {
    await cost(0.1);
    const [idleFromMs, fromMs] = [server.cpuMs(), performance.now()];
    await wait(300);
    idleRate = (server.cpuMs() - idleFromMs) / (performance.now() - fromMs);
    await cost(0.1);
    // The middle of three, since one collection is as much as a small go.
    const [, once = 0] = [await cost(0.1), await cost(0.1), await cost(0.1)].toSorted(
      (a, b) => a - b,
    );
    let ratio = (await cost(1)) / once;
    // What else the machine did, or a collection, may have been counted: the better of two.
    if (ratio > MAX_RATIO && longestGoMs < MAX_SILENCE_MS / 3 && server.ended === undefined)
      ratio = Math.min(ratio, (await cost(1)) / once);
    return server.ended === undefined ? ratio : undefined;
  } finally {
    await Promise.all([server.end(), attacker.end()]);
  }
}

/** Runs an attack beside well-behaved clients. */
export async function runAttack(attack: Attack, options: RunOptions): Promise<Outcome> {
  const isCompared = options.isCompared && attack.isScaled !== false;
  const ratio = isCompared ? await compare(attack, options) : undefined;
  const [server, port] = await startServer(attack, options);
  const clients = Child.start(new URL('./good-clients.js', import.meta.url), { isFirst: true });
  const attacker = Child.start(new URL('./attacker.js', import.meta.url));
  try {
    return {
      ...(await besideClients(attack, options, { server, clients, attacker, port })),
      ratio,
    };
  } finally {
    await Promise.all([server.end(), clients.end(), attacker.end()]);
  }
}

interface Processes {
  readonly server: Child;
  readonly clients: Child;
  readonly attacker: Child;
  readonly port: number;
}

async function besideClients(
  attack: Attack,
  { clientCount, forMs, size, firstGoMs }: RunOptions,
  { server, clients, attacker, port }: Processes,
): Promise<Omit<Outcome, 'ratio'>> {
  const joined = await clients.ask<number>('join', { port, count: clientCount }, 20_000);
  if (joined === undefined) throw new Error(`the clients do not get in: ${clients.said}`);
  await wait(WARM_MS);
  const usedBefore = await server.ask<UsedReport>('probe-collect');
  const idleFromMs = server.cpuMs();
  await wait(IDLE_MS);
  const idleRate = (server.cpuMs() - idleFromMs) / IDLE_MS;
  const before = server.residentBytes();
  server.resetPeak();
  await server.ask('probe-begin');
  await clients.ask('begin');
  const [cpuFromMs, fromMs] = [server.cpuMs(), performance.now()];
  const goFor: GoForArgument = { name: attack.name, port, size, forMs, firstGoMs };
  const goes = await attacker.ask<number>('goFor', goFor, forMs + firstGoMs + 5_000);
  const reported = await clients.ask<ClientsReport>('report', { withinMs: OUTSTANDING_MS }, 10_000);
  const askedAtMs = performance.now();
  const turn = await server.ask<TurnReport>('probe-report', undefined, MAX_SILENCE_MS);
  const silentMs = performance.now() - askedAtMs;
  const attackCpuMs = server.cpuMs() - cpuFromMs - idleRate * (performance.now() - fromMs);
  const peak = server.peakBytes();
  const isOpenToNewcomers = turn !== undefined && (await clients.ask<boolean>('newcomer')) === true;
  await attacker.end();
  if (turn !== undefined) await quiet(server, 3_000);
  const usedAfter = turn && (await server.ask<UsedReport>('probe-collect'));
  return {
    name: attack.name,
    what: attack.what,
    goCount: goes ?? 0,
    clients: reported,
    turn,
    silentMs,
    residentBytes: { before, peak, after: server.residentBytes() },
    keptBytes: (usedAfter?.usedBytes ?? NaN) - (usedBefore?.usedBytes ?? NaN),
    attackCpuMs,
    isOpenToNewcomers,
    ended: server.ended === undefined ? undefined : `${server.ended} ${server.said.slice(0, 300)}`,
  };
}

/** The goals that were missed, in words; none when all were met. */
export function missedGoals({
  clients,
  turn,
  ratio,
  isOpenToNewcomers,
  ended,
}: Outcome): readonly string[] {
  const missed: string[] = [];
  if (ended !== undefined) missed.push('the server ended');
  if (turn === undefined) missed.push('the server did not answer');
  else if (turn.longestCpuMs > MAX_TURN_CPU_MS) missed.push('turn');
  if (clients === undefined || clients.p999ReceiptMs > MAX_RECEIPT_MS) missed.push('receipts');
  if ((clients?.lostCount ?? 0) > 0) missed.push('clients lost');
  if (ratio !== undefined && ratio > MAX_RATIO) missed.push('ratio');
  if (turn !== undefined && !isOpenToNewcomers) missed.push('newcomers');
  return missed;
}
