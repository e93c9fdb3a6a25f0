// One measurement: a fresh server process on one core, a fresh load process on another, and what they say.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { loadOf } from './loads.mjs';
import { benchFolder } from './peers.mjs';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5_000;
const canPin = cpus().length > 1 && ['/usr/bin/taskset', '/bin/taskset'].some(existsSync);
const SERVER_CORE = cpus().length - 1;
const LOAD_CORE = cpus().length - 2;

export const pinning = canPin
  ? `server on core ${SERVER_CORE}, load on core ${LOAD_CORE}`
  : 'not pinned to cores';

const pinned = (core, command) => (canPin ? ['taskset', '-c', String(core), ...command] : command);

/** A server program that listens. */
class ServerProcess {
  #child;
  #lines;

  static async start({ command, startTimeoutMs = START_TIMEOUT_MS }, role, nodeFlags = []) {
    const [program, ...args] = command;
    const isNode = program === process.execPath;
    const server = new ServerProcess();
    const whole = pinned(SERVER_CORE, [program, ...(isNode ? nodeFlags : []), ...args, role]);
    server.#child = spawn(whole[0], whole.slice(1), {
      cwd: benchFolder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    server.#lines = createInterface(server.#child.stdout)[Symbol.asyncIterator]();
    server.port = Number(await server.#answer('ready', startTimeoutMs));
    return server;
  }

  // taskset becomes what it starts, so this is the server itself.
  get pid() {
    return this.#child.pid;
  }

  /** The server and whatever it has started: its CPU time is that of all of them. */
  get pids() {
    return descendantsOf(this.pid);
  }

  async collect() {
    this.#child.stdin.write('collect\n');
    return JSON.parse(await this.#answer('collected', 60_000));
  }

  async #answer(word, timeoutMs) {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    const { value } = await this.#lines.next();
    clearTimeout(timer);
    if (!value?.startsWith(`${word} `)) throw new Error(`the server said ${value ?? 'nothing'}`);
    return value.slice(word.length + 1);
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    // The end of its input ends it in order, so that a profile gets written.
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}

function startLoad(order) {
  const child = join(benchFolder, 'load-child.mjs');
  const whole = pinned(LOAD_CORE, [process.execPath, child]);
  const load = spawn(whole[0], whole.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
  load.stdin.end(JSON.stringify(order));
  return load;
}

async function runLoadProcess(order) {
  const load = startLoad(order);
  const [said, complaint, [code]] = await Promise.all([
    text(load.stdout),
    text(load.stderr),
    once(load, 'close'),
  ]);
  if (code !== 0) throw new Error(complaint.trim() || `the load process ended with ${code}`);
  return JSON.parse(said);
}

const roleOf = (case_) => (case_.isCompressed ? 'fan-out-deflate' : case_.kind);

/**
 * CPU time of the server per message. Throws when the run is no measurement: something was dropped, or the peer
 * does not do what the case is about.
 */
export async function measureCpu(case_, peer, program, timing, payloadBytes, nodeFlags) {
  const server = await ServerProcess.start(program, roleOf(case_), nodeFlags);
  try {
    const { idleMs, warmUpMs, durationMs } = timing;
    const load = loadOf(case_, peer, server.port, { warmUpMs, durationMs }, payloadBytes);
    const result = await runLoadProcess({ serverPids: server.pids, idleMs, load });
    if (result.droppedCount > 0) throw new Error(`${result.droppedCount} messages were dropped`);
    if (result.messageCount === 0) throw new Error('no message arrived');
    if (case_.isCompressed && !result.isCompressed) throw new Error('it does not compress');
    return {
      cost: (result.serverCpuMs * 1000) / result.messageCount,
      messagesPerSecond: result.messagesPerSecond,
      p99Ms: result.latencyMs.p99,
      clientCpuShare: result.clientCpuShare,
      meanPayloadBytes: result.meanPayloadBytes,
    };
  } finally {
    // With a profile to write it has to end by itself.
    await server.stop();
  }
}

/** Resident octets per idle connection, between some connections and many more, so that what all share cancels out. */
export async function measureMemory(case_, peer, program) {
  const { connectionCount } = case_;
  const server = await ServerProcess.start(program, 'idle');
  const holders = [];
  const hold = async (count) => {
    const timing = { warmUpMs: 0, durationMs: 600_000, connectionCount: count };
    const load = startLoad({
      serverPids: server.pids,
      idleMs: 0,
      isHolding: true,
      load: loadOf(case_, peer, server.port, timing),
    });
    holders.push(load);
    const { value } = await createInterface(load.stdout)[Symbol.asyncIterator]().next();
    if (value !== 'holding') throw new Error((await text(load.stderr)).trim());
  };
  try {
    const warmCount = Math.ceil(connectionCount / 5);
    await hold(warmCount);
    const before = { ...(await server.collect()), rss: residentBytes(server.pid) };
    await hold(connectionCount);
    const after = { ...(await server.collect()), rss: residentBytes(server.pid) };
    const per = (name) => (after[name] - before[name]) / connectionCount;
    return { cost: per('rss'), heapBytes: per('heapUsed') + per('external') };
  } finally {
    for (const holder of holders) holder.kill('SIGKILL');
    await server.stop();
  }
}

function residentBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** A process and those below it, where there is /proc. */
function descendantsOf(pid) {
  if (!existsSync('/proc/self/stat')) return [pid];
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)]);
  const found = [pid];
  for (const parent of found) {
    found.push(...parents.filter(([, of]) => of === parent).map(([child]) => child));
  }
  return found;
}

function parentOf(pid) {
  try {
    // The name of the program may have spaces and parentheses; what follows the last one has not.
    return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ')[1]);
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
