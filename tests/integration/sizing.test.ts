/** Shows what a server keeps and what that costs: the formula of docs/reference/sizing.md, and that the sum is bounded and given back. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import type { ServerOptions } from 'tideway';
import WebSocket from 'ws';
import { grouped, tellFigure } from './hardening-rig.js';
import type { SizingReport, SizingTask } from './sizing-server.js';

const isFull = process.env['TIDEWAY_ACCEPTANCE'] === 'sizing';
/** Of things that are measured together. */
const COUNT = isFull ? 1_000 : 20;
const MANY = isFull ? 50_000 : 500;

class SizingServer {
  readonly #child: ChildProcess;

  constructor(context: TestContext) {
    this.#child = fork(new URL('./sizing-server.js', import.meta.url), { stdio: 'inherit' });
    context.after(() => this.#child.kill());
  }

  async ask(task: SizingTask): Promise<SizingReport> {
    this.#child.send(task);
    const [report] = (await once(this.#child, 'message')) as [SizingReport];
    return report;
  }
}

async function serverOf(
  context: TestContext,
  options: ServerOptions,
): Promise<{ server: SizingServer; begun: SizingReport }> {
  const server = new SizingServer(context);
  return { server, begun: await server.ask({ kind: 'listen', options }) };
}

/** A client that keeps nothing of what it is sent but counts of its frames. */
class Client {
  readonly codes = new Map<string, number>();
  readonly #socket: WebSocket;
  #answerCount = 0;
  #waiting: { count: number; resolve: () => void } | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const head = data.toString('latin1', 0, 300);
      if (/"type":"message"/.test(head)) return;
      const code = /"code":"([^"]+)"/.exec(head)?.[1] ?? 'answered';
      this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
      this.#answerCount += 1;
      if (this.#waiting !== undefined && this.#answerCount >= this.#waiting.count) {
        this.#waiting.resolve();
      }
    });
  }

  static async open(url: string): Promise<Client> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, 'tideway.v1');
    const client = new Client(socket);
    await once(socket, 'open');
    await client.ask({ type: 'connect' });
    return client;
  }

  /** Sends a frame and waits for one more answer. */
  async ask(frame: object): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#waiting = { count: this.#answerCount + 1, resolve };
    });
    this.#socket.send(JSON.stringify(frame));
    await answered;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

async function fillRings(client: Client, count: number, bytes: number): Promise<void> {
  const body = 'x'.repeat(bytes);
  for (let index = 0; index < count; index++) {
    const destination = `/topic/large/${index}`;
    await client.ask({ type: 'subscribe', id: index * 2 + 1, destination });
    await client.ask({ type: 'send', id: index * 2 + 2, destination, body });
  }
}

test('[sizing] 300 topics of 1 MB stay within the budget, and are given back', async (context) => {
  const [topicCount, bytes] = isFull ? [300, 1_000_000] : [300, 100_000];
  const maxRetainedBytes = isFull ? 536_870_912 : 40_000_000;
  const { server, begun } = await serverOf(context, { limits: { maxRetainedBytes } });
  const measure = (): Promise<SizingReport> => server.ask({ kind: 'measure' });
  const client = await Client.open(begun.url);
  await fillRings(client, topicCount, bytes);
  const full = await measure();
  const refusedCount = client.codes.get('stream/unavailable') ?? 0;
  assert.ok(refusedCount > 0, 'a client alone has half of the budget');
  assert.ok(full.retainedBytes <= maxRetainedBytes);
  const others = await Client.open(begun.url);
  await fillRings(others, 3, bytes);
  assert.equal(others.codes.get('stream/unavailable'), undefined, 'the next has room');
  await client.close();
  const second = await Client.open(begun.url);
  await fillRings(second, topicCount, bytes);
  assert.ok((await measure()).retainedBytes <= maxRetainedBytes, 'what lingers makes room');
  await second.close();
  await others.close();
  if (!isFull) return;
  let after = await measure();
  const untilMs = performance.now() + 180_000;
  while (after.retainedBytes > 1_000_000 && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    after = await measure();
  }
  assert.ok(after.retainedBytes < 1_000_000, 'given back when they linger no more');
  const grown = ({ residentBytes, usedBytes }: SizingReport): string => {
    const resident = grouped((residentBytes - begun.residentBytes) / 1e6);
    return `${resident} MB resident and ${grouped((usedBytes - begun.usedBytes) / 1e6)} MB in use`;
  };
  tellFigure(
    context,
    `${topicCount} topics of 1 MB by one client: ${refusedCount} refused, ${grown(full)} more than before; ` +
      `when all have gone ${grown(after)}`,
  );
});

test('[sizing] what each kind of thing costs, and is counted as', async (context) => {
  const rows: string[] = [];
  const each = async (
    name: string,
    server: SizingServer,
    count: number,
    act: () => Promise<unknown>,
  ): Promise<void> => {
    const before = await server.ask({ kind: 'measure' });
    await act();
    const after = await server.ask({ kind: 'measure' });
    const of = (field: 'usedBytes' | 'residentBytes' | 'retainedBytes'): string =>
      grouped((after[field] - before[field]) / count);
    rows.push(
      `${name}: ${of('usedBytes')} in use, ${of('residentBytes')} resident, ${of('retainedBytes')} counted`,
    );
  };
  const clients: Client[] = [];
  const { server, begun } = await serverOf(context, {
    limits: { maxRetainedBytes: 1e9, maxWorkBytes: 9e8 },
    topics: { '/topic/history/**': { historySize: 1e6, historyBytes: 1e9 } },
    work: { '/work/**': { maxQueueBytes: 1e9, maxMessageCount: 1e6 } },
    memory: { maxMessageIdCount: 1e6 },
  });
  await each('a connection with its session', server, COUNT, async () => {
    for (let index = 0; index < COUNT; index++) clients.push(await Client.open(begun.url));
  });
  const subscribe = (destination: string, id: number) => async (): Promise<void> => {
    for (const [index, client] of clients.entries()) {
      await client.ask({
        type: 'subscribe',
        id,
        destination: destination.replace('#', String(index)),
      });
    }
  };
  await each('a subscription to a topic that others read', server, COUNT, subscribe('/topic/a', 1));
  await each('a subscription to a topic of its own', server, COUNT, subscribe('/topic/own/#', 2));
  const publish =
    (destination: string, bytes: number, hasId = false) =>
    async () =>
      server.ask({ kind: 'publish', destination, count: MANY, bytes, hasId });
  await each('a stream that nobody follows', server, MANY, publish('/topic/streams/#', 100));
  await each(
    'a message of 100 octets in a history',
    server,
    MANY,
    publish('/topic/history/a', 100),
  );
  await each(
    'a message of 1,000 octets in a history',
    server,
    MANY,
    publish('/topic/history/b', 1_000),
  );
  await each('a message id of 36 characters', server, MANY, publish('/topic/ids', 100, true));
  await each('a message of 100 octets in a work queue', server, MANY, publish('/work/a', 100));
  await each('a message of 1,000 octets in a work queue', server, MANY, publish('/work/b', 1_000));
  const queueCount = isFull ? 4_000 : 100;
  await each('a work queue with one message of 100 octets', server, queueCount, async () =>
    server.ask({
      kind: 'publish',
      destination: '/work/queue/#',
      count: queueCount,
      bytes: 100,
      hasId: false,
    }),
  );
  for (const client of clients) await client.close();
  for (const row of rows) context.diagnostic(isFull ? `figure: ${row}` : row);
});
