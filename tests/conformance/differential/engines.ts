/** Engines side by side: each takes the octets of a script in its role and says what it accepted and how it closed. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import FayeWebSocket from 'faye-websocket';
import * as undici from 'undici';
import Ws, { WebSocketServer as WsServer } from 'ws';
import { WebSocket, WebSocketServer } from 'tideway/websocket';
import { answerTo } from '../matrix/endpoint.js';
import { CLOSE, FrameReader, type Role } from '../matrix/frames.js';
import { GOOD_HEADERS } from '../raw-peer.js';
import { MAX_MESSAGE_BYTES, type Script } from './random-frames.js';

/** What an engine made of a script. */
export interface Verdict {
  /** Messages that the application got. */
  readonly messages: readonly string[];
  /** The code of the Close frame that it wrote: `empty`, or `none` when it wrote none. */
  readonly closeCode: number | 'empty' | 'none';
}

export interface Engine {
  readonly name: string;
  readonly role: Role;
  run(script: Script): Promise<Verdict>;
  close(): void;
}

/** Silence after which an engine that owes an answer is taken to wait for more octets. */
const QUIET_MS = 120;
const GONE_MS = 500;

type Told = (message: string) => void;
const textOf = (data: string): string => `text ${Buffer.from(data).toString('hex')}`;
const binaryOf = (data: Uint8Array): string => `binary ${Buffer.from(data).toString('hex')}`;

/** Writes a script, waits for a Close frame, the end or silence, and ends. */
async function converse(
  socket: Socket,
  sender: Role,
  script: Script,
): Promise<Verdict['closeCode']> {
  const reader = new FrameReader();
  let closeCode: Verdict['closeCode'] = 'none';
  const answered = new Promise<void>((resolve) => {
    let quiet = setTimeout(resolve, QUIET_MS * 4);
    const done = (): void => {
      clearTimeout(quiet);
      resolve();
    };
    socket.on('data', (chunk: Buffer) => {
      clearTimeout(quiet);
      quiet = setTimeout(resolve, QUIET_MS);
      for (const { first, payload } of reader.read(chunk)) {
        if ((first & 0x0f) !== CLOSE || closeCode !== 'none') continue;
        closeCode = payload.length < 2 ? 'empty' : payload.readUInt16BE(0);
        done();
      }
    });
    socket.on('end', done).on('close', done).on('error', done);
  });
  const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.resume();
  for (const piece of script.pieces(sender)) {
    if (socket.destroyed) break;
    socket.write(piece);
    await nextTurn();
  }
  await answered;
  socket.end();
  const timer = setTimeout(() => socket.destroy(), GONE_MS);
  await gone;
  clearTimeout(timer);
  return closeCode;
}

/** A server of any make: `accept` is called before the connection that the target names. */
function serverEngine(name: string, start: (acceptAs: (target: string) => Told) => Server): Engine {
  const waiting = new Map<string, Told>();
  const server = start((target) => waiting.get(target) ?? (() => {}));
  server.listen(0, '127.0.0.1');
  const listening = once(server, 'listening');
  let count = 0;
  return {
    name,
    role: 'server',
    async run(script) {
      await listening;
      const target = `/${count++}`;
      const messages: string[] = [];
      waiting.set(target, (message) => messages.push(message));
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => {});
      socket.setNoDelay(true);
      socket.write([`GET ${target} HTTP/1.1`, ...GOOD_HEADERS, '', ''].join('\r\n'));
      const head = ((await once(socket, 'data')) as [Buffer])[0];
      socket.pause();
      const end = head.indexOf('\r\n\r\n') + 4;
      if (head.length > end) socket.unshift(head.subarray(end));
      const closeCode = await converse(socket, 'client', script);
      waiting.delete(target);
      return { messages, closeCode };
    },
    close() {
      server.close();
    },
  };
}

/** A client of any make: `open` makes one that tells its messages. */
function clientEngine(name: string, open: (url: string, told: Told) => void): Engine {
  const arrivals = new Map<string, (socket: Socket, request: string) => void>();
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', (request: Buffer) => {
      socket.pause();
      const head = request.toString('latin1');
      arrivals.get(/^GET (\S+)/.exec(head)?.[1] ?? '')?.(socket, head);
    });
  });
  server.listen(0, '127.0.0.1');
  const listening = once(server, 'listening');
  let count = 0;
  return {
    name,
    role: 'client',
    async run(script) {
      await listening;
      const target = `/${count++}`;
      const messages: string[] = [];
      const arrived = new Promise<Verdict['closeCode']>((resolve, reject) => {
        arrivals.set(target, (socket, request) => {
          socket.write(answerTo(request));
          converse(socket, 'server', script).then(resolve, reject);
        });
      });
      open(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${target}`, (message) => {
        messages.push(message);
      });
      const closeCode = await arrived;
      arrivals.delete(target);
      return { messages, closeCode };
    },
    close() {
      server.close();
    },
  };
}

type EmitterSocket = Pick<WebSocket, 'on'>;

function listenTo(socket: EmitterSocket, told: Told): void {
  socket.on('message', (data, isBinary) => {
    told(isBinary ? binaryOf(data as Buffer) : textOf((data as Buffer).toString()));
  });
  socket.on('error', () => {});
}

const LIMITS = { maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false } as const;

function emitterServer(name: string, Class: typeof WebSocketServer): Engine {
  return serverEngine(name, (acceptAs) => {
    const server = createHttpServer();
    new Class({ server, ...LIMITS }).on('connection', (socket, request) => {
      listenTo(socket, acceptAs(request.url ?? ''));
    });
    return server;
  });
}

function emitterClient(name: string, Class: typeof WebSocket): Engine {
  return clientEngine(name, (url, told) => listenTo(new Class(url, LIMITS), told));
}

interface FayeSocket {
  on(event: string, listener: (event: { data: string | Buffer }) => void): unknown;
}

function listenToFaye(socket: FayeSocket, told: Told): void {
  socket.on('message', ({ data }) =>
    told(typeof data === 'string' ? textOf(data) : binaryOf(data)),
  );
  socket.on('error', () => {});
}

const fayeServer = (): Engine =>
  serverEngine('faye-websocket', (acceptAs) =>
    createHttpServer().on('upgrade', (request, socket, head) => {
      const options = { maxLength: MAX_MESSAGE_BYTES };
      listenToFaye(
        new FayeWebSocket(request, socket, head as Buffer, [], options),
        acceptAs(request.url ?? ''),
      );
    }),
  );

const fayeClient = (): Engine =>
  clientEngine('faye-websocket', (url, told) => {
    listenToFaye(new FayeWebSocket.Client(url, [], { maxLength: MAX_MESSAGE_BYTES }), told);
  });

function undiciClient(): Engine {
  const dispatcher = new undici.Agent({ webSocket: { maxPayloadSize: MAX_MESSAGE_BYTES } });
  return clientEngine('undici', (url, told) => {
    const socket = new undici.WebSocket(url, { dispatcher });
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }: { data: string | ArrayBuffer }) => {
      told(typeof data === 'string' ? textOf(data) : binaryOf(new Uint8Array(data)));
    });
    socket.addEventListener('error', () => {});
  });
}

/** All engines, ours first of each role. */
export function startEngines(): readonly Engine[] {
  return [
    emitterServer('ours', WebSocketServer),
    emitterServer('ws', WsServer as unknown as typeof WebSocketServer),
    fayeServer(),
    emitterClient('ours', WebSocket),
    emitterClient('ws', Ws as unknown as typeof WebSocket),
    undiciClient(),
    fayeClient(),
  ];
}
