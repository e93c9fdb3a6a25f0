/** Owns what `tideway bench` does: the checks before a load, the load, and what is printed. */
import { randomBytes } from 'node:crypto';
import { NATIVE_SUBPROTOCOL } from '../protocol/native/index.js';
import { tokenOf } from './connection.js';
import { failed, wrongUse } from './failure.js';
import { LoadError, type LoadTarget, type SetUpStep } from './load/load-connection.js';
import { runLoad, type LoadOptions, type LoadResult, type PayloadKind } from './load/load-run.js';
import type { Terminal } from './terminal.js';

export interface BenchFlags {
  readonly mode: 'echo' | 'subscribe';
  readonly connections: number;
  readonly size: number;
  readonly inFlight: number;
  readonly duration: number;
  readonly warmUp: number;
  readonly payload: PayloadKind;
  readonly destination?: string;
  readonly token?: string;
  readonly json?: boolean;
  readonly remote?: boolean;
}

export async function bench(address: string, flags: BenchFlags, terminal: Terminal): Promise<void> {
  const url = checkedUrl(address);
  if (flags.remote !== true && !isLoopback(url.hostname)) {
    throw wrongUse(
      `${url.host} is not this machine. A load takes a server down that is not meant for it; ` +
        'if it is yours, say --remote',
    );
  }
  const options = flags.mode === 'echo' ? echoOf(url, flags) : fanOutOf(url, flags, terminal);
  const count = flags.connections;
  terminal.note(`${count} connections to ${url.href}, ${flags.duration / 1000} s …`);
  try {
    const result = await runLoad(options);
    print(result, flags, terminal);
  } catch (error) {
    throw error instanceof LoadError ? failed(`${error.message}${hintOf(flags)}`) : error;
  }
}

function checkedUrl(address: string): URL {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw wrongUse(`${address} is no URL; one looks like ws://localhost:8080/ws`);
  }
  if (url.protocol === 'ws:' || url.protocol === 'wss:') return url;
  throw wrongUse(`${address} is no WebSocket URL: it begins with ws: or wss:`);
}

/** Names are not looked up: what a name means is decided elsewhere, and may change. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
  );
}

function echoOf(url: URL, flags: BenchFlags): LoadOptions {
  return {
    mode: 'echo',
    target: { url, headers: {}, isRaw: false },
    connectionCount: flags.connections,
    payloadBytes: flags.size,
    payloadKind: flags.payload,
    inFlight: flags.inFlight,
    warmUpMs: flags.warmUp,
    durationMs: flags.duration,
  };
}

function fanOutOf(url: URL, flags: BenchFlags, terminal: Terminal): LoadOptions {
  const token = tokenOf(flags, terminal);
  const destination = flags.destination ?? `/topic/bench/${randomBytes(8).toString('hex')}`;
  const target: LoadTarget = {
    url,
    headers: { 'Sec-WebSocket-Protocol': NATIVE_SUBPROTOCOL },
    isRaw: false,
  };
  const connect: readonly SetUpStep[] = [
    { send: JSON.stringify({ type: 'connect', token }) },
    { expect: '"type":"connected"' },
  ];
  const subscribe: readonly SetUpStep[] = [
    { send: JSON.stringify({ type: 'subscribe', id: 1, destination }) },
    { expect: '"type":"subscribed"' },
  ];
  return {
    mode: 'fan-out',
    subscribers: { target, steps: [...connect, ...subscribe] },
    publisher: { target, steps: connect },
    subscriberCount: flags.connections,
    publication: JSON.stringify({ type: 'send', destination, body: 'x'.repeat(flags.size) }),
    atOnce: flags.inFlight,
    warmUpMs: flags.warmUp,
    durationMs: flags.duration,
  };
}

function print(result: LoadResult, flags: BenchFlags, terminal: Terminal): void {
  if (flags.json === true) terminal.print(JSON.stringify(result));
  else {
    const what = flags.mode === 'echo' ? 'messages' : 'deliveries';
    const { p50, p99, p999, max } = result.latencyMs;
    const perSecond = Math.round(result.messagesPerSecond).toLocaleString('en');
    terminal.print(`${terminal.bold(perSecond)} ${what} per second`);
    terminal.print(`latency p50 ${ms(p50)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, max ${ms(max)}`);
    terminal.print(
      terminal.dim(
        `${result.messageCount} ${what} in ${(result.durationMs / 1000).toFixed(2)} s, ` +
          `${Math.round(result.meanPayloadBytes)} octets each, ${result.droppedCount} lost`,
      ),
    );
  }
  if (result.clientCpuShare > 0.9) {
    terminal.note('the load generator was busy: the server can do more than this, and sooner');
  }
  if (result.droppedCount > 0) throw failed(`${result.droppedCount} messages never arrived`);
}

function ms(latencyMs: number): string {
  return `${latencyMs.toFixed(latencyMs < 10 ? 2 : 0)} ms`;
}

function hintOf({ mode }: BenchFlags): string {
  return mode === 'echo'
    ? '. Mode echo needs a server that sends back what it gets'
    : '. Mode subscribe needs a Tideway server; for any other that echoes, say --mode echo';
}
