/**
 * Owns telling that the process has no file descriptor left. Node says nothing of it: libuv takes the connections that come then with
 * one that it has in reserve, and closes them unseen.
 */
import { closeSync, openSync } from 'node:fs';
import type { Server } from 'node:http';
import { devNull } from 'node:os';
import type { Cancel, Log, Metrics, Time } from '../foundation/index.js';

/** One descriptor is opened and closed so often: a few microseconds. */
const CHECK_INTERVAL_MS = 1_000;
/** While there is none left, it is said again so often. */
const REPEAT_INTERVAL_MS = 60_000;

const WORDS =
  'no file descriptor is left: connections that come are closed unseen; raise the limit of open files (ulimit -n)';

/** Opens something; what the system answers when there is no room for it, else undefined. */
function exhaustion(): string | undefined {
  try {
    closeSync(openSync(devNull, 'r'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') return code;
  }
  return undefined;
}

/** Looks while an HTTP server listens; answers a way to end it. */
export function watchDescriptors(
  server: Server,
  time: Time,
  log: Log,
  metrics: Metrics,
  exhausted: () => string | undefined = exhaustion,
): Cancel {
  const watch = new DescriptorWatch(time, log, metrics, exhausted);
  const start = (): void => watch.start();
  const stop = (): void => watch.stop();
  server.on('listening', start).on('close', stop);
  if (server.listening) start();
  return () => {
    server.off('listening', start).off('close', stop);
    stop();
  };
}

class DescriptorWatch {
  readonly #time: Time;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #exhaustion: () => string | undefined;
  #stop: Cancel = () => {};
  /** Undefined while there are descriptors. */
  #saidAtMs: number | undefined;

  constructor(time: Time, log: Log, metrics: Metrics, exhausted: () => string | undefined) {
    this.#time = time;
    this.#log = log;
    this.#metrics = metrics;
    this.#exhaustion = exhausted;
  }

  start(): void {
    this.#stop();
    this.#stop = this.#time.after(CHECK_INTERVAL_MS, () => {
      this.#check();
      this.start();
    });
  }

  stop(): void {
    this.#stop();
  }

  #check(): void {
    const code = this.#exhaustion();
    if (code === undefined) {
      if (this.#saidAtMs !== undefined) this.#log.info('there are file descriptors again');
      this.#saidAtMs = undefined;
      return;
    }
    this.#metrics.count('limit_reached', { limit: 'openFiles' });
    const nowMs = this.#time.monotonicMs();
    if (this.#saidAtMs !== undefined && nowMs - this.#saidAtMs < REPEAT_INTERVAL_MS) return;
    this.#saidAtMs = nowMs;
    this.#log.error(WORDS, { code });
  }
}
