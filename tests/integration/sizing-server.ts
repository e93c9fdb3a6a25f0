/** Owns the server process of the sizing test: a server with options, what it keeps when it is told to, and what that costs. */
import { createServer, MemoryMetrics, type ServerOptions } from 'tideway';
import { usedBytes } from './hardening-rig.js';

/** What the process is told to do. */
export type SizingTask =
  | { readonly kind: 'listen'; readonly options: ServerOptions }
  | { readonly kind: 'measure' }
  /** Publishes `count` messages with `bytes` octets of body to a destination, in which `#` is the number of each. */
  | {
      readonly kind: 'publish';
      readonly destination: string;
      readonly count: number;
      readonly bytes: number;
      readonly hasId: boolean;
    };

/** What it answers to each task. */
export interface SizingReport {
  readonly url: string;
  /** After a full collection: the heap, and what lies outside of it. */
  readonly usedBytes: number;
  readonly residentBytes: number;
  /** What the server itself counts. */
  readonly retainedBytes: number;
  readonly metrics: Readonly<Record<string, number>>;
}

const metrics = new MemoryMetrics();
let server = createServer();

async function run(task: SizingTask): Promise<void> {
  if (task.kind === 'listen') {
    server = createServer({ ...task.options, metrics, log: false });
    await server.listen({ port: 0 });
  } else if (task.kind === 'publish') {
    const { destination, count, bytes, hasId } = task;
    for (let index = 0; index < count; index++) {
      const options = hasId ? { messageId: `${index}`.padStart(36, '-') } : {};
      const to = destination.replace('#', String(index));
      await server.publish(to, 'x'.repeat(bytes - 2), options).catch(() => {});
    }
  }
}

process.on('message', (task: SizingTask) => {
  void run(task).then(async () => {
    const used = await usedBytes();
    const report: SizingReport = {
      url: server.url ?? '',
      usedBytes: used,
      residentBytes: process.memoryUsage().rss,
      retainedBytes: metrics.value('retained_bytes'),
      metrics: metrics.snapshot(),
    };
    process.send?.(report);
  });
});
