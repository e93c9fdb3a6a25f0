/** Owns one run of the load generator: connect all, warm up, measure, let everything arrive, and say what came of it. */
import process from 'node:process';
import { OPCODE_BINARY, OPCODE_TEXT } from '../../protocol/websocket/index.js';
import { EchoLoad, type RunningLoad } from './echo-load.js';
import { FanOutLoad } from './fan-out-load.js';
import { FrameBelt } from './frame-belt.js';
import { LatencyHistogram } from './latency-histogram.js';
import {
  LoadConnection,
  LoadError,
  newReadBuffer,
  type LoadTarget,
  type SetUpStep,
} from './load-connection.js';

/** Text messages, binary ones, or half of the connections each. */
export type PayloadKind = 'text' | 'binary' | 'mixed';

interface LoadShape {
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** Every connection sends, and gets back what it sent. */
export interface EchoLoadOptions extends LoadShape {
  readonly mode: 'echo';
  readonly target: LoadTarget;
  readonly connectionCount: number;
  readonly payloadBytes: number;
  readonly payloadKind: PayloadKind;
  /** Messages of one connection that are on their way at a time. */
  readonly inFlight: number;
}

/** One connection sends, and all others get it. */
export interface FanOutLoadOptions extends LoadShape {
  readonly mode: 'fan-out';
  readonly subscribers: { readonly target: LoadTarget; readonly steps: readonly SetUpStep[] };
  readonly publisher: { readonly target: LoadTarget; readonly steps: readonly SetUpStep[] };
  readonly subscriberCount: number;
  /** The message that the publisher sends, as text. */
  readonly publication: string;
  /** How many of them it sends in one write. */
  readonly atOnce: number;
}

/** Connections that say nothing. */
export interface IdleLoadOptions extends LoadShape {
  readonly mode: 'idle';
  readonly target: LoadTarget;
  readonly connectionCount: number;
}

export type LoadOptions = EchoLoadOptions | FanOutLoadOptions | IdleLoadOptions;

/** Who is told where a run stands; each may be waited for. */
export interface LoadObserver {
  /** All connections are open, and nothing has been sent. */
  connected?(): Promise<void> | void;
  /** Asked when the warm-up is over by the clock: false prolongs it, up to four times what was asked for. */
  isWarm?(): boolean;
  measuringBegins?(): void;
  /** The same for the measurement. */
  isMeasured?(): boolean;
  measuringEnds?(): void;
}

export interface LoadResult {
  readonly connectionCount: number;
  /** Messages that came in while it was measured: echoes, or deliveries. */
  readonly messageCount: number;
  readonly durationMs: number;
  readonly messagesPerSecond: number;
  /** Octets that came in, by then, on all connections since they opened. */
  readonly receivedBytes: number;
  /** Mean octets of payload of one message, as it was on the wire. */
  readonly meanPayloadBytes: number;
  readonly isCompressed: boolean;
  readonly latencyMs: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** Messages that had been sent and never came; 0 unless something is wrong. */
  readonly droppedCount: number;
  /** Share of one core that this process used; beyond 0.9 the latency says nothing about the server. */
  readonly clientCpuShare: number;
}

/** Connections that are being opened at the same time. */
const CONNECTING_AT_ONCE = 64;
const SET_UP_TIMEOUT_MS = 60_000;
/** Once nothing has arrived for so long, nothing will. */
const ARRIVAL_SILENCE_MS = 2_000;
const MAX_ARRIVAL_TURNS = 15;

/** Runs a load. Rejects with a LoadError when the server does not play along; never longer than four times what was asked for, and 90 s. */
export async function runLoad(
  options: LoadOptions,
  observer: LoadObserver = {},
): Promise<LoadResult> {
  const run = new LoadRun(options);
  try {
    return await run.run(observer);
  } finally {
    run.close();
  }
}

class LoadRun {
  readonly #options: LoadOptions;
  readonly #latencies = new LatencyHistogram();
  readonly #connections: LoadConnection[] = [];
  #load: RunningLoad | undefined = undefined;
  /** Rejects when a connection is lost, whatever is being waited for. */
  readonly #lost: Promise<never>;
  #lose: (error: unknown) => void = () => {};

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#lost = new Promise<never>((_resolve, reject) => (this.#lose = reject));
    this.#lost.catch(() => {});
  }

