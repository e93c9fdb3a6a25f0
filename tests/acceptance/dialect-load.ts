/** Owns the process that makes load in both dialects for the hardening tests of the server: idle sessions, churn, readers. */
import { answer } from './child.js';
import { Ground } from './ground.js';
import { clientFrame, text, type RawConnection } from './raw-connection.js';

export type Dialect = 'native' | 'stomp';

export interface CrowdArgument {
  readonly port: number;
  readonly dialect: Dialect;
  readonly count: number;
}

export interface ChurnArgument {
  readonly port: number;
  readonly dialect: Dialect;
  readonly perSecond: number;
  readonly forMs: number;
}

export interface LatencyReport {
  readonly count: number;
  readonly p99Ms: number;
}

const TOPIC = '/topic/all';
const PING = 0x89;
const PONG = clientFrame(0x8a);
const CLOSE = clientFrame(0x88, Buffer.of(0x03, 0xe8));
const MARK = /"at":([\d.]+),/g;

let ground: Ground | undefined;
let latenciesMs: number[] = [];
const stuckOnes: RawConnection[] = [];

const groundOf = (port: number): Ground => (ground ??= new Ground(port, 'load'));
const open = (on: Ground, dialect: Dialect): Promise<RawConnection> =>
  dialect === 'native' ? on.native() : on.stomp();

/** Subscribes, and waits until that is live. */
async function subscribe(
  connection: RawConnection,
  dialect: Dialect,
  topic: string,
): Promise<void> {
  const live = connection.until(dialect === 'native' ? '"subscribed"' : 'receipt-id:live');
  const frame =
    dialect === 'native'
      ? `{"type":"subscribe","destination":"${topic}"}`
      : `SUBSCRIBE\nid:s\ndestination:${topic}\nreceipt:live\n\n\0`;
  void connection.write(text(frame));
  await live;
}

/** Sends, and waits for the receipt. */
async function send(connection: RawConnection, dialect: Dialect, topic: string): Promise<void> {
  const done = connection.until(dialect === 'native' ? '"receipt"' : 'receipt-id:sent');
  const frame =
    dialect === 'native'
      ? `{"type":"send","id":7,"destination":"${topic}","body":1}`
      : `SEND\ndestination:${topic}\nreceipt:sent\n\n1\0`;
  void connection.write(text(frame));
  await done;
}

/** Sessions that only answer Pings; answers how many are open. */
async function idle({ port, dialect, count }: CrowdArgument): Promise<number> {
  const on = groundOf(port);
  const crowd = await on.many(count, async () => {
    const connection = await open(on, dialect);
    // To an idle session nothing else comes but its own heartbeats, which it did not ask for.
    connection.onChunk = (chunk) => {
      if (chunk[0] === PING) void connection.write(PONG);
    };
    return connection;
  });
  return crowd.filter((connection) => !connection.isClosed).length;
}

/** Readers of one topic, whose messages say when they were sent. */
async function readers({ port, dialect, count }: CrowdArgument): Promise<void> {
  const on = groundOf(port);
  await on.many(count, async () => {
    const connection = await open(on, dialect);
    await subscribe(connection, dialect, TOPIC);
    let rest = '';
    connection.onChunk = (chunk) => {
      const nowMs = Number(process.hrtime.bigint()) / 1e6;
      const heard = rest + chunk.toString('latin1');
      let end = 0;
      for (const { index, 0: whole, 1: atMs } of heard.matchAll(MARK)) {
        latenciesMs.push(nowMs - Number(atMs));
        end = index + whole.length;
      }
      rest = heard.slice(Math.max(end, heard.length - 40));
    };
    return connection;
  });
}

/** A reader that never reads; what it is told stays in the kernel and in the server. */
async function stuck({ port, dialect }: CrowdArgument): Promise<void> {
  const on = groundOf(port);
  const connection = await open(on, dialect);
  await subscribe(connection, dialect, TOPIC);
  connection.socket.pause();
  stuckOnes.push(connection);
}

/** Those that did not read read on, until they are ended; answers how many were told that they were too slow. */
async function readOn(): Promise<number> {
  const told = stuckOnes.splice(0).map((connection) => {
    const slow = connection.until('session/slow-consumer');
    connection.socket.resume();
    return slow;
  });
  return (await Promise.all(told)).filter((seen) => seen === 'seen').length;
}

/** How many messages the readers have had since they were last asked for latencies; costs nothing while they measure. */
function receivedCount(): number {
  return latenciesMs.length;
}

/** Of all of them; to be asked once everything is there, since to sort them keeps those who still read waiting. */
function latencies(): LatencyReport {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  latenciesMs = [];
  return { count: sorted.length, p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0 };
}

/** Lives a short life, and ends as sessions do: by a word, a closing handshake, an end, a reset, or within the handshake. */
async function comeAndGo(on: Ground, dialect: Dialect, manner: number): Promise<void> {
  if (manner === 4) {
    const half = on.bare();
    half.socket.write('GET /ws HTTP/1.1\r\nHost: loc', () => half.close());
    await half.ended;
    return;
  }
  const connection = await open(on, dialect);
  await subscribe(connection, dialect, `/topic/churn/${manner}`);
  await send(connection, dialect, `/topic/churn/${manner}`);
  const bye = dialect === 'native' ? '{"type":"disconnect"}' : 'DISCONNECT\nreceipt:bye\n\n\0';
  if (manner === 0) void connection.write(text(bye));
  else if (manner === 1) void connection.write(CLOSE);
  else if (manner === 2) connection.socket.end();
  else connection.socket.resetAndDestroy();
  await connection.ended;
}

/** Answers how many came and went. */
async function churn({ port, dialect, perSecond, forMs }: ChurnArgument): Promise<number> {
  const startedAtMs = performance.now();
  const running = new Set<Promise<void>>();
  let count = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startedAtMs;
      while (count < (Math.min(elapsedMs, forMs) * perSecond) / 1_000) {
        // A ground for each, since it keeps its connections.
        const one = comeAndGo(new Ground(port, 'churn'), dialect, count++ % 5);
        const tracked: Promise<void> = one.finally(() => running.delete(tracked));
        running.add(tracked);
      }
      if (elapsedMs < forMs) return;
      clearInterval(timer);
      resolve();
    }, 10);
  });
  while (running.size > 0) await Promise.race(running);
  return count;
}

function end(): void {
  ground?.end();
  ground = undefined;
}

answer({ idle, readers, stuck, readOn, receivedCount, latencies, churn, end });
