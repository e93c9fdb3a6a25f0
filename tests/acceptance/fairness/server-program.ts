/** Owns the program of the server that is attacked: `createServer` with default options, both dialects and every mount. */
import type * as Tideway from 'tideway';
import { SeededRandom } from 'tideway/testing';
import { tellReady } from '../child.js';

const [modulePath, setup = ''] = process.argv.slice(2);
const { createServer, MemoryStreamStore } = (await import(
  modulePath === undefined || modulePath === '' ? 'tideway' : modulePath
)) as typeof Tideway;

const time = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs: number, callback: () => void) => {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
/** A store that never settles an append below `/topic/stalled`, as one whose disk or network hangs. */
function stalledStore(): Tideway.StreamStore {
  const inner = new MemoryStreamStore(time, new SeededRandom(1));
  const append = inner.append.bind(inner);
  inner.append = (destination, message, options) =>
    destination.startsWith('/topic/stalled')
      ? new Promise(() => {})
      : append(destination, message, options);
  return inner;
}

const server = createServer({
  topics: { '/topic/history/**': { historySize: 1_000 } },
  ...(setup === 'stalled-store' && { store: stalledStore() }),
});
server.app.map('/echo', ({ payload }) => payload);
server.app.map('/nothing', () => undefined);
server.app.map('/later', async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
});
server.app.map('/hang', () => new Promise<undefined>(() => {}));
server.app.map('/sends', async ({ send }) => {
  for (let count = 0; count < 100; count++) await send('/topic/sent', count);
});
server.app.map('/fail', () => {
  throw new Error('a fault of the application');
});
const { port } = await server.listen({ port: 0 });
tellReady(port);