  async run(observer: LoadObserver): Promise<LoadResult> {
    const { warmUpMs, durationMs } = this.#options;
    await this.#within(SET_UP_TIMEOUT_MS, this.#openAll(), 'the connections did not open in time');
    await observer.connected?.();
    this.#load = this.#newLoad();
    this.#load?.start();
    await this.#passUntil(warmUpMs, () => observer.isWarm?.() ?? true);
    this.#latencies.reset();
    const cpuBefore = process.cpuUsage();
    const countBefore = this.#load?.messageCount ?? 0;
    observer.measuringBegins?.();
    const beganAtMs = performance.now();
    await this.#passUntil(durationMs, () => observer.isMeasured?.() ?? true);
    observer.measuringEnds?.();
    const elapsedMs = performance.now() - beganAtMs;
    const cpu = process.cpuUsage(cpuBefore);
    const messageCount = (this.#load?.messageCount ?? 0) - countBefore;
    const latencyMs = this.#latencySummary();
    await this.#letArrive();
    return {
      connectionCount: this.#connections.length,
      messageCount,
      durationMs: elapsedMs,
      messagesPerSecond: (messageCount / elapsedMs) * 1000,
      latencyMs,
      clientCpuShare: (cpu.user + cpu.system) / 1000 / elapsedMs,
      ...this.#totals(),
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  async #openAll(): Promise<void> {
    const readBuffer = newReadBuffer();
    const wanted = connectionsOf(this.#options);
    let next = 0;
    const openNext = async (): Promise<void> => {
      while (next < wanted.length) {
        const index = next++;
        const { target, steps } = wanted[index]!;
        const connection = new LoadConnection(target, readBuffer, {
          messagesReceived: (messageCount) => this.#received(index, messageCount),
          lost: (error) => this.#lose(error),
        });
        this.#connections[index] = connection;
        await connection.open(steps);
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, openNext));
  }

  #received(index: number, messageCount: number): void {
    try {
      this.#load?.received(index, messageCount);
    } catch (error) {
      this.#lose(error);
    }
  }

  #newLoad(): RunningLoad | undefined {
    const options = this.#options;
    if (options.mode === 'idle') return undefined;
    if (options.mode === 'echo') {
      const payload = payloadOf(options.payloadBytes);
      const belts = opcodesOf(options.payloadKind).map(
        (opcode) => new FrameBelt(opcode, payload, options.inFlight),
      );
      return new EchoLoad(this.#connections, belts, options.inFlight, this.#latencies);
    }
    const { subscriberCount, publication, atOnce } = options;
    const belt = new FrameBelt(OPCODE_TEXT, Buffer.from(publication), atOnce);
    const publisher = this.#connections[subscriberCount]!;
    return new FanOutLoad(publisher, subscriberCount, belt, atOnce, this.#latencies);
  }

  async #letArrive(): Promise<void> {
    const load = this.#load;
    if (load === undefined) return;
    const stopped = load.stop();
    // What does not arrive is counted, not an error of the run.
    for (let turn = 0, before = Infinity; turn < MAX_ARRIVAL_TURNS; turn++) {
      if (load.missingCount === 0 || load.missingCount === before) return;
      before = load.missingCount;
      await this.#within(ARRIVAL_SILENCE_MS, stopped, undefined);
    }
  }

  #totals(): Pick<
    LoadResult,
    'receivedBytes' | 'meanPayloadBytes' | 'isCompressed' | 'droppedCount'
  > {
    const sum = (of: (connection: LoadConnection) => number): number =>
      this.#connections.reduce((total, connection) => total + of(connection), 0);
    const total = this.#load?.messageCount ?? 0;
    return {
      receivedBytes: sum(({ receivedBytes }) => receivedBytes),
      meanPayloadBytes: total === 0 ? 0 : sum(({ payloadBytes }) => payloadBytes) / total,
      isCompressed: this.#connections[0]?.isCompressed ?? false,
      droppedCount: this.#load?.missingCount ?? 0,
    };
  }

  #latencySummary(): LoadResult['latencyMs'] {
    const latencies = this.#latencies;
    return {
      p50: latencies.percentileMs(0.5),
      p99: latencies.percentileMs(0.99),
      p999: latencies.percentileMs(0.999),
      max: latencies.maxMs,
    };
  }

  /** Lets time pass while messages come and go. */
  #pass(durationMs: number): Promise<void> {
    return this.#within(durationMs, new Promise<void>(() => {}), undefined);
  }

  async #passUntil(durationMs: number, isEnough: () => boolean): Promise<void> {
    await this.#pass(durationMs);
    const step = durationMs / 4;
    for (let prolonged = 0; prolonged < 3 * durationMs && !isEnough(); prolonged += step) {
      await this.#pass(step);
    }
  }

  /** Waits for something, or for the time to be over: an error with `tooLate`, else the end of the wait. */
  async #within(
    timeoutMs: number,
    done: Promise<void>,
    tooLate: string | undefined,
  ): Promise<void> {
    let timer: NodeJS.Timeout | undefined = undefined;
    const timeout = new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => {
        if (tooLate === undefined) resolve();
        else reject(new LoadError(tooLate));
      }, timeoutMs);
    });
    try {
      await Promise.race([done, timeout, this.#lost]);
    } finally {
      clearTimeout(timer);
    }
  }
}

interface WantedConnection {
  readonly target: LoadTarget;
  readonly steps: readonly SetUpStep[];
}

/** What each connection is to be, in order; the publisher is the last. */
function connectionsOf(options: LoadOptions): readonly WantedConnection[] {
  if (options.mode === 'fan-out') {
    const { subscribers, subscriberCount, publisher } = options;
    return [...Array.from({ length: subscriberCount }, () => subscribers), publisher];
  }
  const { target } = options;
  const steps: readonly SetUpStep[] =
    options.mode === 'echo' && !target.isRaw ? [{ send: GREETING }, { expect: GREETING }] : [];
  return Array.from({ length: options.connectionCount }, () => ({ target, steps }));
}

/** What an echo server is tried with before the run. */
const GREETING = 'Is this an echo?';

function opcodesOf(kind: PayloadKind): readonly number[] {
  if (kind === 'mixed') return [OPCODE_TEXT, OPCODE_BINARY];
  return [kind === 'text' ? OPCODE_TEXT : OPCODE_BINARY];
}

/** Text that is JSON in its look, all ASCII, so that every server may treat it as either kind. */
function payloadOf(byteLength: number): Buffer {
  const words = '{"name":"Ada","text":"the same message again","count":1234567890}, ';
  return Buffer.from(words.repeat(Math.ceil(byteLength / words.length)).slice(0, byteLength));
}
