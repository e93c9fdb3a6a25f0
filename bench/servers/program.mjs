// What all server programs of the benchmark have in common: their role, the line that says they listen, forced collections.
import process from 'node:process';
import { createInterface } from 'node:readline';

/** `echo`, `fan-out`, `fan-out-deflate` or `idle`. */
export const role = process.argv[2] ?? 'echo';

/** Far beyond what any case has on its way, so that nobody drops a message or a connection. */
export const UNLIMITED_BYTES = 256 * 1_048_576;

/** Says where to connect, and then answers each line `collect` with what is left after a collection. */
export function ready(port, collect = collectInNode) {
  console.log(`ready ${port}`);
  const orders = createInterface(process.stdin);
  orders.on('line', () => void tellWhatIsLeft(collect));
  // Whoever started it is done with it, or gone.
  orders.on('close', () => process.exit(0));
}

async function tellWhatIsLeft(collect) {
  await collect();
  const { heapUsed, external } = process.memoryUsage();
  console.log(`collected ${JSON.stringify({ heapUsed, external })}`);
}

async function collectInNode() {
  // Bun has no need of it.
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connect();
  // A second one collects what the finalizers of the first let go; the turns between let sockets settle.
  for (let turn = 0; turn < 4; turn++) {
    // It also gives back V8's room for new objects: one for the process, up to 32 MB after a rush of connections, which would
    // look like 3 KB of each of them. A process that rests loses it by itself after half a minute.
    await new Promise((collected) => session.post('HeapProfiler.collectGarbage', collected));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  session.disconnect();
}

/** Calls `publish` once for each message that comes from `/pub`; what it needs of the others comes from `/sub`. */
export const isSubscriber = (url) => url.startsWith('/sub');
