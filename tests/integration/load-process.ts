/** Owns the process that makes load for the hardening tests: idle connections, churn, floods and readers, as raw sockets. */
import { connect, type Socket } from 'node:net';

export type LoadTask =
  | {
      readonly kind: 'idle';
      readonly port: number;
      readonly count: number;
      readonly isBare: boolean;
    }
  | {
      readonly kind: 'sessions';
      readonly port: number;
      readonly count: number;
      /** Header fields of each handshake beside those that it needs. */
      readonly fieldCount: number;
    }
  | {
      readonly kind: 'churn';
      readonly port: number;
      readonly perSecond: number;
      readonly forMs: number;
    }
  | {
      readonly kind: 'flood';
      readonly port: number;
      readonly frame: number[];
      readonly perSecond: number;
    }
  | { readonly kind: 'readers'; readonly port: number; readonly count: number }
  | { readonly kind: 'stuck'; readonly port: number }
  | { readonly kind: 'latencies' }
  | { readonly kind: 'end' };

export interface LoadReport {
  readonly name: 'open' | 'done' | 'latencies' | 'ended';
  readonly count: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Octets that came back. */
  readonly receivedBytes?: number;
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
const PONG = Buffer.of(0x8a, 0x80, 0, 0, 0, 0);
const CLOSE = Buffer.of(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8);
const HELLO = Buffer.of(0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69);
/** `{"type":"connect"}`. */
const CONNECT = Buffer.concat([
  Buffer.of(0x81, 0x80 | 18, 0, 0, 0, 0),
  Buffer.from('{"type":"connect"}'),
]);
const BATCH = 200;

const sockets: Socket[] = [];
let opened = 0;

function report(value: LoadReport): void {
  process.send?.(value);
}

/** Ports of one source address are few, so they are spread over many. */
function open(port: number): Socket {
  opened += 1;
  const socket = connect({
    port,
    host: '127.0.0.1',
    localAddress: `127.0.0.${2 + (opened % 20)}`,
    noDelay: true,
  });
  socket.on('error', () => {});
  return socket;
}

/** Opens and waits for the answer to the handshake. */
function openUpgraded(port: number): Promise<Socket> {
  const socket = open(port);
  socket.write(UPGRADE);
  return new Promise((resolve) => {
    socket.once('data', () => resolve(socket));
    socket.once('close', () => resolve(socket));
  });
}

async function openIdle(port: number, count: number, isBare: boolean): Promise<void> {
  const openOne = async (): Promise<void> => {
    const socket = isBare ? open(port) : await openUpgraded(port);
    if (isBare) await new Promise((resolve) => socket.once('connect', resolve));
    else socket.on('data', () => socket.write(PONG));
    sockets.push(socket);
  };
  for (let left = count; left > 0; left -= BATCH) {
    await Promise.all(Array.from({ length: Math.min(left, BATCH) }, openOne));
  }
  report({ name: 'open', count: sockets.filter((socket) => !socket.destroyed).length });
}

/** Opens sessions of the native dialect that then say nothing more. */
async function openSessions(port: number, count: number, fieldCount: number): Promise<void> {
  const fields = Array.from(
    { length: fieldCount },
    (_, index) => `X-Field-${index}: of a cookie's size\r\n`,
  );
  const head = UPGRADE.replace('GET / ', 'GET /ws?room=1 ').replace(
    /\r\n$/,
    `Sec-WebSocket-Protocol: tideway.v1\r\n${fields.join('')}\r\n`,
  );
  const openOne = async (): Promise<void> => {
    const socket = open(port);
    socket.write(head);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write(CONNECT);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.on('data', () => socket.write(PONG));
    sockets.push(socket);
  };
  for (let left = count; left > 0; left -= BATCH) {
    await Promise.all(Array.from({ length: Math.min(left, BATCH) }, openOne));
  }
  report({ name: 'open', count: sockets.filter((socket) => !socket.destroyed).length });
}

/** Ends as connections do: by a closing handshake, an end, a reset, or in the middle of the handshake. */
async function comeAndGo(port: number, manner: number): Promise<void> {
  if (manner === 3) {
    const half = open(port);
    half.write(UPGRADE.slice(0, 40), () => half.destroy());
    await new Promise((resolve) => half.once('close', resolve));
    return;
  }
  const socket = await openUpgraded(port);
  socket.write(HELLO);
  await new Promise((resolve) => {
    socket.once('data', resolve);
    socket.once('close', resolve);
  });
  const gone = new Promise((resolve) => socket.once('close', resolve));
  if (manner === 0) socket.write(CLOSE);
  else if (manner === 1) socket.end();
  else socket.resetAndDestroy();
  if (!socket.destroyed) await gone;
}

async function churn(port: number, perSecond: number, forMs: number): Promise<void> {
  const startedAtMs = performance.now();
  const running = new Set<Promise<void>>();
  let count = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startedAtMs;
      const due = Math.min(elapsedMs, forMs) * (perSecond / 1000);
      while (count < due) {
        const one = comeAndGo(port, count++ % 4).finally(() => running.delete(one));
        running.add(one);
      }
      if (elapsedMs < forMs) return;
      clearInterval(timer);
      resolve();
    }, 10);
  });
  await Promise.all(running);
  report({ name: 'done', count });
}

async function flood(port: number, frame: Buffer, perSecond: number): Promise<void> {
  const socket = await openUpgraded(port);
  let receivedBytes = 0;
  let count = 0;
  socket.on('data', (chunk: Buffer) => (receivedBytes += chunk.length));
  const burst = Buffer.concat(Array.from({ length: perSecond / 100 }, () => frame));
  const timer = setInterval(() => {
    count += perSecond / 100;
    socket.write(burst);
  }, 10);
  socket.once('close', () => {
    clearInterval(timer);
    report({ name: 'ended', count, receivedBytes });
  });
}

let latenciesMs: number[] = [];
let deliveredCount = 0;

/** Reads messages of one size whose first eight octets say when they were sent. */
async function read(port: number): Promise<void> {
  const socket = await openUpgraded(port);
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const nowMs = Number(process.hrtime.bigint()) / 1e6;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (;;) {
      if (rest.length - at < 4) break;
      const end = at + 4 + rest.readUInt16BE(at + 2);
      if (rest.length < end) break;
      latenciesMs.push(nowMs - rest.readDoubleBE(at + 4));
      deliveredCount += 1;
      at = end;
    }
    rest = rest.subarray(at);
  });
  sockets.push(socket);
}

function tellLatencies(): void {
  const sorted = latenciesMs.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0;
  report({ name: 'latencies', count: deliveredCount, p50Ms: at(0.5), p99Ms: at(0.99) });
  latenciesMs = [];
  deliveredCount = 0;
}

async function run(task: LoadTask): Promise<void> {
  switch (task.kind) {
    case 'idle':
      return openIdle(task.port, task.count, task.isBare);
    case 'sessions':
      return openSessions(task.port, task.count, task.fieldCount);
    case 'churn':
      return churn(task.port, task.perSecond, task.forMs);
    case 'flood':
      return flood(task.port, Buffer.from(task.frame), task.perSecond);
    case 'readers':
      await Promise.all(Array.from({ length: task.count }, () => read(task.port)));
      report({ name: 'open', count: sockets.length });
      return;
    case 'stuck': {
      const socket = await openUpgraded(task.port);
      socket.pause();
      sockets.push(socket);
      return;
    }
    case 'latencies':
      tellLatencies();
      return;
    case 'end':
      for (const socket of sockets.splice(0)) socket.destroy();
  }
}

process.on('message', (task) => void run(task as LoadTask));
